"""Arrays out of the pieces that torch and NumPy pickle them as.

All arrays are read-only views of the file's bytes; nothing is copied here.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from converters import errors
from converters.readers import budget as budgets
from converters.readers import pickles

_MAX_RANK = 32
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
            raise errors.ConversionError("a view beyond its storage")
        size = self.dtype.itemsize
        data = self.data
        if data is not None:
            data = data[offset * size : (offset + numel) * size]
        return Storage(self.dtype, numel, data)


def is_count(value: Any) -> bool:
    """Whether `value` is a whole number from zero on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_shape(shape: Sequence[Any]) -> None:
    """Refuses what is no shape.

    Raises:
      ConversionError: too many axes, or lengths that are no whole numbers from zero.
    """
    # Foreign values are not shown: their text may be endless.
    if len(shape) > _MAX_RANK:
        raise errors.ConversionError(f"an array of {len(shape)} axes")
    if not all(is_count(count) and count < 1 << 48 for count in shape):
        raise errors.ConversionError("an array with a length that makes no sense")


def view(
    data: memoryview,
    dtype: np.dtype,
    *,
    offset: int,
    shape: Sequence[int],
    strides: Sequence[int],
    budget: budgets.Budget,
) -> np.ndarray:
    """A strided view of bytes.

    Args:
      data: the bytes of the storage.
      dtype: of the elements.
      offset: of the first element, in elements.
      shape: of the array.
      strides: in elements.
      budget: charged with the size that the array would have if copied.

    Returns:
      A read-only array.

    Raises:
      ConversionError: any element would lie outside of `data`.
    """
    check_shape(shape)
    check_shape(strides)
    if len(shape) != len(strides) or not is_count(offset):
        raise errors.ConversionError("a tensor whose offset or strides make no sense")
    numel = math.prod(shape)
    if numel == 0:
        return np.zeros(shape, dtype)
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if (last + 1) * dtype.itemsize > len(data):
        raise errors.ConversionError(
            f"a tensor of shape {tuple(shape)} ends beyond its storage of"
            f" {len(data) // dtype.itemsize} elements"
        )
    budget.view(numel * dtype.itemsize)
    steps = tuple(stride * dtype.itemsize for stride in strides)
    return np.ndarray(shape, dtype, data, offset * dtype.itemsize, steps)


def rebuild_tensor(
    unpickler: pickles.Unpickler, storage: Any, offset: Any, size: Any, stride: Any, *_
) -> np.ndarray | None:
    """`torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`."""
    if not isinstance(storage, Storage):
        raise errors.ConversionError("a tensor without a storage")
    if storage.data is None:
        return None
    return view(
        storage.data,
        storage.dtype,
        offset=offset,
        shape=tuple(size),
        strides=tuple(stride),
        budget=unpickler.budget,
    )


def rebuild_tensor_v3(
    unpickler: pickles.Unpickler,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    _requires_grad: Any,
    _hooks: Any,
    dtype: Any,
    *_,
) -> np.ndarray | None:
    """`torch._utils._rebuild_tensor_v3`: an untyped storage and a dtype."""
    name = str(getattr(dtype, "class_name", ""))
    if name not in TORCH_DTYPES or not isinstance(storage, Storage):
        raise errors.ConversionError(f"a tensor of the type {name[:40]!r}")
    item = TORCH_DTYPES[name]
    typed = Storage(item, storage.numel // item.itemsize, storage.data)
    return rebuild_tensor(unpickler, typed, offset, size, stride)


class PendingDtype(pickles.Pending):
    """A `numpy.dtype`; the byte order follows in its state."""

    def build(self, unpickler: pickles.Unpickler, state: Any) -> np.dtype:
        """Applies the byte order."""
        assert self.value is not None
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        if order not in ("<", ">", "=", "|") or any(state[2:5]):
            raise errors.ConversionError("a structured or unknown NumPy type")
        return self.value.newbyteorder(order) if order in "<>" else self.value


def make_dtype(unpickler: pickles.Unpickler, name: Any, *_) -> PendingDtype:
    """`numpy.dtype`, of numbers and short texts only."""
    name = str(name, "ascii") if isinstance(name, bytes) else name
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        shown = name[:40] if isinstance(name, str) else type(name).__name__
        raise errors.ConversionError(f"an array of the NumPy type {shown!r}")
    pending = PendingDtype()
    pending.value = np.dtype(name)
    return pending


def check_dtype(dtype: Any) -> np.dtype:
    """The finished dtype.

    Raises:
      ConversionError: `dtype` is none.
    """
    dtype = dtype.value if isinstance(dtype, PendingDtype) else dtype
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not dtype.itemsize:
        raise errors.ConversionError("an array without a usable NumPy type")
    return dtype


def raw_bytes(data: Any) -> memoryview:
    """The bytes of an array, whichever way its pickle holds them."""
    if isinstance(data, str):  # Python 2, or protocol 2 of Python 3
        data = data.encode("latin-1")
    if not isinstance(data, bytes | memoryview):
        raise errors.ConversionError("an array of Python objects, not numbers")
    return memoryview(data)


class PendingArray(pickles.Pending):
    """What `numpy.core.multiarray._reconstruct` returns; the content is its state."""

    def build(self, unpickler: pickles.Unpickler, state: Any) -> np.ndarray:
        """Makes the array from (version, shape, dtype, is_fortran, bytes)."""
        shape, dtype, is_fortran, data = state[-4:]
        return contiguous(unpickler, data, dtype, shape, is_fortran=bool(is_fortran))


def contiguous(
    unpickler: pickles.Unpickler,
    data: Any,
    dtype: Any,
    shape: Any,
    *,
    is_fortran: bool = False,
) -> np.ndarray:
    """An array that fills `data` exactly."""
    dtype, data = check_dtype(dtype), raw_bytes(data)
    shape = tuple(shape)
    check_shape(shape)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise errors.ConversionError(
            f"an array of shape {shape} with {len(data)} bytes instead of"
            f" {math.prod(shape) * dtype.itemsize}"
        )
    unpickler.budget.view(len(data))
    if not data:
        return np.zeros(shape, dtype)
    return np.ndarray(shape, dtype, data, order="F" if is_fortran else "C")


def from_buffer(
    unpickler: pickles.Unpickler, data: Any, dtype: Any, shape: Any, order: Any, *_
) -> np.ndarray:
    """`numpy.core.numeric._frombuffer`, protocol 5's way to pickle an array."""
    return contiguous(unpickler, data, dtype, shape, is_fortran=order == "F")


def scalar(unpickler: pickles.Unpickler, dtype: Any, data: Any = b"") -> Any:
    """`numpy.core.multiarray.scalar`."""
    return contiguous(unpickler, data, dtype, ())[()]
