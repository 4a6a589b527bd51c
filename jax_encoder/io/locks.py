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
from collections.abc import Iterator
from typing import Any

from jax_encoder.errors import InputError
from jax_encoder.io import files, loading

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class LockedError(InputError):
    """Another run holds the folder."""


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


def _acquire(path: pathlib.Path) -> int | None:
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
            if not _lock(descriptor, path):
                os.close(descriptor)
                return None
            if _is_still(path, descriptor):
                _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: pathlib.Path) -> bool:
    """Takes the lock; whether the disk knows locks at all."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
    owner: Any = None
    with contextlib.suppress(loading.LoadError):
        owner = loading.read_json(path, max_bytes=4096)
    if not isinstance(owner, dict):
        return ""
    told = [str(owner.get(key, "?"))[:80] for key in ("process", "machine", "since")]
    return f" (process {told[0]} on {told[1]}, since {told[2]})"
