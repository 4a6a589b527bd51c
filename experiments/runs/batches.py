"""Inverts any number of pictures, batch by batch: reads, computes, writes, resumes.

A picture that cannot be read or written is reported and the others go on. What is
computed is the business of an `engines.Engine`; nothing here knows of generators. Any
number of processes may share a run: each takes what is free (`free_pictures`), in the
same loop that corpora are encoded by (`sharing.picture_loop`).
"""

import concurrent.futures
import contextlib
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.launch import signals
from experiments.runs import (
    engines,
    filming,
    folder_session,
    free_pictures,
    saved_files,
)
from experiments.runs import journal as journals
from experiments.sharing import leases, picture_bytes, picture_loop
from jax_encoder.errors import InputError
from jax_encoder.io import (
    codes,
    files,
    films,
    finite,
    images,
    json_types,
    locks,
    names,
    progress,
)

LOCK = f"{journals.DIRECTORY}.lock"
_LEASES = "leases"
_ENDINGS = (".npz", ".npy", ".png")


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


def invert(
    paths: Sequence[pathlib.Path],
    output: pathlib.Path,
    engine: engines.Engine,
    options: BatchOptions,
    reporter: progress.Progress | None = None,
    *,
    named: Mapping[pathlib.Path, str] | None = None,
    refused: Mapping[str, str] | None = None,
    details: Mapping[str, Mapping[str, json_types.Json]] | None = None,
    share: locks.Share | None = None,
) -> list[json_types.Row]:
    """Inverts pictures and writes `<name>.npz`, `.npy`, `.png` and films.

    Other processes that do the same with the same settings share the work, whenever
    they come and however they end.

    Args:
      paths: the pictures.
      output: directory, made if missing; none of the pictures' own.
      engine: computes.
      options: how to run.
      reporter: is told what is done; by default a bar or lines on standard error.
      named: the names of the pictures, unique; by default those of `names.unique`.
      refused: names of pictures that cannot be inverted, with the reasons.
      details: JSON values to write into the code files of the pictures named.
      share: of the output directory (`LOCK`), where the caller has it already.

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
    check(paths, output, options)
    paths = list(dict.fromkeys(paths))
    named = named or names.unique(paths, taken=names.RESERVED)
    files.make_directory(output)
    with contextlib.ExitStack() as stack:
        share = share or stack.enter_context(locks.share(output, LOCK))
        journal = _open(output, engine, options, named, share)
        run = _Run(paths, named, output, engine, options, journal)
        run.details = details or {}
        reporter = reporter or progress.Progress(
            len(paths), done=len(run.rows), description="Inverting"
        )
        stack.enter_context(contextlib.closing(reporter))
        stack.enter_context(signals.saving())
        return run.run(refused or {}, reporter)


def check(paths: Sequence[pathlib.Path], output: pathlib.Path, options: BatchOptions):
    """Refuses, as `invert` does, a directory of the pictures and unknown films."""
    if options.film:
        films.check(f"film{options.film}")
    folders = {path.parent for path in paths}  # To resolve one takes many calls.
    if output.resolve() in {folder.resolve() for folder in folders}:
        raise InputError(
            f"The pictures are in {str(output)!r} themselves, where reconstructions"
            " would replace them; choose another output directory."
        )


def _open(output, engine, options, named, share: locks.Share) -> journals.Journal:
    """The journal; who is alone clears the folder before others come in."""
    if options.overwrite and not options.resume:
        if not share.is_alone:
            raise locks.LockedError(
                f"Other processes are at work in {str(output)!r}: leave out --overwrite"
                " to share their run, or wait until they end."
            )
        journals.remove_results(output)
    journal = journals.Journal(
        output,
        dict(engine.settings),
        resume=options.resume,
        names=None if options.overwrite else set(named.values()),
        is_alone=share.is_alone,
    )
    if share.is_alone:  # The leases of those that were here before hold nothing.
        leases.remove_all(journal.directory / _LEASES)
    share.admit()
    return journal


class _Run:
    """One call of `invert`."""

    def __init__(self, paths, named, output, engine, options, journal):
        self.paths, self.named = paths, named
        self.output, self.engine = output, engine
        self.options, self.journal = options, journal
        size = max(1, min(options.batch_size, len(paths)))
        self.size = -(-size // engine.multiple) * engine.multiple
        self.endings = (*_ENDINGS, *engine.extensions)
        self.details: Mapping[str, Mapping[str, json_types.Json]] = {}
        self.rows: dict[str, json_types.Row] = {
            named[path]: journal.records[named[path]]
            for path in paths
            if self._is_done(path)
        }

    def _is_done(self, path: pathlib.Path) -> bool:
        """Whether this very picture is finished and its files are there."""
        row = self.journal.records.get(self.named[path])
        if row is None or row["file"] != str(path):
            return False
        if row["status"] == "failed":
            return True  # Another process has just tried it.
        noted = self.journal.accounts[row["name"]]
        outputs, seen = noted.get("outputs", {}), noted.get("seen", {})
        stem, source = self.output / row["name"], saved_files.SOURCE
        return saved_files.is_same(path, seen.get(source), row["sha256"]) and all(
            saved_files.is_same(f"{stem}{end}", seen.get(end), outputs.get(end))
            for end in self.endings
        )

    def run(self, refused: Mapping[str, str], reporter) -> list[json_types.Row]:
        """Does what is free until all is done; returns the rows of all pictures."""
        self.reporter = reporter
        by_name = {self.named[path]: path for path in self.paths}
        for name in [name for name in by_name if name in refused]:
            self._fail(name, by_name[name], refused[name])
            reporter.advance(1)
        todo = [name for name in by_name if name not in self.rows]
        session = folder_session.FolderSession(
            self.engine, self.options, self.size, self.journal, reporter
        )
        place = self.journal.directory / _LEASES
        with (
            leases.Leases(place) as held,
            concurrent.futures.ThreadPoolExecutor(picture_loop.NUM_READERS) as readers,
        ):
            free = free_pictures.FreePictures(
                todo, self.size, self.journal, held, reporter.advance
            )
            while taken := free.next():
                self._do(*taken, by_name, session, readers)
                free.finish(taken[0])
        return [self.rows.get(name) or self.journal.records[name] for name in by_name]

    def _do(self, own, saved, by_name, session, readers) -> None:
        """Inverts a batch of pictures that this process has taken."""
        entries = {
            place: picture_bytes.Entry(place, name, str(by_name[name]))
            for place, name in enumerate(own)
        }
        session.begin(saved)

        def load(entry: picture_bytes.Entry) -> picture_bytes.Loaded:
            picture = picture_bytes.load(entry, **session.target)
            session.digests[entry.id] = picture.sha256
            return picture

        loaded = picture_loop.read_ahead(entries, load, readers, len(own))

        def keep(_, picture: picture_bytes.Loaded, found, index: int) -> None:
            path = by_name[picture.entry.id]
            if found is None:
                self._fail(picture.entry.id, path, picture.reason, is_new=True)
                self.reporter.advance(1)
            else:
                self._write(picture, path, found, index, session)

        picture_loop.encode(loaded, len(own), session, keep)
        session.end(own)

    def _fail(self, name, path, reason: str, *, is_new: bool = False) -> None:
        """Notes a picture without a code; a new one for all processes."""
        row = {"name": name, "file": str(path), "status": "failed", "reason": reason}
        self.rows[name] = row
        self.reporter.say(f"{names.safe(path.name)}: {reason}")
        if is_new:
            with contextlib.suppress(files.WriteError):
                self.journal.record(row)

    def _write(self, picture, path, found: engines.EngineOutcome, index, session):
        """Writes one picture's files and its row."""
        name = picture.entry.id
        if not np.isfinite(found.ws[index]).all():
            reason = "its start is not finite; choose another --start"
            self._fail(name, path, reason, is_new=True)
            return
        stem = self.output / name
        row = _row(picture, path, found, index, session.seconds)
        losses = session.curves[:, index]
        try:
            self._save(picture, stem, found, index, losses)
            noted = saved_files.account(path, stem, self.endings)
            self.journal.record(row, noted)
            self.rows[name] = row
        except (OSError, finite.NotFiniteError) as error:
            for ending in (*self.endings, self.options.film):
                if ending:
                    pathlib.Path(f"{stem}{ending}").unlink(missing_ok=True)
            self._fail(name, path, str(error), is_new=True)
            self.rows[name] = row | self.rows[name]

    def _save(self, picture, stem, found: engines.EngineOutcome, index, losses):
        """Writes one picture's code, reconstruction, attachments and film."""
        files.make_directory(stem.parent)
        codes.save(
            stem,
            found.ws[index],
            measures={k: float(rows[index]) for k, rows in found.measures.items()},
            arrays={"losses": losses}
            | {name: rows[index] for name, rows in found.arrays.items()},
            picture=names.safe(pathlib.Path(picture.entry.uri).name),
            picture_sha256=picture.sha256,
            **self.engine.details,
            **self.details.get(picture.entry.id, {}),
        )
        images.write(f"{stem}.png", found.images[index])
        for extension, write in found.attachments.items():
            write(index, f"{stem}{extension}")
        if self.options.film:
            frames = self.journal.frames / picture.entry.id
            film = pathlib.Path(f"{stem}{self.options.film}")
            filming.write(film, frames, picture.target, losses, self.options.fps)


def _row(picture, path, found: engines.EngineOutcome, index, seconds) -> json_types.Row:
    """What the summary says of a picture."""
    is_diverged = bool(found.is_diverged[index])
    values = {name: float(rows[index]) for name, rows in found.measures.items()}
    row = {
        "name": picture.entry.id,
        "file": str(path),
        "status": "diverged" if is_diverged else "ok",
        **{name: v if np.isfinite(v) else None for name, v in values.items()},
        "seconds": round(seconds, 3),
        "sha256": picture.sha256,
    }
    if picture.note:
        row["note"] = picture.note
    if is_diverged:
        row["reason"] = "its loss became NaN; the best code before that is kept"
    return row
