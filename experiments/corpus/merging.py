"""Joins the shards of a corpus to one store, in the order of the manifest."""

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from experiments.launch import command_line
from experiments.stores import stores, tables, zarr_codes
from jax_encoder.io import files

if TYPE_CHECKING:
    import pyarrow


def merge(source: stores.Store, target: pathlib.Path, kind: str) -> int:
    """Writes all rows of a store as one; a shard's rows at a time.

    Args:
      source: a store; its files are read in order.
      target: a file for "parquet", a folder for "zarr3"; appears whole or not at all.
      kind: "parquet" or "zarr3".

    Returns:
      The number of rows.

    Raises:
      Failure: a picture is in two rows.
      LoadError: a file is damaged.
      WriteError: the disk is full or read-only.
    """
    if kind == "parquet":
        return _write_rows(target, source, has_codes=True)
    files.make_directory(target)
    total = sum(tables.describe(path)[0] for path in source.files)
    layout = source.layout
    shape = (total, layout.num_ws, layout.w_dim)
    size = min(4096, -(-total // 16) * 16)
    zarr_codes.create(target / stores.ZARR, shape, layout.dtype, size)
    _write_codes(target / stores.ZARR, source, size)
    return _write_rows(target / stores.ROWS, source, has_codes=False)


def _write_rows(path: pathlib.Path, source: stores.Store, *, has_codes: bool) -> int:
    pa, layout = tables.arrow(), source.layout
    about = {
        k: v for k, v in source.about.items() if k not in ("layout", "shard", "format")
    }
    kept = tables.RowLayout(**{**vars(layout), "has_codes": has_codes})
    schema = kept.schema(about)
    seen: set[str] = set()
    options = {"compression": "zstd", "write_page_checksum": True}
    names = [field.name for field in schema if field.name != "ws"]
    with (
        files.writing(path) as file,
        pa.parquet.ParquetWriter(
            file, schema, use_dictionary=names, **options
        ) as writer,
    ):
        for rows in _tables(source, has_codes=has_codes):
            ids = rows.column("id").to_pylist()
            if not seen.isdisjoint(ids):
                raise command_line.Failure(f"{source.root}: a picture has two rows.")
            first = len(seen)
            seen.update(ids)
            if not has_codes:  # Its code lies where the rows before it end.
                places = pa.array(range(first, len(seen)), pa.int64())
                index = rows.column_names.index("position")
                rows = rows.set_column(index, "position", places)
            writer.write_table(rows.select(schema.names).cast(schema))
    return len(seen)


def _tables(source: stores.Store, *, has_codes: bool) -> Iterator["pyarrow.Table"]:
    """The rows, with their codes where they are wanted, wherever these lie."""
    if source.layout.has_codes or not has_codes:
        yield from source.batches()
        return
    layout = tables.RowLayout(**{**vars(source.layout), "has_codes": True})
    for rows, values, index in source.codes():
        ws = dict(zip(index.tolist(), values, strict=True))
        yield rows.append_column("ws", tables.code_column(ws, len(rows), layout))


def _write_codes(path: pathlib.Path, source: stores.Store, size: int) -> None:
    """The codes, `size` rows at a time: one file of the array each."""
    layout = source.layout
    waiting = np.zeros((0, layout.num_ws, layout.w_dim), layout.dtype)
    first = 0
    for rows, values, index in source.codes():
        part = np.zeros((len(rows), layout.num_ws, layout.w_dim), layout.dtype)
        part[index] = values
        waiting = np.concatenate([waiting, part])
        while len(waiting) >= size:
            zarr_codes.write(path, first, waiting[:size])
            first, waiting = first + size, waiting[size:]
    if len(waiting):
        zarr_codes.write(path, first, waiting)
