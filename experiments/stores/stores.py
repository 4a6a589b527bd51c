"""A store of codes as a whole: what `encode_corpus` fills, or `corpus_merge` joined.

| store | rows | codes |
|---|---|---|
| folder of `encode_corpus` | `shards/*.parquet` | in the rows, or `ws.zarr` |
| file of `corpus_merge` | itself | in the rows |
| folder of `corpus_merge` | `rows.parquet` | `ws.zarr` |
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.stores import tables, zarr_codes
from jax_encoder.errors import InputError
from jax_encoder.io import json_types, loading
from jax_encoder.nn.checks import failure

if TYPE_CHECKING:
    import pyarrow

SHARDS = "shards"
ROWS = "rows.parquet"
ZARR = "ws.zarr"
_BATCH = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Store:
    """A store that was opened.

    Attributes:
      root: the file or folder.
      files: its tables, in the order of the pictures.
      layout: of the rows.
      about: JSON values that every table carries: generator_sha256, preset...
    """

    root: pathlib.Path
    files: tuple[pathlib.Path, ...]
    layout: tables.RowLayout
    about: json_types.Row

    def batches(
        self, columns: Sequence[str] | None = None
    ) -> Iterator["pyarrow.Table"]:
        """Yields the rows as tables, a file or a few thousand rows at a time.

        Args:
          columns: names; None for all.

        Raises:
          LoadError: a file is damaged; names it.
        """
        for path in self.files:
            rows = tables.read(path, columns)
            for first in range(0, max(len(rows), 1), _BATCH):
                yield rows.slice(first, _BATCH)

    def codes(self) -> Iterator[tuple["pyarrow.Table", np.ndarray, np.ndarray]]:
        """Yields tables of rows, the codes in them, and the indices of their rows."""
        for rows in self.batches():
            try:
                values, index = self._codes(rows)
            except (KeyError, TypeError, InputError) as error:
                raise loading.LoadError(
                    self.root, f"its rows are no rows of codes ({failure(error)})"
                ) from error
            yield rows, values, index

    def _codes(self, rows: "pyarrow.Table") -> tuple[np.ndarray, np.ndarray]:
        if self.layout.has_codes:
            return tables.codes(rows, self.layout)
        statuses = rows.column("status").to_pylist()
        index = np.flatnonzero([s not in ("failed",) for s in statuses])
        positions = np.asarray(rows.column("position"))[index]
        shape = (self.layout.num_ws, self.layout.w_dim)
        return zarr_codes.read(self.root / ZARR, positions, shape), index


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a store, told by its content.

    Args:
      path: any.
    """
    root = pathlib.Path(path)
    if root.is_dir():
        return (root / ROWS).is_file() or next(_shards(root), None) is not None
    if root.suffix != ".parquet" or not root.is_file():
        return False
    try:
        tables.describe(root)
    except loading.LoadError as error:
        return "damaged" in error.reason
    return True


def _shards(root: pathlib.Path) -> Iterator[pathlib.Path]:
    return (root / SHARDS).glob("[0-9]*.parquet")


def read(path: str | os.PathLike[str]) -> Store:
    """Opens a store.

    Args:
      path: the file or folder.

    Returns:
      The store.

    Raises:
      LoadError: there is none, or its first file is damaged.
    """
    root = pathlib.Path(path)
    if root.is_file():
        files = [root]
    elif (root / ROWS).is_file():
        files = [root / ROWS]
    else:
        files = sorted(_shards(root))
    if not files:
        raise loading.LoadError(path, "no store of codes: no shard is finished")
    _, about = tables.describe(files[0])
    try:
        layout = tables.RowLayout.from_json(about["layout"])
    except Exception as error:  # foreign JSON holds anything
        raise loading.LoadError(files[0], "damaged: no layout of rows") from error
    return Store(root=root, files=tuple(files), layout=layout, about=about)
