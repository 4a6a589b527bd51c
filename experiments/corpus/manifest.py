"""The manifest: every picture of a corpus, once, cut into shards.

A Parquet file whose row groups are the shards, so that a worker reads its shard alone.
It is written once, whole, before any shard; from then on nobody lists or hashes again.
"""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from experiments.launch import command_line
from experiments.sharing import corpus_sources, picture_bytes
from experiments.stores import tables
from jax_encoder.io import files, loading

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

FILE = "manifest.parquet"
_KINDS = {
    "id": "string",
    "uri": "string",
    "bytes": "int64",
    "place": "int64",
    "sha256": "string",
}
_COLUMNS = tuple(_KINDS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest that was opened.

    Attributes:
      path: the file.
      num: pictures.
      num_shards: row groups.
      digest: SHA-256 of ids, addresses and sizes.
    """

    path: str
    num: int
    num_shards: int
    digest: str

    def size(self, shard: int) -> int:
        """The number of pictures in a shard."""
        return _opened(self.path).metadata.row_group(shard).num_rows

    def shard(self, index: int) -> list[picture_bytes.Entry]:
        """The pictures of a shard.

        Args:
          index: from 0.

        Raises:
          LoadError: damaged.
        """
        file = _opened(self.path)
        first = index * file.metadata.row_group(0).num_rows
        try:
            rows = file.read_row_group(index, list(_COLUMNS))
            inflation = tables.Inflation(file, self.path, os.path.getsize(self.path))
            columns = inflation.plain(rows).to_pydict()
        except (tables.arrow().ArrowException, OSError) as error:
            raise loading.LoadError(self.path, f"damaged ({error})") from error
        found = zip(*(columns[name] for name in _COLUMNS), strict=True)
        return [picture_bytes.Entry(first + k, *row) for k, row in enumerate(found)]


@functools.lru_cache(maxsize=4)
def _opened(path: str) -> "pyarrow.parquet.ParquetFile":
    pa = tables.arrow()
    texts = [name for name, kind in _KINDS.items() if kind == "string"]
    try:
        file = pa.parquet.ParquetFile(
            path, page_checksum_verification=True, read_dictionary=texts
        )
    except FileNotFoundError:
        raise loading.LoadError(path, "no such file") from None
    except (pa.ArrowException, OSError, KeyError) as error:
        raise loading.LoadError(
            path, f"damaged ({error}); remove the output directory and begin anew"
        ) from error
    found = {f.name: str(f.type).removeprefix("large_") for f in file.schema_arrow}
    found = {name: "string" if "dictionary" in k else k for name, k in found.items()}
    if found != _KINDS or not file.metadata.num_row_groups:
        raise loading.LoadError(
            path, "damaged: no list of pictures; remove the output directory"
        )
    tables.Inflation(file, path, os.path.getsize(path))
    return file


def read(path: str | os.PathLike[str]) -> Manifest:
    """Opens a manifest.

    Args:
      path: the file.

    Raises:
      LoadError: missing or damaged.
    """
    file = _opened(os.fspath(path))
    about = (file.schema_arrow.metadata or {}).get(b"jax_encoder", b"")
    content = loading.parse_json(about, path) if about else {}
    if not isinstance(content, dict):
        raise loading.LoadError(path, "damaged: what it says of itself is no table")
    return Manifest(
        path=os.fspath(path),
        num=file.metadata.num_rows,
        num_shards=file.metadata.num_row_groups,
        digest=str(content.get("digest", "")),
    )


def write(
    path: str | os.PathLike[str], where: Sequence[str], shard_size: int, *, hashes: bool
) -> Manifest:
    """Lists the pictures and writes the manifest, whole or not at all.

    Args:
      path: the file.
      where: what to list, each of `corpus_sources.find`.
      shard_size: pictures per shard.
      hashes: read every picture now and keep its SHA-256; else it is hashed when it is
        encoded.

    Returns:
      The manifest.

    Raises:
      UsageError: there are no pictures.
      Failure: something cannot be listed.
      WriteError: the disk is full or read-only.
    """
    found = [source for place in where for source in corpus_sources.find(place)]
    if not found:
        raise command_line.UsageError(
            f"No pictures in {', '.join(where)}; name a folder, a list, a Parquet file,"
            " tars or a pattern in quotes."
        )
    entries = zip(found, corpus_sources.identify(found), strict=True)
    return write_entries(path, entries, shard_size, hashes=hashes)


def write_entries(
    path: str | os.PathLike[str],
    entries: Iterable[tuple[corpus_sources.PictureSource, str]],
    shard_size: int,
    *,
    hashes: bool = False,
) -> Manifest:
    """Writes a manifest of pictures and their ids; as `write`."""
    pa = tables.arrow()
    entries = list(entries)
    digest = hashlib.sha256()
    for source, name in entries:
        line = (name, source.uri, source.size, source.place)
        digest.update(repr(line).encode("utf-8", "surrogateescape"))
    texts = [("id", pa.string()), ("uri", pa.string())]
    numbers = [("bytes", pa.int64()), ("place", pa.int64())]
    about = f'{{"digest": "{digest.hexdigest()}"}}'
    schema = pa.schema(
        [*texts, *numbers, ("sha256", pa.string())], metadata={b"jax_encoder": about}
    )
    with (
        files.writing(path) as file,
        pa.parquet.ParquetWriter(
            file, schema, compression="zstd", write_page_checksum=True
        ) as writer,
    ):
        for first in range(0, len(entries), shard_size):
            part = entries[first : first + shard_size]
            writer.write_table(_rows(part, schema, hashes), row_group_size=shard_size)
    _opened.cache_clear()
    return read(path)


def _rows(part, schema: "pyarrow.Schema", hashes: bool) -> "pyarrow.Table":
    columns = {
        "id": [name for _, name in part],
        "uri": [source.uri for source, _ in part],
        "bytes": [source.size for source, _ in part],
        "place": [source.place for source, _ in part],
        "sha256": [_hash(source) if hashes else "" for source, _ in part],
    }
    return tables.arrow().table(columns, schema=schema)


def _hash(source: corpus_sources.PictureSource) -> str:
    """The SHA-256 of a picture; "" where it cannot be read, which encoding will say."""
    entry = picture_bytes.Entry(0, "", source.uri, source.size, source.place)
    try:
        return hashlib.sha256(picture_bytes.read(entry)).hexdigest()
    except (OSError, ValueError, command_line.Failure):
        return ""
