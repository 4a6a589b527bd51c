"""Reports of a finished run, none of which may fail it."""

import sys
from collections.abc import Callable


def attempt(name: str, write: Callable[..., object], *arguments: object) -> bool:
    """Writes a report; one that cannot be written never fails a finished run.

    Args:
      name: of the report, for the line that says why it is missing.
      write: writes it.
      *arguments: of `write`.

    Returns:
      Whether it was written.
    """
    try:
        write(*arguments)
    except Exception as error:  # whatever it is, the run's results are there
        reason = str(error) or type(error).__name__
        print(f"{name} is missing: {reason}", file=sys.stderr, flush=True)
        return False
    return True
