"""Codes of a corpus in one zarr 3 array, for reading any picture's at random.

A shard of the corpus is a shard of the array: one file, which appears whole. Inside it
lie chunks of few codes, which are read alone.
"""

import contextlib
import math
import os
import pathlib
from typing import Any

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import files, loading
from jax_encoder.nn.checks import failure

_INNER = 16
_MAX_CHUNK = 1 << 26  # numbers that are unpacked at a time


def _spec(path: str | os.PathLike[str]) -> dict[str, object]:
    place = f"{os.fspath(pathlib.Path(path).absolute())}/"
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": place}}


def create(
    path: str | os.PathLike[str],
    shape: tuple[int, int, int],
    dtype: str,
    shard_size: int,
) -> None:
    """Makes the array, or leaves the one that is there.

    Args:
      path: its directory.
      shape: (pictures, num_ws, w_dim).
      dtype: "float16" or "float32".
      shard_size: pictures per file.

    Raises:
      WriteError: the disk is full or read-only.
      ValueError: another array is there.
    """
    import tensorstore

    size = -(-shard_size // _INNER) * _INNER
    if size != shard_size:
        raise InputError(
            f"--shard_size must be a multiple of {_INNER} for zarr3, got {shard_size}:"
            f" take {size}."
        )
    inner = [_INNER, *shape[1:]]
    codecs = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "zstd", "configuration": {"level": 3}},
        {"name": "crc32c"},
    ]
    sharding = {
        "name": "sharding_indexed",
        "configuration": {"chunk_shape": inner, "codecs": codecs},
    }
    chunks = {"chunk_shape": [shard_size, *shape[1:]]}
    metadata = {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": chunks},
        "codecs": [sharding],
        "fill_value": 0,
    }
    with _explaining(path):
        tensorstore.open(
            {**_spec(path), "metadata": metadata}, create=True, open=True
        ).result()


def write(path: str | os.PathLike[str], first: int, values: np.ndarray) -> None:
    """Writes the codes of a shard; the same ones again change nothing.

    Args:
      path: of the array.
      first: the place of the first code.
      values: `[n, num_ws, w_dim]`, the whole shard.

    Raises:
      WriteError: the disk is full or read-only.
    """
    import tensorstore

    with _explaining(path):
        array = tensorstore.open(_spec(path), open=True).result()
        array[first : first + len(values)].write(values).result()


def read(
    path: str | os.PathLike[str],
    positions: np.ndarray,
    shape: tuple[int, int] | None = None,
) -> np.ndarray:
    """Reads codes.

    Args:
      path: of the array.
      positions: `[M]` their places.
      shape: (num_ws, w_dim) that each must have; None: any.

    Returns:
      `[M, num_ws, w_dim]` float32.

    Raises:
      LoadError: missing, damaged, or of another shape.
    """
    import tensorstore

    try:
        array = tensorstore.open(_spec(path), open=True).result()
        _check(path, array, shape)
        return np.asarray(array[np.asarray(positions)].read().result(), np.float32)
    except loading.LoadError:
        raise
    except Exception as error:  # TensorStore raises many kinds on damaged arrays
        raise loading.LoadError(path, f"damaged ({failure(error)})") from error


def _check(path, array: Any, shape: tuple[int, int] | None) -> None:
    """Refuses an array that is none of codes, before a chunk of it is read."""
    chunk = math.prod(array.chunk_layout.read_chunk.shape or (0,))
    is_code = array.ndim == 3 and array.dtype.name in ("float16", "float32")
    if shape is not None and is_code:
        is_code = tuple(array.shape[1:]) == shape
    if not is_code or chunk > _MAX_CHUNK:
        raise loading.LoadError(path, f"no codes, but {array.dtype.name} {array.shape}")


def remove_leftovers(path: str | os.PathLike[str]) -> int:
    """Deletes what killed writers left behind; nobody may be writing.

    Args:
      path: of the array.

    Returns:
      The number of files deleted.
    """
    found = list(pathlib.Path(path).rglob("*.__lock"))
    for leftover in found:
        leftover.unlink(missing_ok=True)
    return len(found)


@contextlib.contextmanager
def _explaining(path: str | os.PathLike[str]):
    """Turns TensorStore's failures to write into this package's."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        for sign, number in (("No space", 28), ("Read-only", 30), ("denied", 13)):
            if sign in text:
                cause = OSError(number, os.strerror(number))
                raise files.explain(pathlib.Path(path), cause) from error
        raise
