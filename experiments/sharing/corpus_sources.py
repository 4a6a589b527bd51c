"""Lists the pictures of a corpus: folder trees, lists, Parquet, tars and patterns.

Each may lie on this machine or behind any address that fsspec knows (`s3://`, `gs://`,
`memory://`...). Nothing is decoded, and nothing hashed: a picture is read once, by who
encodes it.
"""

import dataclasses
import os
import tarfile
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from experiments.launch import command_line
from experiments.stores import tables
from jax_encoder.errors import InputError
from jax_encoder.io import folders, names
from jax_encoder.nn.checks import describe

if TYPE_CHECKING:
    import pyarrow

LISTS = (".txt", ".lst", ".list", ".tsv")
_MAGIC = "*?["
_BATCH = 4096
_MAX_ADDRESS = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class PictureSource:
    """Where a picture's bytes lie.

    Attributes:
      uri: the file.
      size: of the picture in bytes; -1 where nobody said.
      place: in a tar the first byte, in a Parquet file the row; -1 for a whole file.
      name: that the list, tar or table gives; "" for the file's own.
    """

    uri: str
    size: int = -1
    place: int = -1
    name: str = ""


def filesystem(uri: str) -> tuple[Any, str]:
    """The fsspec filesystem of an address, and the path in it.

    Args:
      uri: such as "s3://bucket/photos".

    Raises:
      Failure: fsspec, or the package for this protocol, is missing.
    """
    try:
        import fsspec

        return fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise command_line.Failure(f"{uri}: {error}") from error


def is_remote(uri: str) -> bool:
    """Whether an address names a protocol."""
    return "://" in uri


def find(where: str) -> Iterator[PictureSource]:
    """Lists pictures.

    Args:
      where: a folder, whose whole tree is searched; a list (`.txt`, `.lst`: an address
        per line, and a name after a tab where it has one); a `.parquet` with a column
        of addresses (`uri`, `url`, `path`, `file`) or of contents (`image`, `bytes`,
        `jpg`, `png`); a `.tar` of WebDataset; a picture; or a pattern of any of them.

    Yields:
      The pictures, in an order that depends on nothing but them.

    Raises:
      Failure: it cannot be read.
    """
    if any(letter in where for letter in _MAGIC) and not os.path.lexists(where):
        for uri, size in _matches(where):
            yield from _one(uri, size)
    elif _is_folder(where):
        yield from (PictureSource(uri, size) for uri, size in _tree(where))
    else:
        yield from _one(where, None)


def _one(uri: str, size: int | None) -> Iterator[PictureSource]:
    """The pictures of one file."""
    extension = os.path.splitext(uri)[1].lower()
    try:
        if extension in LISTS:
            yield from _list(uri)
        elif extension == ".parquet":
            yield from _table(uri)
        elif extension == ".tar":
            yield from _tar(uri)
        elif extension in (".gz", ".zst", ".tgz"):
            raise command_line.Failure(
                f"{uri}: a compressed archive cannot be read from the middle; unpack"
                " it, or pack a plain .tar."
            )
        else:
            yield PictureSource(uri, _size(uri) if size is None else size)
    except InputError as error:
        raise command_line.Failure(str(error)) from error
    except (OSError, ValueError, tarfile.TarError) as error:  # Arrow's are ValueErrors
        raise command_line.Failure(f"{uri}: cannot be read ({error}).") from error


def _size(uri: str) -> int:
    if not is_remote(uri):
        return os.stat(uri).st_size
    system, path = filesystem(uri)
    return int(system.info(path).get("size") or -1)


def _is_folder(where: str) -> bool:
    if not is_remote(where):
        return os.path.isdir(where)
    system, path = filesystem(where)
    return bool(system.isdir(path))


def _is_picture(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    extension = os.path.splitext(base)[1].lower()
    is_shown = not base.startswith(".") and base not in folders.REPORT_NAMES
    return is_shown and extension in folders.EXTENSIONS


def _tree(where: str) -> Iterator[tuple[str, int]]:
    """The pictures below a folder, folder by folder in the order of their names."""
    if is_remote(where):
        system, path = filesystem(where)
        for name, info in sorted(system.find(path, detail=True).items()):
            if _is_picture(name):
                yield system.unstrip_protocol(name), int(info.get("size") or -1)
        return
    with os.scandir(where) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                yield from _tree(entry.path)
        elif _is_picture(entry.name) and entry.is_file():
            yield entry.path, entry.stat().st_size


def _matches(pattern: str) -> Iterator[tuple[str, int]]:
    system, path = filesystem(pattern)
    found = system.glob(path, detail=True)
    wanted = (*LISTS, ".parquet", ".tar")
    for name, info in sorted(found.items()):
        is_wanted = os.path.splitext(name)[1].lower() in wanted or _is_picture(name)
        if info.get("type") == "file" and is_wanted:
            uri = system.unstrip_protocol(name) if is_remote(pattern) else name
            yield uri, int(info.get("size") or -1)


def open_binary(uri: str) -> IO[bytes]:
    """Opens any file for reading from the middle."""
    if not is_remote(uri):
        return open(uri, "rb")
    system, path = filesystem(uri)
    return system.open(path, "rb")


def _list(uri: str) -> Iterator[PictureSource]:
    """The lines of a list; addresses without a root lie beside it."""
    folder = uri.rpartition("/")[0]
    with open_binary(uri) as file:
        for line in file:
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            where, _, name = text.partition("\t")
            if not where.strip() or where.startswith("#"):
                continue
            if not (is_remote(where) or where.startswith("/") or not folder):
                where = f"{folder}/{where}"
            yield PictureSource(where, name=name.strip())


def _tar(uri: str) -> Iterator[PictureSource]:
    """The pictures of a tar, by their places in it."""
    with open_binary(uri) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        last = -1
        for member in archive:
            # A size below zero leads back to the same member, for ever.
            if member.size < 0 or member.offset_data <= last:
                raise tarfile.ReadError(f"damaged after {last} bytes")
            last = member.offset_data
            if member.isreg() and _is_picture(member.name):
                name = os.path.splitext(member.name)[0]
                yield PictureSource(uri, member.size, member.offset_data, name)


_ADDRESSES = ("uri", "url", "path", "file", "file_name", "filename")
_CONTENTS = ("image", "bytes", "jpg", "png", "webp", "jpeg", "content")
_NAMES = ("id", "name", "key", "__key__")


def content_column(schema: object) -> str | None:
    """The column of a table that holds the pictures themselves, or None."""
    return next((name for name in _CONTENTS if _holds_bytes(schema, name)), None)


def _holds_bytes(schema: "pyarrow.Schema", name: str) -> bool:
    pa = tables.arrow()
    if name not in schema.names:
        return False
    kind = schema.field(name).type
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _table(uri: str) -> Iterator[PictureSource]:
    """The rows of a table."""
    pa = tables.arrow()
    with open_binary(uri) as file:
        try:
            texts = tables.text_columns(pa.parquet.read_schema(file))
            table = pa.parquet.ParquetFile(file, read_dictionary=texts)
        except pa.ArrowException as error:
            raise command_line.Failure(f"{uri}: no Parquet, or damaged.") from error
        schema = table.schema_arrow
        inflation = tables.Inflation(table, uri, file.seek(0, os.SEEK_END))
        if table.metadata.num_rows > file.seek(0, os.SEEK_END):
            raise command_line.Failure(
                f"{uri}: damaged: {table.metadata.num_rows} rows in fewer bytes."
            )
        named, address = _columns(schema, uri)
        columns = [c for c in (named, address) if c]
        first = 0
        for part in table.iter_batches(columns=columns, batch_size=_BATCH):
            batch = inflation.plain(pa.Table.from_batches([part]))
            ids = batch.column(named).to_pylist() if named else [""] * len(batch)
            if address is None:
                for k, name in enumerate(ids, start=first):
                    yield PictureSource(uri, place=k, name=_row_name(uri, k, name))
            else:
                places = batch.column(address).to_pylist()
                yield from _addressed(uri, places, ids, first)
            first += len(batch)


def _columns(schema: "pyarrow.Schema", uri: str) -> tuple[str | None, str | None]:
    """The columns of names and of addresses; the latter None if pictures are inside."""
    named = next((name for name in _NAMES if name in schema.names), None)
    if content_column(schema) is not None:
        return named, None
    address = next((name for name in _ADDRESSES if name in schema.names), None)
    if address is None:
        raise command_line.Failure(
            f"{uri}: no column of addresses ({', '.join(_ADDRESSES)}) and none of"
            f" contents ({', '.join(_CONTENTS)}); it has {schema.names[:20]}."
        )
    return named, address


def _addressed(
    uri: str, places: Sequence[object], names: Sequence[object], first: int
) -> Iterator[PictureSource]:
    """The pictures that a table points at; relative ones lie beside it."""
    folder = uri.rpartition("/")[0]
    for where, name in zip(places, names, strict=True):
        if not isinstance(where, str) or len(where) > _MAX_ADDRESS:
            raise command_line.Failure(
                f"{uri}: {describe(where)} where an address must be, after row {first}."
            )
        is_whole = is_remote(where) or where.startswith("/") or not folder
        place = where if is_whole else f"{folder}/{where}"
        yield PictureSource(place, name=str(name or ""))


def _row_name(uri: str, row: int, name: object) -> str:
    if name not in (None, ""):
        return str(name)
    stem = os.path.splitext(uri.rsplit("/", 1)[-1])[0]
    return f"{stem}/{row:08d}"


def identify(pictures: list[PictureSource]) -> list[str]:
    """Gives every picture a name of its own.

    `root/a/0001.png` is called "a/0001"; of those that differ in their extension only,
    or come from several lists, the later ones get it, and then a number.

    Args:
      pictures: as they were listed.

    Returns:
      Names, valid Unicode, all different.
    """
    root = _common(pictures)
    taken: set[str] = set()
    result = []
    for source in pictures:
        whole = source.name or source.uri[len(root) :]
        parts = [
            names.safe(part) for part in whole.split("/") if part not in ("", ".", "..")
        ]
        plain = "/".join(parts) or "picture"
        stem, extension = os.path.splitext(plain)
        name = (
            stem
            if not source.name and extension.lower() in folders.EXTENSIONS
            else plain
        )
        if name in taken:
            name = f"{name}_{extension[1:]}" if name == stem and extension else name
        number, base = 1, name
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        result.append(name)
    return result


def _common(pictures: list[PictureSource]) -> str:
    """The beginning, up to a slash, that all addresses share."""
    whole = [source.uri for source in pictures if not source.name]
    if not whole:
        return ""
    low, high = min(whole), max(whole)
    shared = os.path.commonprefix([low, high])
    return shared[: shared.rfind("/") + 1]
