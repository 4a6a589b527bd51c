"""What a folder holds: pictures to use, and every other file with the reason why not.

Files that this package writes beside its results (contact sheets, curves, films) carry
a mark in their content and are never taken for pictures, wherever they are moved to.
Reports of older versions carry none and are told by their names.
"""

import collections
import dataclasses
import functools
import glob
import os
import pathlib
import re
import stat
from collections.abc import Iterator, Mapping

from jax_encoder.errors import InputError
from jax_encoder.io import names

MARK = b"jax_encoder:report"
"""Stands in the first or last bytes of every report and film that we write."""

_MARK_WITHIN = 4096

EXTENSIONS = frozenset(
    """.png .jpg .jpeg .jpe .jfif .mpo .webp .bmp .dib .gif .tif .tiff .ppm .pgm .pbm
    .pnm .avif .heic .heif .hif""".split()  # noqa: SIM905
)
_UNREAD = frozenset(
    """.tga .jp2 .jxl .psd .svg .exr .hdr .ico .icns .pcx .eps .pdf .dds .raw .dng .cr2
    .cr3 .nef .arw .orf .rw2 .raf""".split()  # noqa: SIM905
)
_STARTS = (
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
)
REPORT_NAMES = ("contact_sheet.png", "loss_curves.png")
_OLD_REPORTS = re.compile(
    r"worst_and_best\.png|sets\.png|curves\.png|measures\.png|sheet\.png"
    r"|samples_\d{7}\.png|histogram_\w+\.png"
)
_SIGNS = ("summary.json", "evaluation.json", "scalars.jsonl", "attributes.json")

_REPORT = "a report or film of this package"
_OTHER = "no picture"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or pattern, each with its account.

    Attributes:
      where: what was asked for.
      root: the folder below which the pictures' places count.
      paths: the pictures, sorted.
      skipped: the reason by file of everything else that was seen.
    """

    where: str
    root: pathlib.Path
    paths: tuple[pathlib.Path, ...]
    skipped: Mapping[pathlib.Path, str] = dataclasses.field(default_factory=dict)

    def names(self) -> dict[pathlib.Path, str]:
        """The pictures' names, of `names.unique`."""
        return names.unique(self.paths, self.root)

    def account(self) -> str:
        """How many files are used, and how many are left out for which reason."""
        text = f"{len(self.paths)} pictures in {names.safe(self.where)}"
        groups: dict[str, list[str]] = collections.defaultdict(list)
        for path, reason in self.skipped.items():
            groups[reason].append(names.safe(path.name))
        parts = [f"{len(of)} {reason} ({_few(of)})" for reason, of in groups.items()]
        return f"{text}; left out: {'; '.join(parts)}" if parts else text

    def skipped_rows(self) -> list[dict[str, str]]:
        """The account of the files left out, for a summary."""
        return [
            {"file": names.safe_path(path), "status": "skipped", "reason": reason}
            for path, reason in self.skipped.items()
        ]


def _few(texts: list[str]) -> str:
    return ", ".join(texts[:3]) + (", ..." if len(texts) > 3 else "")


def look(where: str | os.PathLike) -> Listing:
    """Lists the pictures of a directory or pattern, and accounts for the rest.

    Args:
      where: a directory (without its sub-folders), a file, or a pattern such as
        `photos/*.jpg` or `photos/**/*.png`, which looks into sub-folders. Where a
        pattern as written matches nothing, its brackets are taken literally.

    Returns:
      The listing; files named outright are always among its pictures.

    Raises:
      ValueError: there is no picture; says what there is instead.
    """
    path = pathlib.Path(where)
    if path.is_dir():
        listing = _sort(where, path, _children(path))
    elif os.path.lexists(path):
        listing = Listing(where=os.fspath(where), root=path.parent, paths=(path,))
    else:
        pattern = _matching(os.fspath(where))
        listing = _sort(where, _fixed_part(pattern), _matches(pattern))
    if not listing.paths:
        raise InputError(_nothing(listing))
    return listing


def _children(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.iterdir())


def _matching(pattern: str) -> str:
    """The pattern, with its brackets escaped where it matches nothing else."""
    if "[" in pattern and not next(glob.iglob(pattern, recursive=True), None):
        return re.sub(r"\[", "[[]", pattern)
    return pattern


def _fixed_part(pattern: str) -> pathlib.Path:
    """The folder up to the first wildcard of a pattern."""
    parts = pathlib.PurePath(pattern).parts[:-1]
    fixed: list[str] = []
    for part in parts:
        if glob.has_magic(part.replace("[[]", "")):
            break
        fixed.append(part.replace("[[]", "["))
    return pathlib.Path(*fixed)


def _matches(pattern: str) -> list[pathlib.Path]:
    """The files that a pattern matches; no link to a folder above is followed."""
    found = sorted(pathlib.Path(p) for p in glob.glob(pattern, recursive=True))
    return [p for p in found if not (p.is_dir() or _is_loop(p.parent))]


@functools.lru_cache(maxsize=4096)
def _is_loop(folder: pathlib.Path) -> bool:
    """Whether a folder, or one above it, is a link to a folder above itself."""
    if folder == folder.parent:
        return False
    if folder.is_symlink():
        own, above = folder.resolve(), folder.parent.resolve()
        if own == above or own in above.parents:
            return True
    return _is_loop(folder.parent)


def _sort(where, root: pathlib.Path, candidates: list[pathlib.Path]) -> Listing:
    """Parts pictures from the rest."""
    signs = {path.parent for path in candidates if path.name in _SIGNS}
    paths, skipped = [], {}
    for path in candidates:
        reason = _why_not(path, is_ours=path.parent in signs)
        if reason is None:
            paths.append(path)
        elif reason:
            skipped[path] = reason
    return Listing(
        where=os.fspath(where), root=root, paths=tuple(paths), skipped=skipped
    )


def _why_not(path: pathlib.Path, *, is_ours: bool) -> str | None:
    """Why a file is left out; None for a picture, "" for what nobody asks after."""
    if path.name.startswith("."):
        return ""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to nothing"
    if stat.S_ISDIR(mode):
        is_full = any(_children_with_pictures(path))
        return "a sub-folder, read by a pattern with **" if is_full else ""
    if not stat.S_ISREG(mode):
        return "not a file"
    extension = path.suffix.lower()
    if extension in _UNREAD:
        return f"{extension} is not read, save it as PNG"
    if extension not in EXTENSIONS and (extension or not _starts_as_picture(path)):
        return _OTHER
    if path.name in REPORT_NAMES or (is_ours and _OLD_REPORTS.fullmatch(path.name)):
        return _REPORT
    return _REPORT if is_report(path) else None


def _children_with_pictures(folder: pathlib.Path) -> Iterator[bool]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if os.path.splitext(entry.name)[1].lower() in EXTENSIONS:
                yield True


def _starts_as_picture(path: pathlib.Path) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    is_webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    return start.startswith(_STARTS) or is_webp or start[4:8] == b"ftyp"


def is_report(path: str | os.PathLike) -> bool:
    """Whether a file carries the mark of this package's reports and films.

    Args:
      path: any file; one that cannot be read carries none.
    """
    try:
        with open(path, "rb") as file:
            if MARK in file.read(_MARK_WITHIN):
                return True
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _MARK_WITHIN))
            return MARK in file.read(_MARK_WITHIN)
    except OSError:
        return False


def _nothing(listing: Listing) -> str:
    """Says what is there where no picture is."""
    where = names.safe(listing.where)
    text = f"No pictures in {where!r}"
    if listing.skipped:
        return f"{text}: {listing.account().partition('; ')[2]}."
    if "[" in listing.where:
        text += " (brackets in a pattern stand for one of several letters)"
    return (
        f"{text}; name a directory with pictures or a pattern such as 'photos/*.jpg'"
        " (in quotes)."
    )


def find(where: str | os.PathLike) -> list[pathlib.Path]:
    """The pictures of `look`.

    Args:
      where: as of `look`.

    Returns:
      Files, sorted by path.

    Raises:
      ValueError: as `look`.
    """
    return list(look(where).paths)
