"""Arrays out of the pieces that torch and NumPy pickle them as.

All arrays are read-only views of the file's bytes; nothing is copied here.
"""

import dataclasses
import re

import ml_dtypes
import numpy as np

from converters import conversion_errors
from converters.readers import budget as budgets
from converters.readers import pickles, records
from jax_encoder.nn.checks import describe

_DTYPE = re.compile(r"[<>=|]?([biufc](1|2|4|8|16)|\?|[SUV]\d{1,3})")

STORAGE_DTYPES: dict[str, np.dtype] = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
    "ComplexFloatStorage": np.dtype("<c8"),
    "ComplexDoubleStorage": np.dtype("<c16"),
    "UntypedStorage": np.dtype("u1"),
    "_UntypedStorage": np.dtype("u1"),
}

TORCH_DTYPES: dict[str, np.dtype] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float64": np.dtype("<f8"),
    "int64": np.dtype("<i8"),
    "int32": np.dtype("<i4"),
    "int16": np.dtype("<i2"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
    "bool": np.dtype("?"),
    "complex64": np.dtype("<c8"),
    "complex128": np.dtype("<c16"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Storage:
    """A flat run of elements that tensors are views of.

    Attributes:
      dtype: of the elements.
      numel: how many.
      data: their bytes; None while only the structure of a stream is read.
    """

    dtype: np.dtype
    numel: int
    data: memoryview | None

    def part(self, offset: int, numel: int) -> "Storage":
        """The elements from `offset` on, `numel` of them."""
        if not 0 <= offset <= offset + numel <= self.numel:
            raise conversion_errors.ConversionError("a view beyond its storage")
        size = self.dtype.itemsize
        data = self.data
        if data is not None:
            data = data[offset * size : (offset + numel) * size]
        return Storage(self.dtype, numel, data)


def view(
    data: memoryview,
    dtype: np.dtype,
    *,
    offset: object,
    shape: object,
    strides: object,
    budget: budgets.Budget,
) -> np.ndarray:
    """A strided view of bytes.

    Args:
      data: the bytes of the storage.
      dtype: of the elements.
      offset: of the first element, in elements; a foreign value.
      shape: of the array; a foreign value.
      strides: in elements; a foreign value.
      budget: charged with the size that the array would have if copied.

    Returns:
      A read-only array.

    Raises:
      ConversionError: any element would lie outside of `data`.
    """
    sides, spans = budget.shape(shape), budget.shape(strides)
    if len(sides) != len(spans) or not budgets.is_count(offset):
        raise conversion_errors.ConversionError(
            "a tensor whose offset or strides make no sense"
        )
    if not budget.size(sides, dtype):
        return budget.array(b"", dtype, sides)
    last = offset + sum((n - 1) * s for n, s in zip(sides, spans, strict=True))
    if (last + 1) * dtype.itemsize > len(data):
        raise conversion_errors.ConversionError(
            f"a tensor of {len(sides)} axes ends at element {describe(last)}, beyond"
            f" its storage of {len(data) // dtype.itemsize:d}"
        )
    item = dtype.itemsize
    steps = (*[stride * item for stride in spans],)
    return budget.array(data, dtype, sides, offset=offset * item, strides=steps)


def rebuild_tensor(
    unpickler: pickles.Unpickler,
    storage: object,
    offset: object,
    size: object,
    stride: object,
    *_,
) -> np.ndarray | None:
    """`torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`."""
    if not isinstance(storage, Storage):
        raise conversion_errors.ConversionError("a tensor without a storage")
    if storage.data is None:
        return None
    return view(
        storage.data,
        storage.dtype,
        offset=offset,
        shape=size,
        strides=stride,
        budget=unpickler.budget,
    )


def rebuild_tensor_v3(
    unpickler: pickles.Unpickler,
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _requires_grad: object,
    _hooks: object,
    dtype: object,
    *_,
) -> np.ndarray | None:
    """`torch._utils._rebuild_tensor_v3`: an untyped storage and a dtype."""
    name = dtype.class_name if isinstance(dtype, records.Record) else ""
    if name not in TORCH_DTYPES or not isinstance(storage, Storage):
        raise conversion_errors.ConversionError(
            f"a tensor of the type {describe(name)}"
        )
    item = TORCH_DTYPES[name]
    typed = Storage(item, storage.numel // item.itemsize, storage.data)
    return rebuild_tensor(unpickler, typed, offset, size, stride)


class PendingDtype(pickles.Pending):
    """A `numpy.dtype`; the byte order follows in its state."""

    def build(self, unpickler: pickles.Unpickler, state: object) -> object:
        """Applies the byte order."""
        value = self.value
        assert isinstance(value, np.dtype)
        parts = unpickler.budget.items(state, limit=9)
        order = parts[1] if len(parts) > 1 else "|"
        is_plain = all(part is None for part in parts[2:5])
        if not isinstance(order, str) or order not in "<>=|" or not is_plain:
            raise conversion_errors.ConversionError(
                "a structured or unknown NumPy type"
            )
        return value.newbyteorder(order) if order in ("<", ">") else value


def make_dtype(unpickler: pickles.Unpickler, name: object, *_) -> PendingDtype:
    """`numpy.dtype`, of numbers and short texts only."""
    if isinstance(name, bytes):
        name = unpickler.budget.decode(name, "ascii")
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise conversion_errors.ConversionError(
            f"an array of the NumPy type {describe(name)}"
        )
    pending = PendingDtype()
    pending.value = np.dtype(name)
    return pending


def check_dtype(dtype: object) -> np.dtype:
    """The finished dtype.

    Raises:
      ConversionError: `dtype` is none.
    """
    dtype = dtype.value if isinstance(dtype, PendingDtype) else dtype
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not dtype.itemsize:
        raise conversion_errors.ConversionError("an array without a usable NumPy type")
    return dtype


def raw_bytes(unpickler: pickles.Unpickler, data: object) -> memoryview:
    """The bytes of an array, whichever way its pickle holds them."""
    if isinstance(data, str):  # Python 2, or protocol 2 of Python 3
        unpickler.budget.copy(len(data))
        data = data.encode("latin-1")
    if not isinstance(data, bytes | memoryview):
        raise conversion_errors.ConversionError(
            "an array of Python objects, not numbers"
        )
    return memoryview(data)


class PendingArray(pickles.Pending):
    """What `numpy.core.multiarray._reconstruct` returns; the content is its state."""

    def build(self, unpickler: pickles.Unpickler, state: object) -> object:
        """Makes the array from (version, shape, dtype, is_fortran, bytes)."""
        parts = unpickler.budget.items(state, limit=5)
        if len(parts) < 4:
            raise conversion_errors.ConversionError("an array without its content")
        shape, dtype, is_fortran, data = parts[-4:]
        is_fortran = isinstance(is_fortran, int) and is_fortran != 0
        return contiguous(unpickler, data, dtype, shape, is_fortran=is_fortran)


def contiguous(
    unpickler: pickles.Unpickler,
    data: object,
    dtype: object,
    shape: object,
    *,
    is_fortran: bool = False,
) -> np.ndarray:
    """An array that fills `data` exactly."""
    dtype, data = check_dtype(dtype), raw_bytes(unpickler, data)
    budget = unpickler.budget
    shape = budget.shape(shape)
    size = budget.size(shape, dtype)
    if size != len(data):
        raise conversion_errors.ConversionError(
            f"an array of {len(shape)} axes with {len(data)} bytes instead of"
            f" {describe(size)}"
        )
    return budget.array(data, dtype, shape, is_fortran=is_fortran)


def from_buffer(
    unpickler: pickles.Unpickler,
    data: object,
    dtype: object,
    shape: object,
    order: object,
    *_,
) -> np.ndarray:
    """`numpy.core.numeric._frombuffer`, protocol 5's way to pickle an array."""
    is_fortran = isinstance(order, str) and order == "F"
    return contiguous(unpickler, data, dtype, shape, is_fortran=is_fortran)


def scalar(unpickler: pickles.Unpickler, dtype: object, data: object = b"") -> object:
    """`numpy.core.multiarray.scalar`."""
    return contiguous(unpickler, data, dtype, ())[()]
