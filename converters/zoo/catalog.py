"""The published checkpoints: where they lie, what they are, whose license they carry.

Sizes and hashes are those of public mirrors where any were found; a mirror may re-save
a file, so that an entry without a hash is held to the hash of its first download.
Files on Google Drive are refused by it from time to time ("quota exceeded"): download
them by hand then, and give the path.
"""

import difflib
import os
import pathlib
import time
from collections.abc import Callable

import tqdm

from converters import conversion_errors
from converters.readers import contents
from converters.zoo import downloads
from converters.zoo import table as zoo_table
from converters.zoo.table import ZooEntry
from jax_encoder.errors import InputError
from jax_encoder.io import caches, files, locks

ENTRIES: dict[str, ZooEntry] = {entry.name: entry for entry in zoo_table.ENTRIES}

PAIRS = zoo_table.PAIRS
"""Distances of two files, by name: the names of the trunk and of the heads."""

ALIASES = {
    "stylegan_ffhq": "interfacegan-stylegan-ffhq",
    "stylegan_celebahq": "interfacegan-stylegan-celebahq",
    "stylegan2_ffhq": "stylegan2-ffhq-config-f",
}
"""What --model_type called them in InterFaceGAN and the encoders built on it."""

OFFLINE = "JAX_ENCODER_OFFLINE"
"""The variable that forbids downloads when it is 1."""

_PARTIAL = ".partial"
_MAX_BYTES = 4 << 30
_SPARE = 1 << 20
_PAUSE = 1.0


class ZooError(InputError):
    """A checkpoint that cannot be had: unknown, not reachable or damaged on the way."""


def find(name: str) -> ZooEntry:
    """The entry of a name, or of another that people know it by.

    Raises:
      ZooError: there is none; names similar ones.
    """
    name = ALIASES.get(name, name)
    if name in ENTRIES:
        return ENTRIES[name]
    known = [*PAIRS, *ENTRIES]
    close = difflib.get_close_matches(name, known, 5, 0.4) or sorted(known)
    raise ZooError(
        f"{name!r} is neither a file nor a checkpoint of the zoo; similar names:"
        f" {', '.join(close)}."
    )


def locate(
    source: str | os.PathLike[str],
    *,
    announce: Callable[[ZooEntry], None] | None = None,
    sha256: str | None = None,
) -> tuple[pathlib.Path, ZooEntry | None]:
    """Finds what a person names: a path, or a checkpoint of the zoo.

    Args:
      source: a path; or, where none such exists, a name, which is downloaded.
      announce: is called before a download.
      sha256: that the file must have.

    Returns:
      The path, and the entry if it was a name.

    Raises:
      ZooError: neither; names similar ones. Or it cannot be downloaded, or has another
        digest.
    """
    path = pathlib.Path(source)
    if path.exists() or os.sep in os.fspath(source) or path.suffix:
        if sha256 and path.is_file() and files.sha256(path) != sha256.lower():
            raise ZooError(f"{path}: its SHA-256 is not {sha256}.")
        return path, None
    entry = find(os.fspath(source))
    if announce is not None:
        announce(entry)
    found = download(entry, has_progress=announce is not None, sha256=sha256)
    return found, entry


def find_sha256(digest: str) -> ZooEntry | None:
    """The entry whose file has this SHA-256, if any."""
    for entry in ENTRIES.values():
        if entry.sha256 == digest:
            return entry
    return None


def cache_directory() -> pathlib.Path:
    """Where downloads are kept; see `jax_encoder.io.caches`."""
    return caches.directory("checkpoints")


def is_offline() -> bool:
    """Whether the environment forbids downloads."""
    return os.environ.get(OFFLINE, "").lower() in ("1", "true", "yes")


def download(
    entry: ZooEntry,
    directory: str | os.PathLike[str] | None = None,
    *,
    num_retries: int = 3,
    has_progress: bool = False,
    sha256: str | None = None,
    limits: downloads.Limits | None = None,
) -> pathlib.Path:
    """Fetches a checkpoint, unless it is there already.

    What comes is kept only if it is whole, of a kind that the readers know, and has the
    digest that the person, the table or an earlier download gives. A file in the cache
    that has changed since is said, removed and fetched again.

    Args:
      entry: of the zoo.
      directory: where to keep it; default: `cache_directory()`.
      num_retries: for every address, after a transfer that broke off.
      has_progress: show a bar.
      sha256: that the file must have; None for the table's, or the first download's.
      limits: of size and time; None for those of the entry.

    Returns:
      The file.

    Raises:
      ZooError: no address answers, the file is not what it should be, or it is not
        there and `OFFLINE` is set.
    """
    folder = pathlib.Path(directory or cache_directory())
    path = files.inside(folder, entry.file)
    if path.is_file():
        reason = _wrong_digest(entry, folder, files.sha256(path), sha256)
        if not reason:
            return path
        if sha256 is not None:
            raise ZooError(f"{path}: {reason}.")
        caches.say(f"{path} has changed since it came ({reason}): fetched again.")
        path.unlink()
    if is_offline():
        raise ZooError(
            f"{entry.name} is not in the cache, and {OFFLINE} forbids downloads. Put"
            f" {entry.urls[0]} at {path}."
        )
    limits = limits or downloads.Limits(max_bytes=_ceiling(entry))
    bar = _Bar(entry.name) if has_progress else None
    try:
        with locks.hold(files.make_directory(folder / _PARTIAL), f"{entry.file}.lock"):
            return _fetch_any(entry, folder, num_retries, sha256, limits, bar)
    except locks.LockedError as error:
        raise ZooError(f"{entry.name}: {error}") from error
    finally:
        if bar is not None:
            bar.close()


def _ceiling(entry: ZooEntry) -> int:
    """The bytes that a download may have: mirrors re-save files a little larger."""
    return _MAX_BYTES if entry.size is None else entry.size + entry.size // 4 + _SPARE


def _fetch_any(entry, folder, num_retries, sha256, limits, bar) -> pathlib.Path:
    """Tries one address after the other."""
    reasons = []
    for index, url in enumerate(entry.urls):
        part = folder / _PARTIAL / f"{entry.file}.{index}"
        try:
            _transfer(url, part, entry, num_retries, sha256, limits, bar)
            digest = files.sha256(part)
            reason = _wrong_content(part) or _wrong_digest(
                entry, folder, digest, sha256
            )
            if not reason:
                path = folder / entry.file
                downloads.finish(part, path)
                downloads.record(folder, entry.file, digest)
                return path
            downloads.forget(part)
        except downloads.DownloadError as error:
            reason = str(error)
        reasons.append(f"{url}: {reason}")
    raise ZooError(
        f"Cannot download {entry.name}:\n  " + "\n  ".join(reasons) + "\nDownload it by"
        " hand and give its path instead."
    )


def _transfer(url, part, entry, num_retries, sha256, limits, bar) -> None:
    """One address, going on after breaks."""
    is_checked = bool(sha256 or entry.sha256)
    for attempt in range(num_retries + 1):
        try:
            downloads.fetch(
                url, part, limits, trusts_ranges=is_checked, advance=bar and bar.advance
            )
            return
        except downloads.DownloadError as error:
            if not error.can_retry:
                downloads.forget(part)
            if not error.can_retry or attempt == num_retries:
                raise
            time.sleep(min(_PAUSE * 2**attempt, 30.0))


def _wrong_content(part: pathlib.Path) -> str:
    """Why a file is no whole checkpoint, or ""; it is read, and nothing of it run."""
    try:
        contents.read(part)
    except conversion_errors.ConversionError as error:
        return error.reason
    return ""


def _wrong_digest(
    entry: ZooEntry, folder: pathlib.Path, digest: str, sha256: str | None
) -> str:
    """Why a digest is not the one that is expected, or ""."""
    if sha256 is not None and digest != sha256.lower():
        return f"its SHA-256 is {digest}, not {sha256}"
    if entry.sha256 and not digest.startswith(entry.sha256):
        return f"its SHA-256 does not begin with {entry.sha256}"
    first = downloads.recorded(folder).get(entry.file)
    if sha256 is None and first is not None and digest != first:
        return (
            f"its SHA-256 is {digest}, but {first} when it was first fetched; if you"
            f" trust the new file, name its digest with --sha256"
        )
    return ""


class _Bar:
    """A bar of the bytes that have come."""

    def __init__(self, name: str):
        self._bar = tqdm.tqdm(desc=name, unit="B", unit_scale=True)

    def advance(self, size: int, total: int | None) -> None:
        self._bar.total = total
        self._bar.update(size - self._bar.n)

    def close(self) -> None:
        self._bar.close()
