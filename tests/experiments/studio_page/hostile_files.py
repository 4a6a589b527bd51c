"""Files that a studio must refuse: pictures, archives, codes, names."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image


def _picture(kind="PNG", size=(40, 40)):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def _chunk(name, content):
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def _declared(width, height):
    """A PNG that says it is so large and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(b"")),
            _chunk(b"IEND", b""),
        ]
    )


def pictures(num=100):
    """(name, content) of pictures that cannot be used."""
    whole = {kind: _picture(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP")}
    found = [("empty.png", b""), ("text.png", b"no picture"), ("null.jpg", bytes(512))]
    found += [
        ("page.png", b"<html><script>alert(1)</script></html>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("archive.png", b"PK\x03\x04" + bytes(64)),
        ("program.png", b"\x7fELF" + bytes(64)),
    ]
    sides = (20_000, 65_535, 2**31 - 1, 9_000)
    found += [(f"bomb{side}.png", _declared(side, side)) for side in sides]
    found += [("flat.png", _declared(0, 10)), ("thin.png", _declared(100_000_000, 1))]
    names = ("../../escape.png", "/etc/passwd", "..\\..\\me.png", "a\u202egnp.exe")
    found += [(name, b"hostile") for name in names]
    cuts = (3, 9, 17, 25, 33, 41, 49, 57, 65, 73, 81, 89, 97, 105, 113, 121, 129, 137)
    for kind, content in whole.items():
        if kind == "GIF":
            continue  # what is left of one may be shown
        found += [
            (f"cut{cut}.{kind.lower()}", content[:cut])
            for cut in cuts
            if kind != "JPEG" or cut < 600
        ]
    extra = num - len(found)
    found += [(f"noise{k}.png", bytes([k % 256]) * (k + 1)) for k in range(extra)]
    return found[:num]


def bomb(members=1, megabytes=600):
    """A zip archive that unpacks to a great deal of zeros."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            with archive.open(f"code{number}.npy", "w", force_zip64=True) as file:
                for _ in range(megabytes):
                    file.write(bytes(1 << 20))
    return buffer.getvalue()


def escaping():
    """A zip archive whose members lead out of their folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("../../out.npy", "/tmp/studio_escape.npy", "a/../../b.npz"):
            archive.writestr(name, b"hostile")
    return buffer.getvalue()


def not_finite():
    """A code of nothing but NaN."""
    buffer = io.BytesIO()
    np.save(buffer, np.full((10, 128), np.nan, np.float32))
    return buffer.getvalue()


def codes():
    """(name, content) of code files that cannot be used."""
    return [
        ("bomb.zip", bomb()),
        ("bomb.npz", bomb(megabytes=200)),
        ("many.zip", bomb(members=400, megabytes=0)),
        ("escaping.zip", escaping()),
        ("damaged.zip", b"PK\x03\x04" + bytes(100)),
        ("pickle.pkl", b"cposix\nsystem\n(S'echo hostile'\ntR."),
        ("pickle.pt", b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R."),
        ("nan.npy", not_finite()),
        ("empty.npz", b""),
        ("../../../etc/cron.d/job", b"hostile"),
        ("program.exe", b"MZ"),
    ]
