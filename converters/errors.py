"""The one error of this package."""


class ConversionError(ValueError):
    """A checkpoint cannot be converted.

    Attributes:
      reason: what is wrong, and what to do where that is known.
      source: the file; empty while it is not known yet.
      entry: the part of the file at fault, such as an archive member; may be empty.
    """

    def __init__(self, reason: str, *, source: str = "", entry: str = ""):
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
