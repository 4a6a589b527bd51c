"""Leases of shards on a shared folder: workers come, go and die at any time.

A lease is a file that one process creates (`O_EXCL`) and touches every few seconds. No
two clocks are compared: who waits for a lease watches whether its file changes, and
counts on its own monotonic clock. A file that did not change for `SECONDS` is taken
over, and at once where its owner ran on this machine and is gone.

A lease saves work and nothing else: two workers with the same shard write the same
file, whole. So a lease that is lost, doubled or torn harms nothing.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping

from jax_encoder.io import files

SECONDS = 60.0
"""After so long without a touch a worker counts as dead."""


@functools.cache
def machine() -> str:
    """Tells machines apart, and the name spaces in which numbers of processes count."""
    space = boot = ""
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{socket.gethostname()} {boot[:8]} {space}"


def _born(process: int) -> str:
    """When a process began, in ticks; "" where the system does not say."""
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


@dataclasses.dataclass
class _Seen:
    """A lease as it was last seen, and since when it looks like that."""

    sign: tuple
    since: float


class Leases:
    """The leases of one worker.

    Use as a context: it touches what it holds in a thread of its own, and gives all of
    it back at the end.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        seconds: float = SECONDS,
        owner: str = "",
    ):
        """Names the worker.

        Args:
          folder: of the leases, made if missing.
          seconds: without a touch, after which a lease is taken over.
          owner: how `corpus_status` calls the worker.
        """
        self.folder = files.make_directory(folder)
        self.seconds = seconds
        self.owner = owner or f"{socket.gethostname()}-{os.getpid()}"
        self._held: dict[int | str, str] = {}
        self._seen: dict[int | str, _Seen] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def __enter__(self) -> "Leases":
        self._thread = threading.Thread(target=self._touch_all, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for shard in list(self._held):
            self.release(shard)

    def _path(self, shard: int | str) -> pathlib.Path:
        if isinstance(shard, int):
            return self.folder / f"{shard:06d}.lease"
        digest = hashlib.sha256(shard.encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"{digest[:24]}.lease"

    def take(self, shard: int | str) -> bool:
        """Takes a shard, where nobody holds it or its holder is dead.

        Args:
          shard: its number; or the name of a picture, of any length and script.

        Raises:
          WriteError: the folder cannot be written to.
        """
        return self._create(shard) or (self._is_dead(shard) and self._take_over(shard))

    def _create(self, shard: int | str) -> bool:
        path, nonce = self._path(shard), secrets.token_hex(8)
        content = {
            "owner": self.owner,
            "machine": machine(),
            "process": os.getpid(),
            "born": _born(os.getpid()),
            "nonce": nonce,
        }
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        except OSError as error:
            raise files.explain(path, error) from error
        try:
            os.write(number, json.dumps(content).encode())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise files.explain(path, error) from error
        finally:
            os.close(number)
        with self._lock:
            self._held[shard] = nonce
        return True

    def _is_dead(self, shard: int | str) -> bool:
        """Whether a lease has not changed for long, or its process is gone."""
        path = self._path(shard)
        try:
            status = path.stat()
        except OSError:
            return False  # It was given back just now.
        sign = (status.st_ino, status.st_mtime_ns, status.st_size)
        now = time.monotonic()
        seen = self._seen.get(shard)
        if seen is None or seen.sign != sign:
            self._seen[shard] = seen = _Seen(sign, now)
        return now - seen.since > self.seconds or is_gone(_content(path))

    def _take_over(self, shard: int | str) -> bool:
        """Removes a dead lease; of several workers one succeeds, and then creates."""
        path, before = self._path(shard), _content(self._path(shard))
        grave = path.with_name(f".{path.name}.tmp-{secrets.token_hex(6)}")
        try:
            os.rename(path, grave)
        except OSError:
            return False
        is_other = _content(grave).get("nonce") != before.get("nonce")
        if is_other and not is_gone(_content(grave)):
            # Another was faster, and holds it anew: it gets it back.
            with contextlib.suppress(OSError):
                os.link(grave, path)
            grave.unlink(missing_ok=True)
            return False
        grave.unlink(missing_ok=True)
        self._seen.pop(shard, None)
        return self._create(shard)

    def shards(self) -> list[int | str]:
        """The numbers of the shards that this worker holds."""
        with self._lock:
            return list(self._held)

    def release(self, shard: int | str) -> None:
        """Gives a shard back; one that another took over stays with it."""
        with self._lock:
            nonce = self._held.pop(shard, None)
        path = self._path(shard)
        if nonce is not None and _content(path).get("nonce") == nonce:
            path.unlink(missing_ok=True)

    def _touch_all(self) -> None:
        while not self._stop.wait(self.seconds / 6):
            with self._lock:
                held = list(self._held)
            for shard in held:
                with contextlib.suppress(OSError):
                    # Any other time will do: only the change counts.
                    os.utime(self._path(shard))


def _content(path: pathlib.Path) -> dict[str, object]:
    """What a lease says; {} for one that is torn or gone."""
    try:
        found = json.loads(path.read_bytes()[:4096])
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_gone(content: Mapping[str, object]) -> bool:
    """Whether a lease's process was of this machine and is no more.

    Args:
      content: of `holders`.
    """
    process = content.get("process")
    if content.get("machine") != machine() or not isinstance(process, int):
        return False
    return content.get("born") != _born(process)


def remove_all(folder: str | os.PathLike[str]) -> None:
    """Removes all leases, where nobody is at work.

    Args:
      folder: of the leases; may be missing.
    """
    for path in pathlib.Path(folder).glob("*.lease"):
        path.unlink(missing_ok=True)


def holders(folder: str | os.PathLike[str]) -> Iterator[tuple[int, dict[str, object]]]:
    """Yields the shards that are held and what their leases say.

    Args:
      folder: of the leases; one that is missing holds none.
    """
    for path in sorted(pathlib.Path(folder).glob("[0-9]*.lease")):
        yield int(path.stem), _content(path)


def are_held(folder: str | os.PathLike[str]) -> bool:
    """Whether any lease is that of a process which may be alive.

    Args:
      folder: of the leases.
    """
    return any(not is_gone(content) for _, content in holders(folder))
