"""Descriptions of values that may come from anywhere, short whatever they are.

A value out of a foreign file may be a list that holds itself, or a text of gigabytes;
`str` and `repr` of it need not end. Nothing here looks deeper than its first few
characters.
"""

from typing import Any

import numpy as np

_MAX_TEXT = 60
_MAX_BITS = 64
_SIZED = (list, tuple, dict, set, frozenset)


def describe(value: Any, limit: int = _MAX_TEXT) -> str:
    """Shows any value in a few printable characters.

    Args:
      value: anything, however large or deep.
      limit: of the characters of a text that are shown.

    Returns:
      The value of a scalar, the beginning of a text in quotes, the type and the size
      of anything else; ASCII.
    """
    if isinstance(value, str):
        text = value[: limit + 1]
        shown = text[:limit].encode("unicode_escape").decode("ascii")
        return f"'{shown}{'...' * (len(text) > limit)}'"
    if value is None or isinstance(value, bool | float | complex | np.number | np.bool):
        return str(value)
    if isinstance(value, int):
        bits = int.bit_length(value)
        return str(value) if bits <= _MAX_BITS else f"an integer of {bits} bits"
    if isinstance(value, np.ndarray):
        return f"an array of {str(value.dtype)[:limit]} {list(value.shape)}"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, _SIZED):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def failure(error: BaseException) -> str:
    """Says what an exception says, without the values that it may hold.

    Args:
      error: raised over foreign values, any of which may be among its arguments.

    Returns:
      Its type and, of its arguments, the first if that is a text.
    """
    first = error.args[0] if error.args else ""
    name = type(error).__name__
    if isinstance(first, str) and not isinstance(error, KeyError):
        text = first[:200].encode("ascii", "backslashreplace").decode("ascii")
        return f"{name}: {text}" if text else name
    return f"{name} of {describe(first)}"
