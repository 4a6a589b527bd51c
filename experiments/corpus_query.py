r"""Looks pictures of a store up: nearest codes, attributes, verdicts, measures.

    python -m experiments.corpus_query --store=corpus --near=00/00042 --num=5
    python -m experiments.corpus_query --store=corpus --near=inverted/anna.npz
    python -m experiments.corpus_query --store=codes.parquet --where="smile>0.8" \
      --where=verdict=good --sort=-psnr --format=json

The store is the folder of encode_corpus, or what corpus_merge wrote. Attributes are
those of encode_corpus's --scorer. Exit code: 0 found, 1 nothing found, 2 bad usage.
"""

import heapq
import pathlib

from absl import flags

from experiments.corpus import query_report, querying
from experiments.launch import command_line, flag_types
from experiments.stores import code_loading, stores
from jax_encoder.io import codes, loading

_STORE = flags.DEFINE_string(
    "store", None, "The store: a folder or a file.", required=True
)
_NEAR = flags.DEFINE_string(
    "near", None, "A picture's id in the store, or a code's file."
)
_WHERE = flags.DEFINE_multi_string(
    "where", [], 'What must hold: "verdict=good", "psnr>25"; may be repeated.'
)
_SORT = flags.DEFINE_string(
    "sort", None, "The column to sort by; with a minus the largest comes first."
)
_NUM = flag_types.define_integer("num", 10, "How many rows to show at most.", 1)
_FORMAT = flags.DEFINE_enum(
    "format", "table", ["table", "json", "csv"], "How the rows are written."
)


def main(argv):
    """Looks and prints; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if _NEAR.value and _SORT.value:
        raise command_line.UsageError("--near sorts by distance: leave --sort out.")
    try:
        store = stores.read(_STORE.value)
        schema = store.layout.schema({})
        names = [field.name for field in schema if field.name != "ws"]
        conditions = [querying.parse(text, names) for text in _WHERE.value]
        rows = (
            _near(store, conditions)
            if _NEAR.value
            else _sorted(store, conditions, names)
        )
    except (loading.LoadError, codes.CodeError) as error:
        raise command_line.Failure(str(error)) from error
    query_report.show(rows, _FORMAT.value)
    return int(not rows)


def _near(store, conditions):
    near = str(_NEAR.value)
    code = querying.code_of(store, near)
    if code is None and pathlib.Path(near).is_file():
        shape = (store.layout.num_ws, store.layout.w_dim)
        values = code_loading.load(near, num_ws=shape[0]).values[0]
        if values.shape not in (shape, shape[1:]):
            raise command_line.Failure(f"{near}: {values.shape}, not {shape}.")
        code = values if values.ndim == 2 else values[None].repeat(shape[0], 0)
    if code is None:
        raise command_line.Failure(
            f"--near={_NEAR.value}: no picture with a code in the store, and no file."
        )
    return querying.nearest(store, code, _NUM.value, conditions)


def _sorted(store, conditions, names):
    found = querying.select(store, conditions)
    if not _SORT.value:
        return [row for row, _ in zip(found, range(_NUM.value), strict=False)]
    column = querying.parse(f"{_SORT.value.lstrip('-')}!=x", names).column
    pick = heapq.nlargest if _SORT.value.startswith("-") else heapq.nsmallest
    known = (row for row in found if row[column] is not None)
    return pick(_NUM.value, known, key=lambda row: row[column])


if __name__ == "__main__":
    command_line.run(main)
