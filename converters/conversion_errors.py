"""The one error of this package, and the one guard that makes it of all others."""

import contextlib
from collections.abc import Iterator

from jax_encoder.errors import InputError
from jax_encoder.nn import checks


class ConversionError(InputError):
    """A checkpoint cannot be converted.

    Attributes:
      reason: what is wrong, and what to do where that is known.
      source: the file; empty while it is not known yet.
      entry: the part of the file at fault, such as an archive member; may be empty.
    """

    def __init__(self, reason: str, *, source: str = "", entry: str = ""):
        entry = entry if len(entry) <= 200 else f"{entry[:200]}..."
        where = ": ".join(part for part in (source, entry) if part)
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.source = source
        self.entry = entry

    def within(self, source: str, entry: str = "") -> "ConversionError":
        """The same error with the file and the entry that a caller knows."""
        return ConversionError(
            self.reason, source=self.source or source, entry=self.entry or entry
        )


@contextlib.contextmanager
def guard(source: str = "", entry: str = "", doing: str = "damaged") -> Iterator[None]:
    """Turns whatever goes wrong over foreign content into a ConversionError.

    Args:
      source: the file, where it is known.
      entry: the part of the file at work.
      doing: begins the reason of an error that nobody foresaw.

    Raises:
      ConversionError: instead of any other exception; names file and entry.
    """
    try:
        yield
    except ConversionError as error:
        raise error.within(source, entry) from error.__cause__
    except (MemoryError, RecursionError):
        raise ConversionError(
            "its content nests too deep, or needs too much memory",
            source=source,
            entry=entry,
        ) from None
    except OSError as error:
        reason = error.strerror or checks.failure(error)
        raise ConversionError(reason, source=source, entry=entry) from error
    except Exception as error:
        reason = f"{doing} ({checks.failure(error)})"
        raise ConversionError(reason, source=source, entry=entry) from error
