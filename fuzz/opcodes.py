"""Pickles written by hand: a few operations as bytes."""

import struct


def text(value: str | bytes) -> bytes:
    """The operation that puts a text on the stack (BINUNICODE).

    Args:
      value: bytes need not be UTF-8.
    """
    content = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(content)) + content


def program(*parts: bytes) -> bytes:
    """A whole pickle of protocol 2 from its operations."""
    return b"\x80\x02" + b"".join(parts) + b"."
