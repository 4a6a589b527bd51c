"""What a run has done so far, on disk: a killed run goes on where it was.

The journal is a hidden directory in the output directory. `pictures.jsonl` has a line
for the run's settings and one for every finished picture; `batch.npz` is the state of
the batch in work after its last whole chunk; `frames/` holds the films' frames. Several
processes may share a run: those that join have a list and a batch of their own beside
these, and read the lists of all. Who finds nobody else at work makes one list of them.
"""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import socket
from collections.abc import Collection, Iterator

from experiments.runs import batch_states, saved_files
from experiments.runs import settings as settings_lib
from jax_encoder.io import caches, files, json_types, loading

DIRECTORY = ".resume"
_LIST, _BATCH = "pictures", "batch"
SettingsError = settings_lib.SettingsError


class Journal:
    """Reads and writes the journal of one output directory.

    Attributes:
      records: rows of the finished pictures by name, of all processes.
      accounts: what is noted of their files, of `saved_files.account`.
      batch: the file of this process's batch in work.
    """

    def __init__(
        self,
        output: str | os.PathLike,
        settings: dict[str, object],
        *,
        resume: bool,
        names: Collection[str] | None = None,
        is_alone: bool = True,
    ):
        """Opens a new journal or, on resume, the one of the earlier run.

        A directory with the results of another run is refused: the two would mix.

        Args:
          output: the output directory; it exists.
          settings: JSON values on which the codes depend.
          resume: go on; without an earlier run this is a new one.
          names: of this run's pictures; None replaces whatever run was here.
          is_alone: whether no other process is at work here.

        Raises:
          SettingsError: the earlier run had other settings or, without resume, results
            that this run would not replace.
          WriteError: the directory is read-only or the disk full.
        """
        self.directory = pathlib.Path(output) / DIRECTORY
        self.frames = self.directory / "frames"
        self.records: dict[str, json_types.Row] = {}
        self.accounts: dict[str, saved_files.Account] = {}
        self._read_to: dict[pathlib.Path, int] = {}
        self._news: set[str] = set()
        self._settings = settings_lib.plain(settings)
        own = "" if is_alone else f"-{socket.gethostname()}-{secrets.token_hex(4)}"
        self._list = self.directory / f"{_LIST}{own}.jsonl"
        self.batch = self.directory / f"{_BATCH}{own}.npz"
        if names is not None and not resume:
            self._refuse_another_run(names)
        if not is_alone:
            self.update()
            self._start()
            return
        if resume and (self.directory / f"{_LIST}.jsonl").is_file():
            self._gather()
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
            self._start()
        files.remove_leftovers(self.directory)
        files.remove_leftovers(output)

    def _start(self) -> None:
        """Begins a list."""
        files.make_directory(self.directory)
        line = json.dumps({"settings": self._settings}) + "\n"
        files.write_bytes(self._list, line.encode())

    def update(self) -> set[str]:
        """Reads what other processes finished since the last time; their names."""
        self._news = set()
        for path in self.directory.glob(f"{_LIST}*.jsonl"):
            if path != self._list:
                self._read(path, self._read_to.get(path, 0))
        return self._news

    def _read(self, path: pathlib.Path, start: int = 0) -> int | None:
        """Reads a list from a place on; how many lines are damaged, None for all.

        A torn last line counts as never written.
        """
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            file.seek(start)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            self._read_to[path] = start + len(whole)
            head = b"" if start == 0 else b'{"settings": {}}\n'
            before, rows, num_damaged = saved_files.read_list(head + whole, path)
            if start == 0:
                if before is None:
                    return None
                self._compare(before)
            for row in rows:
                self._adopt(row)
            return num_damaged
        return 0

    def _adopt(self, row: json_types.Row) -> None:
        noted = {key: row.pop(key) for key in ("outputs", "seen") if key in row}
        self.accounts[row["name"]] = noted
        self.records[row["name"]] = row
        self._news.add(row["name"])

    def _compare(self, before: json_types.Row) -> None:
        if before != self._settings:
            changes = settings_lib.differences(before, self._settings)
            raise SettingsError(
                f"The run to be resumed had other settings ({changes}). Give the same"
                " ones, choose another output directory, or replace its results with"
                " --overwrite."
            )

    def _gather(self) -> None:
        """Makes one list of those of all processes that shared the run before."""
        paths = sorted(self.directory.glob(f"{_LIST}*.jsonl"))
        damaged = {path: self._read(path) for path in paths}
        if all(num is None for num in damaged.values()):
            caches.say(
                f"{self._list} is damaged: the run begins anew, and replaces the"
                " results that are there."
            )
            shutil.rmtree(self.directory, ignore_errors=True)
        for path, num in damaged.items():
            if num:
                caches.say(
                    f"{num} lines of {path} are damaged: their pictures are inverted"
                    " again."
                )
        # A picture that failed is tried again.
        self.records = {k: r for k, r in self.records.items() if not _has_failed(r)}
        entries: list[json_types.Row] = [{"settings": self._settings}]
        entries += [row | self.accounts[name] for name, row in self.records.items()]
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        files.make_directory(self.directory)
        files.write_bytes(self._list, text.encode())
        for path in paths:
            if path != self._list:
                path.unlink(missing_ok=True)

    def _refuse_another_run(self, names: Collection[str]) -> None:
        """Refuses results that would stay beside those of this run."""
        before, records = earlier_run(self.directory.parent)
        if before is None or not records:
            return
        changes = settings_lib.differences(before, self._settings)
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
        self, row: json_types.Row, noted: saved_files.Account | None = None
    ) -> None:
        """Remembers a picture that is finished, or that failed.

        Args:
          row: JSON values with "name".
          noted: of its files.

        Raises:
          WriteError: the disk is full; the journal is as before.
        """
        self.records[row["name"]], self.accounts[row["name"]] = row, noted or {}
        size = self._list.stat().st_size
        try:
            with open(self._list, "ab") as file:
                entry = row | (noted or {})
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

    def batches(self) -> Iterator[tuple[pathlib.Path, batch_states.BatchState]]:
        """Yields the batches that were in work; a damaged one is said and removed."""
        for path in sorted(self.directory.glob(f"{_BATCH}*.npz")):
            try:
                yield path, batch_states.read(path)
            except loading.LoadError as error:
                if path.is_file():  # Nobody finished it just now.
                    caches.say(f"{error}: its batch begins anew.")
                    path.unlink(missing_ok=True)

    def forget(self, path: pathlib.Path, names: Collection[str]) -> None:
        """Forgets a batch in work, and the frames of its pictures."""
        path.unlink(missing_ok=True)
        for name in names:
            shutil.rmtree(self.frames / name, ignore_errors=True)
        with contextlib.suppress(OSError):  # Others may keep frames in it.
            self.frames.rmdir()


def _has_failed(row: json_types.Row) -> bool:
    return row["status"] == "failed"


def earlier_run(
    output: str | os.PathLike,
) -> tuple[json_types.Row | None, dict[str, json_types.Row]]:
    """The settings and records of the run that wrote to a directory before.

    Args:
      output: the output directory.

    Returns:
      The settings, or None without a readable journal; and the rows by name.
    """
    settings, records = None, {}
    for path in sorted((pathlib.Path(output) / DIRECTORY).glob(f"{_LIST}*.jsonl")):
        with contextlib.suppress(OSError):
            found, rows, _ = saved_files.read_list(path.read_bytes(), path)
            settings = settings or found
            records |= {row["name"]: row for row in rows if not _has_failed(row)}
    return settings, records


def remove_results(output: str | os.PathLike) -> int:
    """Deletes what the run before wrote for its pictures, and its journal.

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
    shutil.rmtree(root / DIRECTORY, ignore_errors=True)
    return len(records)


_RESULTS = (".npz", ".npy", ".png", ".difference.npz", ".mp4", ".gif", ".webp")
