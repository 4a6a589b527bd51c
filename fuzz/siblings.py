"""Many files for the price of one: variations of a pickle's opcodes.

A draw of a grammar costs more than reading it. So each is followed by siblings, in
which opcodes and their arguments are exchanged, repeated, dropped or moved; the parts
stay whole, so that a reader follows most of them as far as the first.
"""

import pickle
import random
import struct
import zlib
from collections.abc import Callable, Iterator

from fuzz import grammars
from tests.converters import streams

_NUM_SIBLINGS = 7
_SPARE = (
    *(bytes([code]) for code in b'()]}NQRbteulsad0123."'),
    b"\x81",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x88",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"\x92",
    b"\x93",
    b"\x94",
    b"h\x00",
    b"h\x01",
    b"q\x00",
    b"J\xff\xff\xff\x7f",
    b"J\xff\xff\xff\xff",
    b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
    b"X\x00\x00\x00\x00",
    b"X\xff\xff\xff\xff",
    b"C\x04abcd",
    b"G\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"\x95" + b"\xff" * 8,
)
_SYSTEM = {"protocol_version": streams.PROTOCOL, "little_endian": True}
_HEAD = b"".join(
    pickle.dumps(part, 2) for part in (streams.MAGIC, streams.PROTOCOL, _SYSTEM)
)


def _vary(parts: list[bytes], draw: random.Random) -> list[bytes]:
    """A copy with one to three changes."""
    parts = parts[:]
    for _ in range(draw.choice((1, 1, 2, 3))):
        place = draw.randrange(1, len(parts)) if len(parts) > 1 else 0
        other = parts[draw.randrange(len(parts))]
        what = draw.random()
        if what < 0.35:
            parts[place] = draw.choice(_SPARE)
        elif what < 0.6:
            parts[place] = other
        elif what < 0.75:
            parts.insert(place, other if what < 0.68 else draw.choice(_SPARE))
        elif what < 0.85:
            del parts[place]
        elif what < 0.95:
            parts[place:place] = parts[max(1, place - 6) : place]
        else:
            parts[place] = parts[place][:1] + bytes(len(parts[place][1:]))
    return parts


def _plain(parts: list[bytes], draw: random.Random) -> bytes:
    return b"".join(parts)


def _torch_zip(parts: list[bytes], draw: random.Random) -> bytes:
    members = {"a/data.pkl": b"".join(parts), "a/data/0": bytes(96)}
    content = stored_zip(members)
    return grammars.struck(content, draw) if draw.random() < 0.1 else content


def _legacy(parts: list[bytes], draw: random.Random) -> bytes:
    """The stream of `torch.save` before 1.6: the objects, keys, then storages."""
    keys = draw.choice((b"\x80\x02]q\x00U\x010a.", b"\x80\x02]q\x00.", b"\x80\x02N."))
    count = draw.choice((4, 24, 0, -1, 2**40, 2**62))
    body = struct.pack("<q", count) + bytes(draw.choice((0, 16, 96)))
    return _HEAD + b"".join(parts) + keys + body


def stored_zip(members: dict[str, bytes]) -> bytes:
    """An archive without compression, some ten times as fast as `zipfile` writes it."""
    body, directory = bytearray(), bytearray()
    for name, content in members.items():
        text, size = name.encode(), len(content)
        common = struct.pack("<HHHHH", 20, 0, 0, 0, 0x21)
        common += struct.pack("<III", zlib.crc32(content), size, size)
        common += struct.pack("<HH", len(text), 0)
        directory += b"PK\x01\x02\x14\x00" + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + text
        body += b"PK\x03\x04" + common + text + content
    count = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\x05\x06" + end


FAMILIES: dict[str, Callable[[list[bytes], random.Random], bytes]] = {
    "pickle": _plain,
    "torch_zip": _torch_zip,
    "legacy": _legacy,
}


def family(name: str, seed: int) -> Iterator[bytes]:
    """Draws a file and its siblings.

    Args:
      name: of one of `FAMILIES`.
      seed: of the draw, on which everything depends.
    """
    draw = random.Random(f"{name} family {seed}")
    parts = grammars.tokens(draw)
    wrap = FAMILIES[name]
    yield wrap(parts, draw)
    for _ in range(_NUM_SIBLINGS):
        yield wrap(_vary(parts, draw), draw)
