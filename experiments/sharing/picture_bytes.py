"""Reads the bytes of one picture, wherever they lie, and makes them a target."""

import dataclasses
import functools
import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.launch import command_line
from experiments.sharing import corpus_sources
from experiments.stores import tables
from jax_encoder.errors import InputError
from jax_encoder.io import folders, images, names

if TYPE_CHECKING:
    import pyarrow

MAX_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A line of the manifest.

    Attributes:
      position: in the corpus, from 0.
      id: the picture's name.
      uri: its file.
      size: in bytes when it was listed; -1 where nobody said.
      place: of `corpus_sources.PictureSource`.
      sha256: of its content where that was hashed while listing, else "".
    """

    position: int
    id: str
    uri: str
    size: int = -1
    place: int = -1
    sha256: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A picture that was read, or why it was not.

    Attributes:
      entry: of the manifest.
      target: `[R, R, C]` in [-1, 1], or None.
      num_bytes: read.
      sha256: of the content; "" where it could not be read.
      reason: why there is no target; "" where there is one.
      note: what was done to it that a person may want to know.
    """

    entry: Entry
    target: np.ndarray | None
    num_bytes: int = 0
    sha256: str = ""
    reason: str = ""
    note: str = ""


def load(entry: Entry, *, resolution: int, channels: int, crop: str) -> Loaded:
    """Reads, hashes and decodes a picture; what is wrong with it is a reason.

    Args:
      entry: which.
      resolution: of the target.
      channels: of the target.
      crop: of `images.fit`.
    """
    try:
        content = read(entry)
    except (OSError, ValueError, MemoryError, command_line.Failure) as error:
        return Loaded(entry, None, reason=f"not readable ({error}); check the source")
    digest = hashlib.sha256(content).hexdigest()
    told = {"num_bytes": len(content), "sha256": digest}
    if reason := _changed(entry, len(content), digest):
        return Loaded(entry, None, reason=reason, **told)
    if folders.MARK in content[:4096] or folders.MARK in content[-4096:]:
        reason = "a report or film of this package; remove it from the corpus"
        return Loaded(entry, None, reason=reason, **told)
    try:
        image = images.decode(entry.uri, channels, content=content)
        target = images.fit(image, resolution, crop)
    except images.PictureError as error:
        return Loaded(entry, None, reason=f"{error.reason}; {error.remedy}", **told)
    except (MemoryError, ValueError) as error:
        reason = f"cannot be decoded ({error}); get another copy"
        return Loaded(entry, None, reason=reason, **told)
    height, width = image.shape[:2]
    note = f"enlarged from {width}x{height} pixels"
    return Loaded(
        entry, target, note=note if min(height, width) < resolution else "", **told
    )


def _changed(entry: Entry, num_bytes: int, digest: str) -> str:
    is_same = entry.size in (-1, num_bytes) and entry.sha256 in ("", digest)
    if is_same:
        return ""
    return (
        f"changed since it was listed ({entry.size} bytes then, {num_bytes} now); put"
        " the old one back, or encode it into another --output_dir"
    )


def read(entry: Entry) -> bytes:
    """The bytes of a picture.

    Args:
      entry: which.

    Raises:
      OSError: it cannot be read.
      ValueError: larger than `MAX_BYTES`, or no picture at the place.
    """
    if entry.size > MAX_BYTES:
        raise InputError(f"{entry.size} bytes are more than {MAX_BYTES}")
    is_row = entry.place >= 0 and entry.uri.lower().endswith(".parquet")
    if is_row:
        return _table(entry.uri).content(entry.place)
    if "://" in entry.uri:
        system, path = corpus_sources.filesystem(entry.uri)
        if entry.place < 0:
            return system.cat_file(path)
        return system.cat_file(path, entry.place, entry.place + entry.size)
    if not os.path.exists(entry.uri):
        raise InputError(f"{names.safe_path(entry.uri)!r}: no such file")
    images.check_file(entry.uri)
    with open(entry.uri, "rb") as file:
        if entry.place < 0:
            return file.read(MAX_BYTES)
        file.seek(entry.place)
        return file.read(entry.size)


@functools.lru_cache(maxsize=2)
def _table(uri: str) -> "_Table":
    return _Table(uri)


class _Table:
    """A Parquet file with pictures in it; its last row group is kept."""

    def __init__(self, uri: str):
        self._file = tables.arrow().parquet.ParquetFile(corpus_sources.open_binary(uri))
        self._column = corpus_sources.content_column(self._file.schema_arrow) or ""
        metadata = self._file.metadata
        sizes = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
        self._ends = np.cumsum(sizes)
        self._group = -1
        self._rows: pyarrow.Table | None = None
        self._lock = threading.Lock()

    def content(self, row: int) -> bytes:
        group = int(np.searchsorted(self._ends, row, side="right"))
        if group >= len(self._ends):
            raise InputError(f"it has no row {row}")
        first = int(self._ends[group - 1]) if group else 0
        with self._lock:
            if group != self._group:
                self._rows = self._file.read_row_group(group, [self._column])
                self._group = group
            rows: Any = self._rows
            value = rows.column(0)[row - first].as_py()
        value = value.get("bytes") if isinstance(value, dict) else value
        if not value:
            raise InputError(f"row {row} holds no picture")
        return value
