r"""Joins the shards of a corpus to one store.

    python -m experiments.corpus_merge --corpus=corpus --output=codes.parquet
    python -m experiments.corpus_merge --corpus=corpus --output=codes --store=zarr3

Rows keep the order of the manifest; every picture has one. Of a corpus that is not
finished the rest is said to be missing, and with --partial what is there is joined.
Exit code: 0 done, 1 something is missing or damaged, 2 bad usage.
"""

import pathlib

from absl import flags

from experiments.corpus import layout, merging
from experiments.launch import command_line
from experiments.stores import stores
from jax_encoder.io import loading

_CORPUS = flags.DEFINE_string(
    "corpus", None, "The folder of the corpus.", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "The file or folder to write.", required=True
)
_STORE = flags.DEFINE_enum(
    "store", "parquet", ["parquet", "zarr3"], "The kind of store to write."
)
_PARTIAL = flags.DEFINE_boolean(
    "partial", False, "Join the shards that are there, though some are missing."
)


def main(argv):
    """Joins; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if _STORE.value == "parquet" and not _OUTPUT.value.endswith(".parquet"):
        raise command_line.UsageError("--output of Parquet must end in .parquet.")
    try:
        corpus = layout.read(_CORPUS.value)
        missing = len(corpus.todo())
        if missing and not _PARTIAL.value:
            raise command_line.Failure(
                f"{missing} of {corpus.manifest.num_shards} shards are missing: finish"
                " them with encode_corpus, or give --partial."
            )
        source = stores.read(corpus.root)
        num = merging.merge(source, pathlib.Path(_OUTPUT.value), _STORE.value)
    except loading.LoadError as error:
        raise command_line.Failure(
            f"{error}; encode_corpus --verify=full does damaged shards again."
        ) from error
    print(f"{num} rows in {_OUTPUT.value}.")
    return int(missing > 0)


if __name__ == "__main__":
    command_line.run(main)
