"""Fetches one file: limited in size and time, resumed after a break, whole or absent.

What arrives lies in a hidden folder until it is known to be whole and of the right
kind. A server may send without end, a byte a second, or something else entirely.
"""

import dataclasses
import http.client
import json
import os
import pathlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from jax_encoder.errors import InputError
from jax_encoder.io import files, loading

_CHUNK = 1 << 18
_AGENT = "jax_encoder (https://pypi.org/project/jax_encoder)"


class DownloadError(InputError):
    """A transfer failed.

    Attributes:
      can_retry: whether the same address may do better next time.
    """

    def __init__(self, reason: str, *, can_retry: bool = False):
        super().__init__(reason)
        self.can_retry = can_retry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What a transfer may take.

    Attributes:
      max_bytes: of the whole file.
      max_seconds: of one transfer.
      stall_seconds: the time in which at least `stall_bytes` must come.
      stall_bytes: a tenth of a slow modem's speed, over a minute.
    """

    max_bytes: int = 4 << 30
    max_seconds: float = 6 * 3600.0
    stall_seconds: float = 60.0
    stall_bytes: int = 32 << 10


def fetch(
    url: str,
    part: pathlib.Path,
    limits: Limits,
    *,
    trusts_ranges: bool = False,
    advance: Callable[[int, int | None], None] | None = None,
) -> None:
    """Transfers a file, or what is left of it.

    Args:
      url: where it lies.
      part: what has arrived so far, here and in earlier calls; appended to. A file of
        the same name with ".json" tells which version of the file it is.
      limits: of size and time.
      trusts_ranges: go on with a part even if the server does not say that the file is
        still the same; right only if its digest is checked afterwards.
      advance: is told the bytes so far and, where known, of the whole.

    Raises:
      DownloadError: it broke off, exceeds a limit, or the address does not answer.
      WriteError: the disk is full.
    """
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT})
    offset = _offset(part, request, trusts_ranges)
    try:
        with urllib.request.urlopen(request, timeout=limits.stall_seconds) as response:
            _receive(response, part, offset, limits, advance)
    except DownloadError:
        raise
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is longer than the file
            forget(part)
        error.close()
        raise DownloadError(
            f"the server answers {error.code} {error.reason}",
            can_retry=error.code in (408, 416, 429) or error.code >= 500,
        ) from None
    except files.WriteError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"the transfer broke off ({str(reason)[:200] or type(error).__name__})",
            can_retry=True,
        ) from None
    except ValueError as error:
        raise DownloadError(f"no address: {str(error)[:200]}") from None


def _offset(
    part: pathlib.Path, request: urllib.request.Request, trusts_ranges: bool
) -> int:
    """How much of the part is used; asks the server for the rest."""
    size = part.stat().st_size if part.is_file() else 0
    try:
        version = loading.read_json(_note(part))
    except loading.LoadError:
        version = None
    if not size or (not isinstance(version, str) and not trusts_ranges):
        return 0
    request.add_header("Range", f"bytes={size}-")
    if isinstance(version, str):
        request.add_header("If-Range", version)
    return size


def _note(part: pathlib.Path) -> pathlib.Path:
    return part.with_name(f"{part.name}.json")


def forget(part: pathlib.Path) -> None:
    """Removes what has arrived."""
    for path in (part, _note(part)):
        path.unlink(missing_ok=True)


def _receive(response, part: pathlib.Path, offset: int, limits: Limits, advance):
    """Appends the body to the part, or replaces it where the server sends all of it."""
    start = f"bytes {offset}-"
    if response.status != 206:
        offset = 0
    elif not response.headers.get("Content-Range", "").startswith(start):
        forget(part)
        raise DownloadError("the server sends another range", can_retry=True)
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdecimal() and len(length) < 16 else None
    if total is not None and total > limits.max_bytes:
        raise DownloadError(
            f"the server announces {total} bytes, more than {limits.max_bytes}"
        )
    version = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if version and not version.startswith("W/"):
        files.write_json(_note(part), version[:1000])
    else:
        _note(part).unlink(missing_ok=True)
    size = _copy(
        response, part, offset, limits, lambda n: advance and advance(n, total)
    )
    if total is not None and size != total:
        raise DownloadError(f"{size} bytes came of {total}", can_retry=True)


def _copy(response, part: pathlib.Path, size: int, limits: Limits, advance) -> int:
    """Writes what comes, within the limits; returns the bytes of the part."""
    began = window = time.monotonic()
    in_window = 0
    with _appending(part, size) as file:
        while piece := response.read1(_CHUNK):
            size += len(piece)
            in_window += len(piece)
            now = time.monotonic()
            if size > limits.max_bytes:
                raise DownloadError(f"more than {limits.max_bytes} bytes came")
            if now - began > limits.max_seconds:
                raise DownloadError(f"it took longer than {limits.max_seconds:.0f} s")
            if now - window > limits.stall_seconds:
                if in_window < limits.stall_bytes:
                    raise DownloadError(
                        f"{in_window} bytes came in {limits.stall_seconds:.0f} s",
                        can_retry=True,
                    )
                window, in_window = now, 0
            _write(file, piece, part)
            advance(size)
    return size


def _appending(part: pathlib.Path, size: int):
    try:
        file = open(part, "r+b" if part.is_file() else "w+b")  # noqa: SIM115
        file.truncate(size)
        file.seek(size)
        return file
    except OSError as error:
        raise files.explain(part, error) from error


def _write(file, piece: bytes, part: pathlib.Path) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise files.explain(part, error) from error


def finish(part: pathlib.Path, path: pathlib.Path) -> None:
    """Puts a whole file in its place, durably.

    Raises:
      WriteError: the disk does not take it.
    """
    try:
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise files.explain(path, error) from error
    _note(part).unlink(missing_ok=True)


def recorded(folder: pathlib.Path) -> dict[str, str]:
    """The digests of what was fetched before, by the files' names."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        found = loading.read_json(path)
    except loading.LoadError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(k): v for k, v in found.items() if isinstance(v, str) and len(v) == 64}


def record(folder: pathlib.Path, name: str, digest: str) -> None:
    """Remembers a digest; one that is there already stays.

    Raises:
      WriteError: the disk is full or read-only.
    """
    found = {name: digest} | recorded(folder)
    files.write_bytes(folder / RECORD, json.dumps(found, indent=2).encode() + b"\n")


RECORD = "digests.json"
