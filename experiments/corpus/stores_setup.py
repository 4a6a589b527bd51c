"""Makes what all shards of a corpus share."""

from experiments.corpus import layout
from experiments.stores import stores, tables, zarr_codes
from jax_encoder.io import files


def make(corpus: layout.Corpus, kind: tables.RowLayout) -> None:
    """Makes the folders, and the array of codes where the store has one.

    Args:
      corpus: was prepared.
      kind: of its rows.

    Raises:
      WriteError: the disk is full or read-only.
    """
    for folder in (stores.SHARDS, layout.LOGS):
        files.make_directory(corpus.root / folder)
    if not kind.has_codes:
        zarr_codes.create(
            corpus.root / stores.ZARR,
            (corpus.manifest.num, kind.num_ws, kind.w_dim),
            kind.dtype,
            corpus.manifest.size(0)
            if corpus.manifest.num_shards > 1
            else _rounded(corpus),
        )


def _rounded(corpus: layout.Corpus) -> int:
    """The size of the only shard, as the array wants it."""
    return -(-corpus.manifest.num // 16) * 16
