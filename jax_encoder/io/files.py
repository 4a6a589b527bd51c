"""Files that appear whole or not at all.

A writer fills a hidden temporary file in the destination's own directory, flushes it to
the disk and renames it over the destination. A process that dies at any moment leaves
either the old file or the new one; at worst a hidden leftover remains, which
`remove_leftovers` deletes.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import finite

_LEFTOVER = re.compile(r"^\..+\.tmp-[0-9a-f]{12}$")

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space or choose another directory",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another disk",
    errno.EFBIG: "the file is larger than this disk or this process may write; raise"
    " the limit (`ulimit -f`) or choose another directory",
    errno.EROFS: "the disk is mounted read-only; choose another directory",
    errno.EACCES: "the directory is not writable; change its permissions or choose"
    " another directory",
    errno.EPERM: "the directory is not writable; change its permissions or choose"
    " another directory",
    errno.ENOTDIR: "a part of the path is a file, not a directory; choose another path",
    errno.EISDIR: "a directory has this name; choose another name",
    errno.EEXIST: "a file has this name; choose another directory",
    errno.ENAMETOOLONG: "the name is too long for this disk; choose a shorter one",
}


class WriteError(OSError):
    """A file could not be written; the message names the file and the remedy."""


def explain(path: pathlib.Path, error: OSError) -> WriteError:
    """The error that a person sees for a failed write of `path`."""
    remedy = _REMEDIES.get(error.errno or 0)
    if error.errno is None and "requested and" in str(error):  # NumPy's words for it
        remedy = _REMEDIES[errno.ENOSPC]
    reason = remedy or f"{error.strerror or error}; choose another directory"
    explained = WriteError(f"Cannot write {str(path)!r}: {reason}.")
    explained.errno = error.errno
    return explained


def make_directory(path: str | os.PathLike) -> pathlib.Path:
    """Creates a directory and its parents.

    Args:
      path: the directory; one that exists already is fine.

    Returns:
      The directory.

    Raises:
      WriteError: it cannot be made; the message names it and the remedy.
    """
    directory = pathlib.Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(directory, error) from error
    return directory


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a file for writing that replaces `path` only when it is complete.

    Args:
      path: the destination; its directory must exist.

    Yields:
      A seekable binary file. When the block ends, its content is on the disk under
      `path`; when the block raises, `path` is what it was before.

    Raises:
      WriteError: the disk is full or read-only, the directory missing, and the like.
    """
    destination = pathlib.Path(path)
    temporary = destination.with_name(
        f".{shorten(destination.name)}.tmp-{secrets.token_hex(6)}"
    )
    try:
        file = open(temporary, "xb")  # noqa: SIM115 (closed below, before the renaming)
    except OSError as error:
        raise explain(destination, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, destination)
        _flush_directory(destination.parent)
    except OSError as error:
        raise explain(destination, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush_directory(directory: pathlib.Path) -> None:
    """Makes a renaming durable, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def shorten(name: str, num_bytes: int = 180) -> str:
    """The beginning of a file's name that takes at most so many bytes on the disk.

    Args:
      name: of any script; 80 Chinese characters are 240 bytes.
      num_bytes: of the result; disks allow 255 for a whole name.
    """
    return os.fsencode(name)[:num_bytes].decode("utf-8", "ignore")


def inside(directory: str | os.PathLike, name: str) -> pathlib.Path:
    """The path of a file whose name came out of data.

    Args:
      directory: that the file must lie in.
      name: relative to it.

    Returns:
      The path.

    Raises:
      ValueError: the name leads out of the directory.
    """
    root = pathlib.Path(directory)
    path = root / name
    is_inside = path.resolve().is_relative_to(root.resolve())
    if not is_inside or pathlib.PurePath(name).is_absolute() or "\0" in name:
        raise InputError(f"{name[:200]!r} leads out of {str(root)!r}.")
    return path


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all.

    Args:
      path: the destination; its directory must exist.
      content: the file's bytes.

    Raises:
      WriteError: as `writing`.
    """
    with writing(path) as file:
        file.write(content)


def write_arrays(
    path: str | os.PathLike,
    arrays: Mapping[str, object],
    *,
    may_break: Collection[str] = (),
    is_compressed: bool = False,
) -> None:
    """Writes arrays as `.npz`, whole or not at all.

    Args:
      path: with extension; its directory must exist.
      arrays: numbers and texts by name.
      may_break: names of those that may hold NaN, such as the losses of an inversion
        that diverged.
      is_compressed: smaller and slower.

    Raises:
      NotFiniteError: another array holds NaN or an infinity.
      WriteError: as `writing`.
    """
    finite.check({k: v for k, v in arrays.items() if k not in may_break}, path)
    write = np.savez_compressed if is_compressed else np.savez
    with writing(path) as file:
        write(file, allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()})


def write_json(path: str | os.PathLike, content: object) -> None:
    """Writes `content` as indented JSON, whole or not at all.

    Args:
      path: the destination; its directory must exist.
      content: what `json.dumps` takes. NaN and infinities, which are not JSON, become
        null.

    Raises:
      WriteError: as `writing`.
    """
    text = json.dumps(_finite(content), indent=2, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def _finite(content: object) -> object:
    """A copy with every NaN and infinity replaced by None."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not abs(content) < float("inf"):
        return None
    return content


def remove_leftovers(directory: str | os.PathLike) -> int:
    """Deletes temporary files that killed processes left behind.

    Args:
      directory: searched without its subdirectories. No other process may be writing
        there.

    Returns:
      The number of files deleted.
    """
    num_removed = 0
    for path in pathlib.Path(directory).glob(".*.tmp-*"):
        if _LEFTOVER.match(path.name):
            path.unlink(missing_ok=True)
            num_removed += 1
    return num_removed


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's content.

    Args:
      path: the file; read in pieces, so that its size does not matter.

    Returns:
      64 hexadecimal digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
