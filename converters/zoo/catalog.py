"""The published checkpoints: where they lie, what they are, whose license they carry.

Sizes and hashes are those of public mirrors where any were found; a mirror may re-save
a file, so an entry without a hash is not checked. Files on Google Drive are refused by
it from time to time ("quota exceeded"): download them by hand then, and give the path.
"""

import difflib
import hashlib
import logging
import os
import pathlib
from collections.abc import Callable
from typing import Any

from converters.zoo import table as zoo_table
from converters.zoo.table import Entry

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in zoo_table.ENTRIES}

ALIASES = {
    "stylegan_ffhq": "interfacegan-stylegan-ffhq",
    "stylegan_celebahq": "interfacegan-stylegan-celebahq",
    "stylegan2_ffhq": "stylegan2-ffhq-config-f",
}
"""What --model_type called them in InterFaceGAN and the encoders built on it."""

_CHUNK = 1 << 20


class ZooError(ValueError):
    """A checkpoint that cannot be had: unknown, not reachable or damaged on the way."""


def find(name: str) -> Entry:
    """The entry of a name, or of another that people know it by.

    Raises:
      ZooError: there is none; names similar ones.
    """
    name = ALIASES.get(name, name)
    if name in ENTRIES:
        return ENTRIES[name]
    close = difflib.get_close_matches(name, ENTRIES, 5, 0.4) or sorted(ENTRIES)
    raise ZooError(
        f"{name!r} is neither a file nor a checkpoint of the zoo; similar names:"
        f" {', '.join(close)}."
    )


def locate(
    source: str | os.PathLike[str],
    *,
    announce: Callable[[Entry], None] | None = None,
) -> tuple[pathlib.Path, Entry | None]:
    """Finds what a person names: a path, or a checkpoint of the zoo.

    Args:
      source: a path; or, where none such exists, a name, which is downloaded.
      announce: is called before a download.

    Returns:
      The path, and the entry if it was a name.

    Raises:
      ZooError: neither; names similar ones. Or it cannot be downloaded.
    """
    path = pathlib.Path(source)
    if path.exists() or os.sep in os.fspath(source) or path.suffix:
        return path, None
    entry = find(os.fspath(source))
    if announce is not None:
        announce(entry)
    return download(entry, has_progress=announce is not None), entry


def find_sha256(digest: str) -> Entry | None:
    """The entry whose file has this SHA-256, if any."""
    for entry in ENTRIES.values():
        if entry.sha256 == digest:
            return entry
    return None


def cache_directory() -> pathlib.Path:
    """Where downloads are kept: $JAX_ENCODER_CACHE, or the user's cache directory."""
    root = os.environ.get("JAX_ENCODER_CACHE")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        root = os.path.join(base, "jax_encoder")
    return pathlib.Path(root) / "checkpoints"


def download(
    entry: Entry,
    directory: str | os.PathLike[str] | None = None,
    *,
    num_retries: int = 3,
    has_progress: bool = False,
) -> pathlib.Path:
    """Fetches a checkpoint, unless it is there already.

    Args:
      entry: of the zoo.
      directory: where to keep it; default: `cache_directory()`.
      num_retries: for every address, after a transfer that broke off.
      has_progress: show a bar; needs tqdm.

    Returns:
      The file.

    Raises:
      ZooError: no address answers, or the file is not what it should be.
    """
    folder = pathlib.Path(directory or cache_directory())
    reasons = []
    for url in entry.urls:
        try:
            path = _fetch(entry, url, folder, num_retries, has_progress)
            return _checked(entry, path)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            reasons.append(f"{url}: {str(error)[:300]}")
    raise ZooError(
        f"Cannot download {entry.name}:\n  " + "\n  ".join(reasons) + "\nDownload it by"
        " hand and give its path instead."
    )


def _fetch(
    entry: Entry, url: str, folder: pathlib.Path, num_retries: int, has_progress: bool
) -> pathlib.Path:
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    is_whole = entry.sha256 is not None and len(entry.sha256) == 64
    registry = pooch.create(
        path=folder,
        base_url="",
        registry={entry.file: f"sha256:{entry.sha256}" if is_whole else None},
        urls={entry.file: url},
        retry_if_failed=num_retries,
    )
    downloader: Any = pooch.HTTPDownloader(progressbar=has_progress, chunk_size=_CHUNK)
    return pathlib.Path(registry.fetch(entry.file, downloader=downloader))


def _checked(entry: Entry, path: pathlib.Path) -> pathlib.Path:
    """The file, if it is what the entry says; otherwise it is deleted."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(64).lstrip().lower()
    reason = ""
    if head.startswith((b"<!doctype", b"<html")):
        reason = "the server sent a web page instead (a quota is used up?)"
    elif entry.size is not None and entry.sha256 is not None and size != entry.size:
        reason = f"{size} bytes instead of {entry.size}"
    elif entry.sha256 and not _digest(path).startswith(entry.sha256):
        reason = f"its SHA-256 does not begin with {entry.sha256}"
    if reason:
        path.unlink()
        raise ZooError(reason)
    return path


def _digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
