"""Inverts any number of pictures, batch by batch: reads, computes, writes, resumes.

A picture that cannot be read or written is reported and the others go on. What is
computed is the business of an `engines.Engine`; nothing here knows of generators.
"""

import contextlib
import dataclasses
import pathlib
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from experiments.launch import signals
from experiments.runs import engines, filming, processes, saved_files
from experiments.runs import journal as journals
from jax_encoder.errors import InputError
from jax_encoder.io import codes, files, films, finite, images, locks, names, progress

_EXTENSIONS = (".npz", ".npy", ".png")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How to run.

    Attributes:
      batch_size: pictures per compiled program, rounded up to the engine's multiple;
        the last batch is padded.
      film: "" or the extension of the films, such as ".mp4".
      fps: frames per second of the films; one frame per chunk.
      crop: how pictures become square; of `images.fit`.
      resume: go on with an interrupted run.
      overwrite: replace the results of any other run in the output directory.
    """

    batch_size: int = 8
    film: str = ""
    fps: float = 10.0
    crop: str = "center"
    resume: bool = False
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class _Picture:
    """A picture that was read: its file and what it became."""

    path: pathlib.Path
    name: str
    digest: str
    target: np.ndarray
    note: str


def invert(
    paths: Sequence[pathlib.Path],
    output: pathlib.Path,
    engine: engines.Engine,
    options: BatchOptions,
    reporter: progress.Progress | None = None,
    *,
    named: Mapping[pathlib.Path, str] | None = None,
    refused: Mapping[str, str] | None = None,
    details: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Inverts pictures and writes `<name>.npz`, `.npy`, `.png` and films.

    Args:
      paths: the pictures.
      output: directory, made if missing; none of the pictures' own.
      engine: computes.
      options: how to run.
      reporter: is told what is done; by default a bar or lines on standard error.
      named: the names of the pictures, unique; by default those of `names.unique`.
      refused: names of pictures that cannot be inverted, with the reasons.
      details: JSON values to write into the code files of the pictures named.

    Returns:
      A row per picture, in the order of `paths`: name, file, status ("ok", "diverged",
      "failed"), reason where it is not ok, measures and seconds.

    Raises:
      ValueError: `output` is a directory of the pictures, or no film has this
        extension.
      SettingsError: the directory holds results of another run, or on resume: the
        earlier run had other settings.
      LockedError: another run is writing to the directory.
      WriteError: the output directory cannot be written to at all.
    """
    if options.film:
        films.check(f"film{options.film}")
    if any(path.parent.resolve() == output.resolve() for path in paths):
        raise InputError(
            f"The pictures are in {str(output)!r} themselves, where reconstructions"
            " would replace them; choose another output directory."
        )
    paths = list(dict.fromkeys(paths))
    named = named or names.unique(paths, taken=names.RESERVED)
    files.make_directory(output)
    with locks.hold(output, _lock_name()):
        return _invert(
            paths,
            named,
            output,
            engine,
            options,
            reporter,
            refused or {},
            details or {},
        )


def _lock_name() -> str:
    """The lock's file; processes that share a run have one each."""
    index = jax.process_index()
    return f"{journals.DIRECTORY}{f'_{index}' if index else ''}.lock"


def _invert(
    paths,
    named,
    output,
    engine,
    options,
    reporter,
    refused: Mapping[str, str],
    details: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """What `invert` does while it holds the folder."""
    if options.overwrite and not options.resume and jax.process_index() == 0:
        journals.remove_results(output)
    processes.wait("earlier results are removed")
    journal = journals.Journal(
        output,
        dict(engine.settings),
        resume=options.resume,
        process=jax.process_index(),
        names=None if options.overwrite else set(named.values()),
    )
    processes.wait("journals are open")  # One clears the directory before all write.
    extensions = (*_EXTENSIONS, *engine.extensions)
    done = {
        path
        for path in paths
        if _is_done(path, named[path], output, journal, extensions)
    }
    reporter = reporter or progress.Progress(
        len(paths), done=len(done), description="Inverting"
    )
    with contextlib.closing(reporter), signals.saving():
        run = _Run(paths, named, done, output, engine, options, journal, reporter)
        run.details = details
        return run.run(refused)


def _is_done(path, name, output, journal, extensions) -> bool:
    """Whether an earlier run finished this very picture and its files are there."""
    row = journal.records.get(name)
    if row is None or row["file"] != str(path):
        return False
    noted = journal.outputs.get(name)
    if not saved_files.are_whole(output / name, extensions, noted):
        return False
    with contextlib.suppress(OSError):
        return row["sha256"] == files.sha256(path)
    return False


class _Run:
    """One call of `invert`."""

    def __init__(self, paths, named, done, output, engine, options, journal, reporter):
        self.paths, self.named, self.done = paths, named, done
        self.output, self.engine = output, engine
        self.options, self.journal, self.reporter = options, journal, reporter
        self.rows: dict[pathlib.Path, dict[str, Any]] = {}
        size = max(1, min(options.batch_size, len(paths)))
        self.size = -(-size // engine.multiple) * engine.multiple
        self.can_save = True
        self.details: Mapping[str, Mapping[str, Any]] = {}

    def run(self, refused: Mapping[str, str]) -> list[dict[str, Any]]:
        todo = self._todo(refused)
        saved = self.journal.load_batch()
        if saved is not None:
            todo = self._resume(saved, todo)
        self.journal.drop_batch()
        batch: list[_Picture] = []
        for position, path in enumerate(todo):
            picture = self._read(path)
            if picture is not None:
                batch.append(picture)
            is_last = position == len(todo) - 1
            if batch and (len(batch) == self.size or is_last):
                self._invert(batch, self.size)
                batch = []
        return [self.rows[path] for path in self.paths]

    def _todo(self, refused: Mapping[str, str]) -> list[pathlib.Path]:
        """The pictures that are left, without those that cannot be inverted."""
        todo = []
        for path in self.paths:
            name = self.named[path]
            if name in refused:
                self._fail(path, refused[name])
            elif path in self.done:
                self.rows[path] = self.journal.records[name]
            else:
                todo.append(path)
        return todo

    def _fail(self, path, reason: str, *, advances: bool = True) -> None:
        row = {"name": self.named[path], "file": str(path), "status": "failed"}
        self.rows[path] = row | {"reason": reason}
        self.reporter.say(f"{names.safe(path.name)}: {reason}")
        if advances:
            self.reporter.advance(1)

    def _read(self, path) -> _Picture | None:
        """The picture, or None after it was reported."""
        try:
            image = images.decode(path, self.engine.channels)
            digest = files.sha256(path)
        except images.PictureError as error:
            self._fail(path, f"{error.reason}; {error.remedy}")
            return None
        except (OSError, MemoryError) as error:
            self._fail(path, f"not readable ({error}); check the disk")
            return None
        height, width = image.shape[:2]
        target = images.fit(image, self.engine.resolution, self.options.crop)
        is_small = min(height, width) < self.engine.resolution
        note = f"enlarged from {width}x{height} pixels" if is_small else ""
        return _Picture(path, self.named[path], digest, target, note)

    def _resume(self, saved: journals.BatchState, todo) -> list[pathlib.Path]:
        """Finishes the batch that was in work; returns what is left after it."""
        by_name = {self.named[path]: path for path in self.paths}
        pictures = []
        for name, digest in zip(saved.names, saved.digests, strict=True):
            path = by_name.get(name)
            picture = self._read(path) if path is not None else None
            if picture is None or picture.digest != digest:
                return [path for path in todo if path not in self.rows]
            pictures.append(picture)
        self._invert(pictures, saved.losses.shape[1], saved)
        return [path for path in todo if path not in self.rows]

    def _invert(
        self, batch: list[_Picture], size: int, saved: journals.BatchState | None = None
    ) -> None:
        """Computes a batch, padded to its size, and writes its files."""
        start = time.monotonic() - (saved.seconds if saved else 0.0)
        targets = np.stack([p.target for p in batch])
        padding = np.repeat(targets[-1:], size - len(batch), axis=0)
        targets = np.concatenate([targets, padding])
        state, losses = self._begin(batch, targets, saved)
        for advanced, part in self.engine.iterate(targets, state):
            state = advanced
            losses.append(np.asarray(part, np.float32))
            num_steps = sum(map(len, losses))
            self._shoot(batch, targets, state, num_steps)
            if len(part):  # Of a single pass there is nothing to go on with.
                self._save(batch, state, losses, time.monotonic() - start)
            signals.check()
            self._advance(batch, len(part), _describe(losses[-1][-1:, : len(batch)]))
        curves = np.concatenate(losses)
        missing = self.engine.num_steps - len(curves)  # all pictures stopped early
        self._advance(batch, missing)
        outcome = self.engine.finish(targets, state, len(batch))
        if self.engine.finishing_share:
            self.reporter.advance(len(batch) * self.engine.finishing_share)
        seconds = (time.monotonic() - start) / len(batch)
        for index, picture in enumerate(batch):
            self._write(picture, index, outcome, curves[:, index], seconds)
        self.journal.drop_batch()

    def _begin(self, batch, targets, saved: journals.BatchState | None):
        """The saved state and losses; those of step 0 if there are none that fit."""
        if saved is not None:
            try:
                state = saved.restore(self.engine.template(targets))
                self._advance(batch, len(saved.losses))
                return state, [saved.losses]
            except journals.MisfitError as error:
                self.reporter.say(f"{error}: its batch begins anew.")
        own = [p.name for p in batch]
        own += own[-1:] * (len(targets) - len(batch))
        state = self.engine.init(targets, own)
        self._shoot(batch, targets, state, 0)
        return state, [np.zeros((0, len(targets)), np.float32)]

    def _advance(self, batch, num_steps: int, note: str = "") -> None:
        if num_steps:
            share = (1 - self.engine.finishing_share) / self.engine.num_steps
            self.reporter.advance(len(batch) * num_steps * share, note)

    def _save(self, batch, state, losses, seconds) -> None:
        """Saves the state; a full disk costs the resume, not the run."""
        if not self.can_save:
            return
        leaves = tuple(np.asarray(x) for x in jax.tree.leaves(state))
        own = tuple(p.name for p in batch)
        digests = tuple(p.digest for p in batch)
        try:
            self.journal.save_batch(
                journals.BatchState(
                    names=own,
                    digests=digests,
                    leaves=leaves,
                    losses=np.concatenate(losses),
                    seconds=seconds,
                )
            )
        except files.WriteError as error:
            self.can_save = False
            self.reporter.say(f"This run cannot be resumed: {error}")

    def _shoot(self, batch, targets, state, num_steps: int) -> None:
        """Keeps a frame of every picture, where films are asked for."""
        if not self.options.film or not self.can_save:
            return
        rendered = np.asarray(self.engine.render(targets, state))
        try:
            for picture, image in zip(batch, rendered, strict=False):
                filming.keep(self.journal.frames / picture.name, num_steps, image)
        except files.WriteError as error:
            self.can_save = False
            self.reporter.say(f"There will be no films: {error}")

    def _write(
        self, picture: _Picture, index, outcome: engines.EngineOutcome, losses, seconds
    ):
        """Writes one picture's files and its row."""
        if not np.isfinite(outcome.ws[index]).all():
            reason = "its start is not finite; choose another --start"
            self._fail(picture.path, reason, advances=False)
            return
        row = _row(picture, index, outcome, seconds)
        stem = self.output / picture.name
        try:
            self._save_picture(picture, stem, index, outcome, losses)
            endings = (*_EXTENSIONS, *self.engine.extensions)
            outputs = saved_files.digest_outputs(stem, endings)
            self.journal.record(row, outputs)
        except (files.WriteError, finite.NotFiniteError) as error:
            ends = (*_EXTENSIONS, *self.engine.extensions, self.options.film)
            for extension in ends:
                if extension:
                    pathlib.Path(f"{stem}{extension}").unlink(missing_ok=True)
            row = row | {"status": "failed", "reason": str(error)}
            self.reporter.say(f"{picture.name}: {error}")
        self.rows[picture.path] = row

    def _save_picture(
        self, picture: _Picture, stem, index, outcome: engines.EngineOutcome, losses
    ):
        """Writes one picture's code, reconstruction, attachments and film."""
        files.make_directory(stem.parent)
        codes.save(
            stem,
            outcome.ws[index],
            measures=_measures(outcome, index),
            arrays={
                "losses": losses,
                **{k: v[index] for k, v in outcome.arrays.items()},
            },
            picture=names.safe(picture.path.name),
            picture_sha256=picture.digest,
            **self.engine.details,
            **self.details.get(picture.name, {}),
        )
        images.write(f"{stem}.png", outcome.images[index])
        for extension, write in outcome.attachments.items():
            write(index, f"{stem}{extension}")
        self._write_film(picture, losses)

    def _write_film(self, picture: _Picture, losses: np.ndarray) -> None:
        """Joins the frames that were kept, where films are asked for."""
        if not self.options.film:
            return
        directory = self.journal.frames / picture.name
        path = self.output / f"{picture.name}{self.options.film}"
        filming.write(path, directory, picture.target, losses, self.options.fps)
        shutil.rmtree(directory, ignore_errors=True)


def _measures(outcome: engines.EngineOutcome, index: int) -> dict[str, float]:
    return {name: float(of_each[index]) for name, of_each in outcome.measures.items()}


def _row(
    picture: _Picture, index: int, outcome: engines.EngineOutcome, seconds: float
) -> dict[str, Any]:
    """What the summary says of a picture."""
    is_diverged = bool(outcome.is_diverged[index])
    measures = _measures(outcome, index)
    row = {
        "name": picture.name,
        "file": str(picture.path),
        "status": "diverged" if is_diverged else "ok",
        **{k: v if np.isfinite(v) else None for k, v in measures.items()},
        "seconds": round(seconds, 3),
        "sha256": picture.digest,
    }
    if picture.note:
        row["note"] = picture.note
    if is_diverged:
        row["reason"] = "its loss became NaN; the best code before that is kept"
    return row


def _describe(losses: np.ndarray) -> str:
    """The median loss of the pictures that have one."""
    finite = losses[np.isfinite(losses)]
    return f"loss {np.median(finite):.4g}" if len(finite) else ""
