"""Files of bare arrays: `.npy`, `.npz` and safetensors."""

import io
import json
import struct

import ml_dtypes
import numpy as np

from converters import conversion_errors
from converters.readers import budget as budgets
from converters.readers import zips
from jax_encoder.nn.checks import describe, failure

NPY_MAGIC = b"\x93NUMPY"
METADATA = "__metadata__"
_MAX_HEADER = 8 << 20
_MAX_NPY_HEADER = 10_000
_HEADER_STEPS = 200  # parsing one takes as long as so many steps of a pickle
DAMAGED = "the description of the tensor is damaged"
_NPY_KINDS = "biufcSUV"

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
    header = io.BytesIO(bytes(data[: 2 * _MAX_NPY_HEADER]))
    # The header is parsed as Python, within limits: anything may happen.
    with conversion_errors.guard(doing="the header of the array is damaged"):
        version = np.lib.format.read_magic(header)
        if version == (1, 0):
            parsed = np.lib.format.read_array_header_1_0(header, _MAX_NPY_HEADER)
        else:
            parsed = np.lib.format.read_array_header_2_0(header, _MAX_NPY_HEADER)
    shape, is_fortran, dtype = parsed
    if dtype.hasobject or dtype.names:
        raise conversion_errors.ConversionError(
            "refused: an array of Python objects, whose pickle could run code; save"
            " plain numbers"
        )
    if dtype.kind not in _NPY_KINDS or dtype.subdtype or not dtype.itemsize:
        raise conversion_errors.ConversionError("an array of no plain numbers or texts")
    shape = budget.shape(shape)
    start, size = header.tell(), budget.size(shape, dtype)
    if start + size > len(data):
        raise conversion_errors.ConversionError(
            f"an array of {describe(size)} bytes in a file of {len(data)}: it was cut"
            " short"
        )
    return budget.array(data[start : start + size], dtype, shape, is_fortran=is_fortran)


def read_npz(archive: zips.Archive, budget: budgets.Budget) -> dict[str, np.ndarray]:
    """Reads a NumPy archive: name -> array.

    Raises:
      ConversionError: a member is damaged or no plain array.
    """
    result = {}
    for name in archive.members:
        if not name.endswith(".npy"):
            raise conversion_errors.ConversionError(
                "a member that is no array", entry=name
            )
        budget.step(_HEADER_STEPS)
        with conversion_errors.guard(entry=name):
            content = archive.read(name, allow_deflated=True)
            result[name.removesuffix(".npy")] = read_npy(content, budget)
    return result


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with `head` may be safetensors."""
    if len(head) < 9 or head[8:9] != b"{":
        return False
    return struct.unpack("<Q", head[:8])[0] <= size - 8


def read_safetensors(data: memoryview, budget: budgets.Budget) -> dict[str, object]:
    """Reads safetensors: name -> array.

    Of the metadata only what this project writes is kept: a text under `METADATA`.

    Raises:
      ConversionError: damaged.
    """
    length = struct.unpack("<Q", data[:8])[0]
    if length > min(_MAX_HEADER, len(data) - 8):
        raise conversion_errors.ConversionError(f"a header of {describe(length)} bytes")
    budget.copy(length)
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
    except (ValueError, RecursionError) as error:
        raise conversion_errors.ConversionError(
            f"the header is damaged: {failure(error)}"
        ) from None
    if not isinstance(header, dict):
        raise conversion_errors.ConversionError("the header is no table of tensors")
    body = data[8 + length :]
    found: dict[str, object] = {
        name: _safetensor(name, entry, body, budget)
        for name, entry in header.items()
        if name != METADATA
    }
    metadata = header.get(METADATA)
    if isinstance(metadata, dict) and isinstance(metadata.get("jax_encoder"), str):
        found[METADATA] = metadata["jax_encoder"]
    return found


def _safetensor(
    name: str, entry: object, body: memoryview, budget: budgets.Budget
) -> np.ndarray:
    with conversion_errors.guard(entry=name, doing=DAMAGED):
        if not isinstance(entry, dict):
            raise conversion_errors.ConversionError(DAMAGED)
        dtype = SAFETENSORS_DTYPES[entry["dtype"]]
        shape = budget.shape(entry["shape"])
        start, end = budget.items(entry["data_offsets"], limit=2)
        if (
            not budgets.is_count(start)
            or not budgets.is_count(end)
            or not start <= end <= len(body)
        ):
            raise conversion_errors.ConversionError(
                f"{DAMAGED}: its bytes are not inside of the file"
            )
        if budget.size(shape, dtype) != end - start:
            raise conversion_errors.ConversionError(
                f"{DAMAGED}: its shape and its bytes differ"
            )
        return budget.array(body[start:end], dtype, shape)
