"""Files of bare arrays: `.npy`, `.npz` and safetensors."""

import io
import json
import math
import struct
from typing import Any

import ml_dtypes
import numpy as np

from converters import errors
from converters.readers import budget as budgets
from converters.readers import tensors, zips

NPY_MAGIC = b"\x93NUMPY"
METADATA = "__metadata__"
_MAX_HEADER = 8 << 20

SAFETENSORS_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


def read_npy(data: memoryview, budget: budgets.Budget) -> np.ndarray:
    """Reads one NumPy array; arrays of Python objects are refused.

    Raises:
      ConversionError: damaged, or an array of objects.
    """
    header = io.BytesIO(bytes(data[:65_536]))
    try:
        version = np.lib.format.read_magic(header)
        if version == (1, 0):
            parsed = np.lib.format.read_array_header_1_0(header)
        else:
            parsed = np.lib.format.read_array_header_2_0(header)
    except Exception as error:  # the header is parsed as Python: anything may happen
        raise errors.ConversionError(
            f"the header of the array is damaged: {str(error)[:200]}"
        ) from None
    shape, is_fortran, dtype = parsed
    if dtype.hasobject or dtype.names or not dtype.itemsize:
        raise errors.ConversionError(
            "refused: an array of Python objects, whose pickle could run code; save"
            " plain numbers"
        )
    tensors.check_shape(shape)
    start, size = header.tell(), math.prod(shape) * dtype.itemsize
    if start + size > len(data):
        raise errors.ConversionError(
            f"an array of {size} bytes in a file of {len(data)}: it was cut short"
        )
    if not size:
        return np.zeros(shape, dtype)
    budget.view(size)
    order = "F" if is_fortran else "C"
    return np.ndarray(shape, dtype, data[start : start + size], order=order)


def read_npz(archive: zips.Archive, budget: budgets.Budget) -> dict[str, np.ndarray]:
    """Reads a NumPy archive: name -> array.

    Raises:
      ConversionError: a member is damaged or no plain array.
    """
    result = {}
    for name in archive.members:
        if not name.endswith(".npy"):
            raise errors.ConversionError("a member that is no array", entry=name)
        content = archive.read(name, allow_deflated=True)
        try:
            result[name.removesuffix(".npy")] = read_npy(content, budget)
        except errors.ConversionError as error:
            raise error.within("", name) from None
    return result


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with `head` may be safetensors."""
    if len(head) < 9 or head[8:9] != b"{":
        return False
    return struct.unpack("<Q", head[:8])[0] <= size - 8


def read_safetensors(data: memoryview, budget: budgets.Budget) -> dict[str, Any]:
    """Reads safetensors: name -> array.

    Of the metadata only what this project writes is kept: a text under `METADATA`.

    Raises:
      ConversionError: damaged.
    """
    length = struct.unpack("<Q", data[:8])[0]
    if length > min(_MAX_HEADER, len(data) - 8):
        raise errors.ConversionError(f"a header of {length} bytes")
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
    except (ValueError, RecursionError) as error:
        raise errors.ConversionError(
            f"the header is damaged: {str(error)[:200]}"
        ) from None
    if not isinstance(header, dict):
        raise errors.ConversionError("the header is no table of tensors")
    body = data[8 + length :]
    found: dict[str, Any] = {
        name: _safetensor(name, entry, body, budget)
        for name, entry in header.items()
        if name != METADATA
    }
    metadata = header.get(METADATA)
    if isinstance(metadata, dict) and isinstance(metadata.get("jax_encoder"), str):
        found[METADATA] = metadata["jax_encoder"]
    return found


def _safetensor(
    name: str, entry: Any, body: memoryview, budget: budgets.Budget
) -> np.ndarray:
    try:
        dtype = SAFETENSORS_DTYPES[entry["dtype"]]
        shape, (start, end) = entry["shape"], entry["data_offsets"]
        if not all(tensors.is_count(count) for count in (*shape, start, end)):
            raise ValueError
        if not start <= end <= len(body):
            raise ValueError
        if math.prod(shape) * dtype.itemsize != end - start or len(shape) > 32:
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise errors.ConversionError(
            f"the description of the tensor is damaged: {str(entry)[:120]}", entry=name
        ) from None
    budget.view(end - start)
    if start == end:
        return np.zeros(shape, dtype)
    return np.ndarray(shape, dtype, body[start:end])
