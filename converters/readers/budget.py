"""Limits on what a file may make a reader do."""

from converters import errors

_MAX_STEPS = 2_000_000
_SPARE_BYTES = 64 << 20
_MAX_SHARING = 8


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
            raise errors.ConversionError(
                f"reading it takes more than {_MAX_STEPS} steps, as no checkpoint does"
            )

    def copy(self, num_bytes: int) -> None:
        """Spends bytes that are copied out of the file."""
        self._copies -= num_bytes
        if self._copies < 0:
            raise errors.ConversionError("its contents repeat beyond the file's size")

    def view(self, num_bytes: int) -> None:
        """Spends bytes of arrays that share the file's storage."""
        self._views -= num_bytes
        if self._views < 0:
            raise errors.ConversionError(
                "its arrays declare far more bytes than the file holds"
            )
