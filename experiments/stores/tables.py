"""Rows of encoded pictures as Arrow tables, and Parquet files that appear whole.

A file says of itself what its rows are (`RowLayout`, configuration, generator); its
pages carry checksums, so that a flipped bit is an error and not a wrong code.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from experiments.launch import command_line
from jax_encoder.errors import InputError
from jax_encoder.io import files, json_types, loading
from jax_encoder.nn.checks import describe as describe_value

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

T = TypeVar("T")
_KEY = b"jax_encoder"
_FORMAT = 1
DTYPES = ("float16", "float32")
_MAX_WIDTH = 1 << 20  # numbers of a code
_SPARE_BYTES = 256 << 20
_MAX_INFLATION = 64


def arrow() -> ModuleType:
    """The package `pyarrow`, with its Parquet.

    Raises:
      Failure: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise command_line.Failure(
            "Parquet needs pyarrow, of the extra `cluster`: pip install"
            " 'jax_encoder[cluster]'."
        ) from error
    return pyarrow


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowLayout:
    """What a row holds besides the picture's account.

    Attributes:
      num_ws: rows of a code.
      w_dim: entries of a row.
      dtype: of the stored codes, of `DTYPES`.
      measures: names of the measures.
      attributes: names of scores that a network reads off the reconstruction.
      has_codes: the codes are in the table; False where a zarr array holds them.
    """

    num_ws: int
    w_dim: int
    dtype: str = "float16"
    measures: tuple[str, ...] = ("psnr", "lpips")
    attributes: tuple[str, ...] = ()
    has_codes: bool = True

    @classmethod
    def from_json(cls, fields: Mapping[str, json_types.Json]) -> "RowLayout":
        """The layout that `dataclasses.asdict` and JSON made `fields` of."""
        as_tuples: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()
        }
        return cls(**as_tuples)

    def __post_init__(self):
        sides = (self.num_ws, self.w_dim)
        are_sides = all(isinstance(x, int) and 0 < x <= _MAX_WIDTH for x in sides)
        names = (*self.measures, *self.attributes)
        are_names = all(isinstance(name, str) for name in names)
        if not are_sides or not are_names or self.dtype not in DTYPES:
            raise InputError(
                f"Rows of {describe_value(self.num_ws)} times"
                f" {describe_value(self.w_dim)} numbers of"
                f" {describe_value(self.dtype)} are no codes."
            )

    def schema(self, about: Mapping[str, object]) -> "pyarrow.Schema":
        """The Arrow schema.

        Args:
          about: JSON values to keep with the table.
        """
        pa = arrow()
        texts = ("id", "uri", "sha256", "status", "reason", "note", "verdict")
        fields = [("position", pa.int64()), *((name, pa.string()) for name in texts)]
        fields += [("bytes", pa.int64()), ("seed", pa.int64())]
        fields += [("config", pa.string()), ("version", pa.string())]
        numbers = (*self.measures, *(f"attribute_{name}" for name in self.attributes))
        fields += [(name, pa.float32()) for name in numbers]
        if self.has_codes:
            value = pa.float16() if self.dtype == "float16" else pa.float32()
            fields.append(("ws", pa.list_(value, self.num_ws * self.w_dim)))
        content = {"format": _FORMAT, "layout": dataclasses.asdict(self), **about}
        content["seal"] = _seal(content, pa.schema(fields))
        return pa.schema(fields, metadata={_KEY: json.dumps(content).encode()})


def _seal(content: Mapping[str, object], schema: "pyarrow.Schema") -> str:
    """A digest of what a file says of itself; checksums of pages leave it out."""
    told = {key: value for key, value in content.items() if key != "seal"}
    # Parquet calls the items of lists by another name.
    columns = [f"{f.name} {f.type}".replace("<element:", "<item:") for f in schema]
    text = json.dumps([told, columns], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def table(
    rows: Sequence[Mapping[str, object]],
    ws: Mapping[int, np.ndarray],
    layout: RowLayout,
    about: Mapping[str, object],
) -> "pyarrow.Table":
    """Makes a table.

    Args:
      rows: an account per picture; what a column has no value for is null.
      ws: `[num_ws, w_dim]` by the index of the row; failed pictures have none.
      layout: of the table.
      about: JSON values to keep with it.

    Returns:
      A `pyarrow.Table`.
    """
    pa = arrow()
    schema = layout.schema(about)
    columns = [
        pa.array([row.get(field.name) for row in rows], field.type)
        for field in schema
        if field.name != "ws"
    ]
    if layout.has_codes:
        columns.append(code_column(ws, len(rows), layout))
    return pa.Table.from_arrays(columns, schema=schema)


def code_column(
    ws: Mapping[int, np.ndarray], num: int, layout: RowLayout
) -> "pyarrow.FixedSizeListArray":
    """The column of codes.

    Args:
      ws: `[num_ws, w_dim]` by the index of the row; the others are null.
      num: of rows.
      layout: of the table.
    """
    pa = arrow()
    values = np.zeros((num, layout.num_ws * layout.w_dim), layout.dtype)
    is_missing = np.ones(num, bool)
    for index, code in ws.items():
        values[index] = code.reshape(-1)
        is_missing[index] = False
    return pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), values.shape[1], mask=pa.array(is_missing)
    )


def write(path: str | os.PathLike[str], rows: "pyarrow.Table") -> None:
    """Writes a table as Parquet, whole or not at all.

    Args:
      path: the file; its directory must exist.
      rows: a `pyarrow.Table`.

    Raises:
      WriteError: the disk is full or read-only.
    """
    names = [name for name in rows.column_names if name != "ws"]
    with files.writing(path) as file:
        arrow().parquet.write_table(
            rows,
            file,
            compression="zstd",
            use_dictionary=names,
            write_page_checksum=True,
        )


def read(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None
) -> "pyarrow.Table":
    """Reads a table.

    Args:
      path: of `write`.
      columns: names; None for all.

    Returns:
      A `pyarrow.Table`.

    Raises:
      LoadError: missing or damaged.
    """

    def work(
        file: "pyarrow.parquet.ParquetFile", schema: "pyarrow.Schema"
    ) -> "pyarrow.Table":
        about(schema, path)
        names = file.schema_arrow.names
        wanted = None if columns is None else [c for c in columns if c in names]
        inflation = Inflation(file, path, os.path.getsize(path))
        return inflation.plain(file.read(columns=wanted))

    return _opened(path, work)


class Inflation:
    """What the rows of a file may take: a small file can repeat a text without end."""

    def __init__(
        self,
        file: "pyarrow.parquet.ParquetFile",
        path: str | os.PathLike[str],
        size: int,
    ):
        """Checks what the file says of itself.

        Args:
          file: a `pyarrow.parquet.ParquetFile`.
          path: where it lies, for messages.
          size: of the file in bytes.

        Raises:
          LoadError: its rows would take far more than the file.
        """
        self._path, self._left = path, _SPARE_BYTES + _MAX_INFLATION * size
        metadata, schema = file.metadata, file.schema_arrow
        groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
        self._charge(sum(group.total_byte_size for group in groups))
        self._charge(metadata.num_rows * sum(_width(field.type) for field in schema))

    def _charge(self, num_bytes: int) -> None:
        self._left -= num_bytes
        if self._left < 0:
            raise loading.LoadError(
                self._path, "damaged: its rows repeat beyond the size of the file"
            )

    def plain(self, rows: "pyarrow.Table") -> "pyarrow.Table":
        """Rows whose texts were read as dictionaries, with the texts themselves.

        Args:
          rows: a `pyarrow.Table`.

        Raises:
          LoadError: the texts would take far more than the file.
        """
        pa = arrow()
        for index, field in enumerate(rows.schema):
            if not pa.types.is_dictionary(field.type):
                continue
            column = rows.column(index)
            for chunk in column.chunks:
                lengths = pa.compute.binary_length(chunk.dictionary)
                sizes = pa.compute.sum(lengths.take(chunk.indices).cast("int64"))
                self._charge(sizes.as_py() or 0)
            text = pa.field(field.name, field.type.value_type)
            rows = rows.set_column(index, text, column.cast(text.type))
        return rows


def _width(kind: "pyarrow.DataType") -> int:
    """The bytes of a value, as far as its type tells."""
    if arrow().types.is_fixed_size_list(kind):
        return kind.list_size * _width(kind.value_type)
    try:
        return max(1, kind.bit_width // 8)
    except ValueError:
        return 4


def text_columns(schema: "pyarrow.Schema") -> list[str]:
    """The columns of texts, which are best read as dictionaries."""
    types = arrow().types
    return [
        field.name
        for field in schema
        if types.is_string(field.type) or types.is_large_string(field.type)
    ]


def describe(path: str | os.PathLike[str]) -> tuple[int, json_types.Row]:
    """What a file says of itself, without reading its rows.

    Args:
      path: of `write`.

    Returns:
      The number of rows, and the JSON values kept with them.

    Raises:
      LoadError: missing, damaged, or no such table.
    """

    def work(
        file: "pyarrow.parquet.ParquetFile", schema: "pyarrow.Schema"
    ) -> tuple[int, json_types.Row]:
        return file.metadata.num_rows, about(schema, path)

    return _opened(path, work)


def about(schema: "pyarrow.Schema", path: str | os.PathLike[str]) -> json_types.Row:
    """The JSON values kept with a table.

    Args:
      schema: of the table.
      path: where it comes from, for the message.

    Raises:
      LoadError: no table of this package.
    """
    text = (schema.metadata or {}).get(_KEY)
    found = loading.parse_json(text, path) if text else None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise loading.LoadError(path, "no table of encoded pictures")
    if found.get("seal") != _seal(found, schema):
        raise loading.LoadError(path, "damaged: what it says of itself was changed")
    return found


def _opened(path: str | os.PathLike[str], work: Callable[..., T]) -> T:
    """What `work` makes of an opened Parquet file and its schema."""
    pa = arrow()
    if not pathlib.Path(path).is_file():
        raise loading.LoadError(path, "no such file")
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"PAR1":
                raise loading.LoadError(path, "damaged: no Parquet")
        schema = pa.parquet.read_schema(path)  # with its texts as they are
        with pa.parquet.ParquetFile(
            path,
            page_checksum_verification=True,
            read_dictionary=text_columns(schema),
        ) as file:
            return work(file, schema)
    except loading.LoadError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else "unreadable"
        raise loading.LoadError(path, f"damaged ({reason})") from error


def codes(rows: "pyarrow.Table", layout: RowLayout) -> tuple[np.ndarray, np.ndarray]:
    """The codes of a table.

    Args:
      rows: a `pyarrow.Table` with the column `ws`.
      layout: of the table.

    Returns:
      `[M, num_ws, w_dim]` float32, and the `[M]` indices of the rows that have one.

    Raises:
      InputError: they are no codes of the layout.
    """
    if "ws" not in rows.column_names:
        raise InputError("A table without its column of codes.")
    column = rows.column("ws").combine_chunks()
    if not arrow().types.is_fixed_size_list(column.type):
        raise InputError(f"Codes of the type {column.type}.")
    index = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    values = column.flatten().to_numpy(zero_copy_only=False)
    shape = (len(index), layout.num_ws, layout.w_dim)
    if values.dtype.kind != "f" or values.size != shape[0] * shape[1] * shape[2]:
        raise InputError("The codes of a table have another shape than it says.")
    return values.astype(np.float32).reshape(shape), index
