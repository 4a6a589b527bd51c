"""Limits on what a file may make a reader do: everything is charged before it is done.

Whatever a reader makes of foreign values goes through one of these methods, so that
neither a shared value used a million times nor a declared size can cost more than the
file itself justifies. A test forbids the bare functions in this package.
"""

import math
from typing import TypeGuard

import numpy as np

from converters import conversion_errors
from jax_encoder.nn.checks import describe

_MAX_STEPS = 2_000_000
_SPARE_BYTES = 64 << 20
_MAX_SHARING = 8
_MAX_RANK = 32
_MAX_LENGTH = 1 << 48
_CHARACTERS_PER_STEP = 256


class Budget:
    """Counts steps and bytes while one file is read, nested streams included.

    Real checkpoints need some 50,000 steps, and arrays about as large as the file.
    """

    def __init__(self, file_size: int):
        self._steps = _MAX_STEPS
        self._copies = file_size + _SPARE_BYTES
        self._views = _MAX_SHARING * file_size + _SPARE_BYTES

    def step(self, count: int = 1) -> None:
        """Spends steps of interpretation."""
        self._steps -= count
        if self._steps < 0:
            raise conversion_errors.ConversionError(
                f"reading it takes more than {_MAX_STEPS} steps, as no checkpoint does"
            )

    def copy(self, num_bytes: int) -> None:
        """Spends bytes that are copied out of the file."""
        self._copies -= num_bytes
        if self._copies < 0:
            raise conversion_errors.ConversionError(
                "its contents repeat beyond the file's size"
            )

    def view(self, num_bytes: int) -> None:
        """Spends bytes of arrays that share the file's storage."""
        self._views -= num_bytes
        if self._views < 0:
            raise conversion_errors.ConversionError(
                "its arrays declare far more bytes than the file holds"
            )

    def characters(self, text: object, limit: int, what: str) -> str:
        """Checks a text that is going to be compared, hashed or joined.

        Args:
          text: a foreign value.
          limit: of its characters.
          what: it is, for the message.

        Returns:
          The text.

        Raises:
          ConversionError: it is no text, or too long.
        """
        if not isinstance(text, str) or len(text) > limit:
            raise conversion_errors.ConversionError(
                f"{what} must be a text of at most {limit} characters, got"
                f" {describe(text)}"
            )
        self.step(1 + len(text) // _CHARACTERS_PER_STEP)
        return text

    def decode(self, piece: memoryview | bytes, encoding: str) -> str:
        """Makes a text of bytes; in memory a character may take four of them."""
        self.copy(len(piece))
        content = bytes(piece)
        if not content.isascii():
            self.copy(3 * len(content))
        mode = "surrogatepass" if encoding == "utf-8" else "strict"
        return content.decode(encoding, mode)

    def join(self, separator: str, parts: object, *, limit: int = 32) -> str:
        """Joins texts.

        Args:
          separator: stands between them.
          parts: a foreign list or tuple of texts and whole numbers.
          limit: of the parts.

        Raises:
          ConversionError: there are too many, or one is of another type.
        """
        texts = []
        for part in self.items(parts, limit=limit):
            if is_count(part):
                part = describe(part)
            if not isinstance(part, str):
                raise conversion_errors.ConversionError(
                    f"{describe(part)} where a text must be"
                )
            self.copy(4 * (len(part) + len(separator)))
            texts.append(part)
        return separator.join(texts)

    def items(self, value: object, *, limit: int | None = None) -> tuple[object, ...]:
        """The elements of a foreign list, tuple, set or dict (its keys).

        Raises:
          ConversionError: it is none of these, or longer than `limit`.
        """
        if not isinstance(value, list | tuple | set | frozenset | dict):
            raise conversion_errors.ConversionError(
                f"{describe(value)} where a list must be"
            )
        if limit is not None and len(value) > limit:
            raise conversion_errors.ConversionError(
                f"{describe(value)} where at most {limit} entries make sense"
            )
        self.step(len(value))
        return tuple(value)

    def shape(self, value: object) -> tuple[int, ...]:
        """The shape, or the strides, that a foreign list or tuple declares.

        Raises:
          ConversionError: too many axes, or lengths that are no whole numbers from
            zero on.
        """
        shape: list[int] = []
        for count in self.items(value, limit=_MAX_RANK):
            if not is_count(count) or count >= _MAX_LENGTH:
                raise conversion_errors.ConversionError(
                    "an array with a length that makes no sense:"
                    f" {describe(count)}, not a whole number from 0 to {_MAX_LENGTH}"
                )
            shape.append(count)
        return tuple(shape)

    def size(self, shape: tuple[int, ...], dtype: np.dtype) -> int:
        """The bytes of an array whose shape `shape` has checked."""
        return math.prod(shape) * dtype.itemsize

    def array(
        self,
        data: memoryview | bytes,
        dtype: np.dtype,
        shape: tuple[int, ...],
        *,
        offset: int = 0,
        strides: tuple[int, ...] | None = None,
        is_fortran: bool = False,
    ) -> np.ndarray:
        """An array over bytes of the file, none of which are copied.

        Args:
          data: the bytes.
          dtype: of the elements.
          shape: of the array, checked by `shape`.
          offset: of the first element, in bytes.
          strides: in bytes; None for elements in order.
          is_fortran: elements in order have the first axis run fastest.

        Raises:
          ConversionError: elements would lie outside of `data`.
        """
        size = self.size(shape, dtype)
        self.view(size)
        with conversion_errors.guard(doing="an array that NumPy cannot make"):
            if not size:
                return np.zeros(shape, dtype)
            order = "F" if is_fortran else "C"
            return np.ndarray(shape, dtype, data, offset, strides, order)


def is_count(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number from zero on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
