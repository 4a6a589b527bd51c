"""Names of pictures: one rule for files, tables, plots and pairing.

A file may be called anything: bytes that are no UTF-8, an accent composed or in two
parts, `$`, a leading `_`. `safe` makes of any name one that every file system, table
and terminal takes; `unique` names the pictures of a run so that none takes the place of
another's outputs; `drawable` is for fonts, which do not have every letter.
"""

import hashlib
import os
import pathlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

_MAX_BYTES = 180
"""Of one part of a name; leaves room for extensions where 255 are the limit."""

RESERVED = ("contact_sheet", "loss_curves", "summary", "generator")
"""What runs write beside the pictures' results; no picture is called so."""


def safe(text: str) -> str:
    """Makes a name that can be written, printed and compared.

    Bytes that are no UTF-8, control characters and backslashes become `%` and two
    hexadecimal digits; accents are composed (NFC); what is too long for a disk is cut
    and ends in eight digits of its SHA-256.

    Args:
      text: a file's name or a part of its path, as Python's `os` gives it.

    Returns:
      Valid Unicode without control characters, at most 180 bytes in UTF-8.
    """
    kept = []
    for letter in unicodedata.normalize("NFC", text):
        code = ord(letter)
        if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
            kept.append(f"%{code - 0xDC00:02X}")
        elif letter == "\\" or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
            kept.append("".join(f"%{byte:02X}" for byte in _bytes(letter)))
        else:
            kept.append(letter)
    name = "".join(kept)
    if len(name.encode()) <= _MAX_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    head = name.encode()[: _MAX_BYTES - 9].decode(errors="ignore")
    return f"{head}-{digest}"


def _bytes(letter: str) -> bytes:
    return letter.encode("utf-8", "surrogatepass")


def unique(
    paths: Iterable[pathlib.Path],
    root: str | os.PathLike | None = None,
    *,
    taken: Iterable[str] = RESERVED,
) -> dict[pathlib.Path, str]:
    """Names pictures by their place below a folder, without their extension.

    `root/a/0001.png` is called "a/0001". Pictures that differ in their extension only
    are called "a_png" and "a_webp", whichever comes first; what is still the same
    (letter case and the form of accents do not count) gets a number.

    Args:
      paths: the pictures.
      root: the folder below which places count; by default the deepest common one.
      taken: names that no picture may have, such as "summary".

    Returns:
      A name for every path, in the order of `paths`; parts of it are `safe`.
    """
    paths = list(dict.fromkeys(paths))
    root = common_folder(paths) if root is None else pathlib.Path(root)
    forbidden = {_key(name) for name in taken}
    plain = {path: _parts(path, root) for path in paths}
    stems = {path: _join(*parts, path.stem) for path, parts in plain.items()}
    counts: dict[str, int] = {}
    for stem in stems.values():
        counts[_key(stem)] = counts.get(_key(stem), 0) + 1
    named, used = {}, set(forbidden)
    used |= {_key(s) for s in stems.values() if counts[_key(s)] == 1}
    for path in paths:
        name = stems[path]
        if counts[_key(name)] == 1 and _key(name) not in forbidden:
            named[path] = name
            continue
        extension = path.suffix[1:]
        whole = f"{path.stem}_{extension}" if extension else path.stem
        named[path] = _numbered(_join(*plain[path], whole), used)
        used.add(_key(named[path]))
    return named


def _numbered(name: str, used: set[str]) -> str:
    """The name, with a number where it is used already."""
    candidate, number = name, 1
    while _key(candidate) in used:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _parts(path: pathlib.Path, root: pathlib.Path) -> Sequence[str]:
    """The folders between `root` and the path's own, none where it is not below."""
    try:
        return path.parent.relative_to(root).parts
    except ValueError:
        return ()


def _join(*parts: str) -> str:
    return "/".join(safe(part) for part in parts if part not in ("..", "/"))


def _key(name: str) -> str:
    """What two names share that some file system takes for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def common_folder(paths: Iterable[pathlib.Path]) -> pathlib.Path:
    """The deepest folder that holds all of these files.

    Args:
      paths: files, all relative or all absolute.

    Returns:
      The folder; the working directory where there is none.
    """
    folders = [os.fspath(path.parent) for path in paths]
    try:
        return pathlib.Path(os.path.commonpath(folders))
    except ValueError:  # no paths, or relative and absolute ones
        return pathlib.Path()


def drawable(text: str, has_glyph: Callable[[str], bool]) -> str:
    """Replaces the letters that a font does not have.

    Args:
      text: what is to be drawn.
      has_glyph: whether the font draws a letter.

    Returns:
      The text; a missing letter loses its accent, or becomes `<4E2D>`, its number.
    """
    drawn = []
    for letter in safe(text):
        plain = unicodedata.normalize("NFKD", letter)[0]
        if has_glyph(letter):
            drawn.append(letter)
        else:
            drawn.append(plain if has_glyph(plain) else f"<{ord(letter):04X}>")
    return "".join(drawn)


def safe_path(path: str | os.PathLike) -> str:
    """A whole path as text for tables and JSON; each of its parts is `safe`."""
    return os.sep.join(
        part if part == os.sep else safe(part) for part in pathlib.PurePath(path).parts
    ).replace(os.sep * 2, os.sep)


def printable(value: object) -> object:
    """JSON values whose texts are valid Unicode: other bytes become `%FF`.

    Args:
      value: texts, numbers, lists and dicts of them.

    Returns:
      The same, keys included.
    """
    if isinstance(value, str):
        return re.sub("[\udc80-\udcff]", lambda m: f"%{ord(m[0]) - 0xDC00:02X}", value)
    if isinstance(value, dict):
        return {printable(key): printable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value
