"""What a run has done so far, on disk: a killed run goes on where it was.

The journal is a hidden directory in the output directory. `pictures.jsonl` has a line
for the run's settings and one for every finished picture; `batch.npz` is the state of
the batch in work after its last whole chunk; `frames/` holds the films' frames. Each of
several processes that share a run has its own journal.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from experiments.runs import saved_files
from experiments.runs import settings as settings_lib
from jax_encoder.errors import InputError
from jax_encoder.io import caches, files, loading

DIRECTORY = ".resume"
SettingsError = settings_lib.SettingsError


class MisfitError(InputError):
    """A saved state is that of another program."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchState:
    """A batch in work.

    Attributes:
      names: of its pictures, without padding.
      digests: SHA-256 of each picture's file.
      leaves: of the engine's state, in the order of `jax.tree.leaves`.
      losses: `[steps, batch]` so far.
      seconds: spent so far.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    leaves: tuple[np.ndarray, ...]
    losses: np.ndarray
    seconds: float

    def restore(self, template: Any) -> Any:
        """Puts the leaves into the structure of the engine's state.

        Args:
          template: a state of the same engine and batch size.

        Returns:
          The state.

        Raises:
          MisfitError: number, shapes or types of the leaves differ.
        """
        wanted, structure = jax.tree.flatten(template)
        kinds = [(np.shape(x), np.dtype(x.dtype)) for x in wanted]
        if kinds != [(x.shape, x.dtype) for x in self.leaves]:
            raise MisfitError("The saved state does not fit this program")
        return jax.tree.unflatten(structure, self.leaves)


class Journal:
    """Reads and writes the journal of one output directory."""

    def __init__(
        self,
        output: str | os.PathLike,
        settings: dict[str, Any],
        *,
        resume: bool,
        process: int = 0,
        names: Collection[str] | None = None,
    ):
        """Opens a new journal or, on resume, the one of the earlier run.

        A directory with the results of another run is refused: the two would mix.

        Args:
          output: the output directory; it exists.
          settings: JSON values on which the codes depend.
          resume: go on; without an earlier run this is a new one.
          process: which of those that share the run.
          names: of this run's pictures; None replaces whatever run was here.

        Raises:
          SettingsError: the earlier run had other settings or, without resume, results
            that this run would not replace.
          WriteError: the directory is read-only or the disk full.
        """
        name = f"{DIRECTORY}_{process}" if process else DIRECTORY
        self.directory = pathlib.Path(output) / name
        self.frames = self.directory / "frames"
        self.records: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, dict[str, str] | None] = {}
        self._list = self.directory / "pictures.jsonl"
        self._batch = self.directory / "batch.npz"
        settings = json.loads(json.dumps(settings))
        if resume and self._list.is_file():
            self._read(settings)
        else:
            if names is not None:
                self._refuse_another_run(settings, names)
            self._begin(settings)
        files.remove_leftovers(self.directory)
        if not process:
            files.remove_leftovers(output)

    def _read(self, settings: dict[str, Any]) -> None:
        """Reads the records; a torn last line counts as never written."""
        content = self._list.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        before, rows, num_damaged = saved_files.read_list(whole, self._list)
        if before is None:
            caches.say(
                f"{self._list} is damaged: the run begins anew, and replaces the"
                " results that are there."
            )
            self._begin(settings)
            return
        if before != settings:
            changes = settings_lib.differences(before, settings)
            raise SettingsError(
                f"The run to be resumed had other settings ({changes}). Give the same"
                " ones, choose another output directory, or replace its results with"
                " --overwrite."
            )
        if num_damaged:
            caches.say(
                f"{num_damaged} lines of {self._list} are damaged: their pictures are"
                " inverted again."
            )
        self.outputs = {row["name"]: row.pop("outputs", None) for row in rows}
        self.records = {row["name"]: row for row in rows}
        if whole != content or num_damaged:
            entries = [{"settings": before}]
            entries += [row | self._noted(row["name"]) for row in rows]
            text = "".join(json.dumps(entry) + "\n" for entry in entries)
            files.write_bytes(self._list, text.encode())

    def _noted(self, name: str) -> dict[str, Any]:
        """The entry on a picture's results, as a line of the journal has it."""
        outputs = self.outputs.get(name)
        return {} if outputs is None else {"outputs": outputs}

    def _begin(self, settings: dict[str, Any]) -> None:
        """Starts a new journal."""
        shutil.rmtree(self.directory, ignore_errors=True)
        files.make_directory(self.directory)
        line = json.dumps({"settings": settings}) + "\n"
        files.write_bytes(self._list, line.encode())

    def _refuse_another_run(
        self, settings: dict[str, Any], names: Collection[str]
    ) -> None:
        """Refuses results that would stay beside those of this run."""
        before, records = earlier_run(self.directory.parent)
        if before is None or not records:
            return
        changes = settings_lib.differences(before, settings)
        others = [name for name in records if name not in names]
        if changes or others:
            kept = (
                f"{len(others)} of other pictures, such as {others[0]}"
                if others
                else ""
            )
            reasons = "; ".join(filter(None, (changes, kept)))
            raise SettingsError(
                f"{str(self.directory.parent)!r} holds {len(records)} results of"
                f" another run ({reasons}). Choose another output directory, go on with"
                " --resume, or replace them with --overwrite."
            )

    def record(
        self, row: dict[str, Any], outputs: dict[str, str] | None = None
    ) -> None:
        """Remembers a finished picture.

        Args:
          row: JSON values with "name".
          outputs: digests of its results, of `saved_files.digest_outputs`.

        Raises:
          WriteError: the disk is full; the journal is as before.
        """
        self.records[row["name"]] = row
        self.outputs[row["name"]] = outputs
        size = self._list.stat().st_size
        try:
            with open(self._list, "ab") as file:
                entry = row | self._noted(row["name"])
                file.write(json.dumps(entry).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self._list, size)
            raise files.WriteError(
                f"Cannot write {str(self._list)!r}: {error.strerror}; --resume will"
                " repeat this picture."
            ) from error

    def save_batch(self, batch: BatchState) -> None:
        """Saves the batch in work; replaces what was saved before.

        Args:
          batch: after a whole chunk.

        Raises:
          WriteError: the disk is full; what was saved before is still there.
        """
        arrays = {f"leaf_{i:03d}": x for i, x in enumerate(batch.leaves)}
        about = {
            "names": batch.names,
            "digests": batch.digests,
            "seconds": batch.seconds,
            "num_leaves": len(batch.leaves),
        }
        with files.writing(self._batch) as file:
            np.savez(
                file,
                allow_pickle=False,
                losses=batch.losses,
                about=np.array(json.dumps(about)),
                **arrays,
            )

    def load_batch(self) -> BatchState | None:
        """The batch that was in work, or None; a damaged one is said and forgotten."""
        if not self._batch.is_file():
            return None
        try:
            return BatchState(**saved_files.read_batch(self._batch))
        except loading.LoadError as error:
            caches.say(f"{error}: its batch begins anew.")
            return None

    def drop_batch(self) -> None:
        """Forgets the batch in work and its frames."""
        self._batch.unlink(missing_ok=True)
        shutil.rmtree(self.frames, ignore_errors=True)


def earlier_run(
    output: str | os.PathLike,
) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """The settings and records of the run that wrote to a directory before.

    Args:
      output: the output directory.

    Returns:
      The settings, or None without a readable journal; and the rows by name.
    """
    path = pathlib.Path(output) / DIRECTORY / "pictures.jsonl"
    try:
        content = path.read_bytes()
    except OSError:
        return None, {}
    settings, rows, _ = saved_files.read_list(content, path)
    return settings, {row["name"]: row for row in rows}


def remove_results(output: str | os.PathLike) -> int:
    """Deletes what the run before wrote for its pictures, and its journals.

    Args:
      output: the output directory.

    Returns:
      How many pictures' results were deleted.
    """
    root = pathlib.Path(output)
    _, records = earlier_run(root)
    for name in records:
        with contextlib.suppress(ValueError):  # It chooses no files elsewhere.
            for extension in _RESULTS:
                files.inside(root, f"{name}{extension}").unlink(missing_ok=True)
    for directory in root.glob(f"{DIRECTORY}*"):
        shutil.rmtree(directory, ignore_errors=True)
    return len(records)


_RESULTS = (".npz", ".npy", ".png", ".difference.npz", ".mp4", ".gif", ".webp")
