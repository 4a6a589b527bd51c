"""The one way to read `.npz`, `.npy` and JSON, whoever wrote the file.

Nothing is unpickled. What a file declares is compared with its size before anything is
allocated, and whatever is wrong with it ends in one exception. Archives carry a CRC of
every array, so that a flipped bit is noticed too.
"""

import io
import json
import math
import os
import pathlib
import stat
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import json_types
from jax_encoder.nn import checks

MAX_BYTES = 4 << 30
_SPARE_BYTES = 64 << 20
_MAX_INFLATION = 16
_MAX_MEMBERS = 4096
_MAX_HEADER = 10_000
_MAX_JSON = 32 << 20  # its values take some twenty times as much in memory
_KINDS = "biufcSUV"
_MAGIC = b"\x93NUMPY"

T = TypeVar("T")


class LoadError(InputError):
    """A file cannot be read as what it should be.

    Attributes:
      reason: what is wrong with it.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str):
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.reason = reason


def read(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES
) -> np.ndarray | dict[str, np.ndarray]:
    """Reads the array of a `.npy` or the arrays of a `.npz`, recognized by content.

    Args:
      path: the file.
      max_bytes: that the arrays may take in memory.

    Returns:
      One array, or arrays by name; of numbers, truth values, texts or bytes.

    Raises:
      LoadError: missing, damaged, too large, another kind of file, or holding Python
        objects.
    """
    return _guarded(path, lambda file, size: _read(path, file, size, max_bytes))


def read_arrays(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES
) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.npz` by name; see `read`."""
    found = read(path, max_bytes=max_bytes)
    if not isinstance(found, dict):
        raise LoadError(path, "a single array where an archive of arrays must be")
    return found


def read_json(
    path: str | os.PathLike[str], *, max_bytes: int = _MAX_JSON
) -> json_types.Json:
    """Reads a JSON file.

    Args:
      path: the file.
      max_bytes: of the file.

    Raises:
      LoadError: missing, too large, too deep, or no JSON.
    """

    def parse(file: BinaryIO, size: int) -> json_types.Json:
        if size > max_bytes:
            raise LoadError(path, f"{size} bytes of JSON, more than {max_bytes}")
        return parse_json(file.read(), path)

    return _guarded(path, parse)


def parse_json(text: str | bytes, source: str | os.PathLike[str]) -> json_types.Json:
    """Parses JSON.

    Args:
      text: of any origin.
      source: where it comes from, for the message.

    Raises:
      LoadError: too long, too deep, or no JSON.
    """
    if len(text) > _MAX_JSON:
        reason = f"{len(text)} characters of JSON, more than {_MAX_JSON}"
        raise LoadError(source, reason)
    try:
        return json.loads(text)
    except RecursionError:
        raise LoadError(source, "its JSON is nested too deeply") from None
    except ValueError as error:
        reason = checks.failure(error)
        raise LoadError(source, f"no JSON, or damaged ({reason})") from None


def _guarded(path: str | os.PathLike[str], work: Callable[[BinaryIO, int], T]) -> T:
    """What `work` makes of an opened regular file and its size."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise LoadError(path, "no regular file")
        with open(path, "rb") as file:
            return work(file, status.st_size)
    except LoadError:
        raise
    except FileNotFoundError:
        raise LoadError(path, "no such file") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror or checks.failure(error)})"
        raise LoadError(path, reason) from error
    except (MemoryError, RecursionError):
        raise LoadError(path, "needs too much memory to read") from None
    except Exception as error:  # NumPy and zipfile raise many kinds on damaged files
        reason = f"damaged ({checks.failure(error)}); get a whole copy"
        raise LoadError(path, reason) from error


def _read(path, file: BinaryIO, size: int, max_bytes: int):
    start = file.read(6)
    file.seek(0)
    if start == _MAGIC:
        return _array(path, file, size, min(size, max_bytes))
    if start[:2] != b"PK":
        raise LoadError(path, "neither .npy nor .npz")
    limit = min(max_bytes, max(_SPARE_BYTES, _MAX_INFLATION * size))
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_members(path, members, limit)
        found = {}
        for member in members:
            with archive.open(member) as content:
                name = member.filename.removesuffix(".npy")
                found[name] = _array(path, content, member.file_size, limit)
    return found


def _check_members(path, members: list[zipfile.ZipInfo], limit: int) -> None:
    """Refuses what is no archive of arrays, and decompression bombs."""
    names = {member.filename for member in members}
    if not members or not all(name.endswith(".npy") for name in names):
        raise LoadError(path, "no .npz file: not all of its members are arrays")
    if len(names) < len(members) or len(members) > _MAX_MEMBERS:
        raise LoadError(path, f"{len(members)} arrays, too many or of equal names")
    size = sum(member.file_size for member in members)
    if size > limit:
        raise LoadError(path, f"unpacks to {size} bytes, more than {limit}")


def _array(path, file: Any, size: int, limit: int) -> np.ndarray:
    """One array out of exactly `size` bytes, which are read once and not copied."""
    if size > limit:
        raise LoadError(path, f"an array of {size} bytes, more than {limit}")
    content = bytearray(size)
    if file.readinto(content) != size or file.read(1):
        raise LoadError(path, "damaged: it ends early; get a whole copy")
    header = io.BytesIO(bytes(content[: 2 * _MAX_HEADER]))
    version = np.lib.format.read_magic(header)
    formats = np.lib.format
    read_header = {
        (1, 0): formats.read_array_header_1_0,
        (2, 0): formats.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise LoadError(path, f"an array in the unknown format {version}")
    shape, is_fortran, dtype = read_header(header, _MAX_HEADER)
    if dtype.hasobject:
        raise LoadError(path, "holds pickled objects, which could run code")
    if dtype.kind not in _KINDS or dtype.names or dtype.subdtype or not dtype.itemsize:
        raise LoadError(path, "an array of neither numbers nor texts")
    if math.prod(shape) * dtype.itemsize != size - header.tell():
        raise LoadError(path, "damaged: an array of another size than declared")
    order = "F" if is_fortran else "C"
    return np.ndarray(shape, dtype, content, header.tell(), order=order)


def check(
    path: str | os.PathLike[str],
    arrays: dict[str, np.ndarray],
    name: str,
    shape: tuple[int | None, ...],
    *,
    largest: int = 1 << 31,
) -> np.ndarray:
    """An array of finite numbers that must be in a file.

    Args:
      path: the file, for the message.
      arrays: of the file, of any shape.
      name: of the array.
      shape: that it must have; None for any length from one on.
      largest: number of its elements.

    Raises:
      LoadError: missing, of another shape or type, too large, or not finite.
    """
    found = arrays.get(name)
    if found is None:
        raise LoadError(path, f"holds no {name!r}")
    fits = len(found.shape) == len(shape) and all(
        length == wanted if wanted is not None else length > 0
        for length, wanted in zip(found.shape, shape, strict=True)
    )
    if not fits or found.size > largest:
        must = [("any" if length is None else length) for length in shape]
        raise LoadError(path, f"{name!r} has the shape {found.shape}, not {must}")
    if found.dtype.kind not in "fiu" or not np.all(np.isfinite(found)):
        raise LoadError(path, f"{name!r} holds something else than finite numbers")
    return found


def discard(path: str | os.PathLike[str]) -> None:
    """Removes a file of ours that turned out damaged; missing is fine."""
    try:
        pathlib.Path(path).unlink(missing_ok=True)
    except OSError:
        return
