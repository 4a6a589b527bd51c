"""A run holds the folder that it writes to, so that two never mix their results.

The lock is the system's (`flock`): it ends with the process, however that ends, so that
nothing stale is ever left behind. The file tells others who holds it, and since when.
"""

import contextlib
import datetime
import errno
import json
import os
import pathlib
import socket
import time
from collections.abc import Iterator

from jax_encoder.errors import InputError
from jax_encoder.io import files, loading

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


PATIENCE = 600.0
"""Seconds to wait for another process that prepares a shared folder."""


class LockedError(InputError):
    """Another run holds the folder."""


class Share:
    """A folder that several processes of one run write to.

    Attributes:
      is_alone: whether no other process was there; the others wait until `admit`.
    """

    def __init__(self, path: pathlib.Path, descriptor: int | None, *, is_alone: bool):
        """Takes over the open file; None where the disk knows no locks."""
        self._path, self._descriptor = path, descriptor
        self.is_alone = is_alone

    def admit(self) -> None:
        """Lets other processes in."""
        if self._descriptor is not None and fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Ends the share; of several processes that leave the last is told so.

        Returns:
          Whether nobody else is left; the folder is then held until the block ends.
        """
        if self._descriptor is None or fcntl is None:
            return True
        for _ in range(2):  # Of two that leave at once one comes second.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return _is_still(self._path, self._descriptor)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False


@contextlib.contextmanager
def hold(directory: str | os.PathLike[str], name: str = ".lock") -> Iterator[None]:
    """Holds a folder while the block runs.

    Args:
      directory: exists.
      name: of the lock's file in it, removed at the end; different names do not
        exclude each other.

    Raises:
      LockedError: another process holds it; says which, where and since when.
      WriteError: the folder cannot be written to.
    """
    path = files.inside(directory, name)
    descriptor = _acquire(path)
    try:
        yield
    finally:
        if descriptor is not None:
            # Removed while still held: who opened it meanwhile finds it gone.
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(descriptor)


@contextlib.contextmanager
def share(directory: str | os.PathLike[str], name: str = ".lock") -> Iterator[Share]:
    """Shares a folder with the other processes of a run while the block runs.

    The first one has it alone until it calls `admit`.

    Args:
      directory: exists.
      name: of the lock's file in it, as of `hold`.

    Yields:
      The share.

    Raises:
      LockedError: another process holds it alone, and does so for `PATIENCE` seconds.
      WriteError: the folder cannot be written to.
    """
    path = files.inside(directory, name)
    descriptor, is_alone = _join(path, time.monotonic() + PATIENCE)
    shared = Share(path, descriptor, is_alone=is_alone)
    try:
        yield shared
    finally:
        if descriptor is not None:
            if shared.leave():
                with contextlib.suppress(OSError):
                    path.unlink()
            os.close(descriptor)


def _join(path: pathlib.Path, end: float) -> tuple[int | None, bool]:
    """An open file that is held alone, or with others, and which of the two."""
    while True:
        with contextlib.suppress(LockedError):
            return _acquire(path), True
        try:
            return _acquire(path, is_shared=True), False
        except LockedError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def _acquire(path: pathlib.Path, *, is_shared: bool = False) -> int | None:
    """An open file that this process holds; None where the disk knows no locks."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise files.WriteError(
                f"Cannot write {str(path)!r}: {error.strerror}; choose another"
                " directory."
            ) from error
        try:
            if not _lock(descriptor, path, is_shared=is_shared):
                os.close(descriptor)
                return None
            if _is_still(path, descriptor):
                if not is_shared:
                    _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: pathlib.Path, *, is_shared: bool = False) -> bool:
    """Takes the lock; whether the disk knows locks at all."""
    if fcntl is None:
        return False
    try:
        kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(
            f"Another run is writing to {str(path.parent)!r}{_owner(path)}. Wait until"
            " it ends, or choose another directory."
        ) from None
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


def _is_still(path: pathlib.Path, descriptor: int) -> bool:
    """Whether the open file is the one that the path names now."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    return False


def _sign(descriptor: int) -> None:
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    owner = {"process": os.getpid(), "machine": socket.gethostname(), "since": now}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def _owner(path: pathlib.Path) -> str:
    """Who holds a lock, as far as its file tells."""
    owner: object = None
    with contextlib.suppress(loading.LoadError):
        owner = loading.read_json(path, max_bytes=4096)
    if not isinstance(owner, dict):
        return ""
    told = [str(owner.get(key, "?"))[:80] for key in ("process", "machine", "since")]
    return f" (process {told[0]} on {told[1]}, since {told[2]})"
