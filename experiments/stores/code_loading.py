"""Codes out of whatever holds them: a person's file, or a store of a corpus."""

import os
import pathlib

import numpy as np

from converters.formats import latent_codes
from experiments.stores import stores
from jax_encoder.io import codes, loading
from jax_encoder.nn.checks import failure

ATTRIBUTES = "attributes"
_SEPARATOR = "#"


def split(text: str) -> tuple[str, str]:
    """Parts "codes.parquet#anna" into the store and the id of a picture in it.

    Args:
      text: of a flag; a file that is called so is taken for itself.

    Returns:
      The path, and the id or "".
    """
    if os.path.lexists(text) or _SEPARATOR not in text:
        return text, ""
    path, _, name = text.partition(_SEPARATOR)
    return path, name


def load(
    path: str | os.PathLike[str],
    *,
    space: str | None = None,
    num_ws: int | None = None,
) -> codes.Codes:
    """Reads codes from a file of any kind, or from a store.

    Args:
      path: of `converters.formats.latent_codes.load`; a store's folder or file; or
        either of these, "#" and the id of a picture.
      space: where a file cannot tell; "w" of a store means the mean of a code's rows.
      num_ws: of the generator.

    Returns:
      The codes of all pictures that have one. Of a store with attributes they are the
      array "attributes" `[N, K]`, and their names are in the metadata.

    Raises:
      CodeError: no codes, or damaged ones.
      ConversionError: damaged, or refused because it would run code.
    """
    where, name = split(os.fspath(path))
    if not stores.is_store(where):
        return latent_codes.load(path, space=space, num_ws=num_ws)
    try:
        found = _from_store(stores.read(where), name)
    except loading.LoadError as error:
        raise codes.CodeError(str(error)) from error
    except KeyError as error:  # of Arrow, over a column
        raise codes.CodeError(f"{where}: damaged ({failure(error)}).") from error
    if not len(found.values):
        what = f"no picture {name!r} with a code" if name else "no codes"
        raise codes.CodeError(f"{where}: holds {what}.")
    if num_ws is not None and found.values.shape[1] != num_ws:
        raise codes.CodeError(
            f"{where}: {found.values.shape[1]} rows per code, but this generator takes"
            f" {num_ws}; name the generator that the codes belong to."
        )
    if space == "z":
        raise codes.CodeError(f"{where}: holds codes of W+, which have no z.")
    if space == "w":
        return codes.Codes(
            **{**vars(found), "values": found.values.mean(1), "space": "w"}
        )
    return found


def _from_store(store: stores.Store, name: str) -> codes.Codes:
    layout = store.layout
    names: list[str] = []
    parts = [np.zeros((0, layout.num_ws, layout.w_dim), np.float32)]
    scores = [np.zeros((0, len(layout.attributes)), np.float32)]
    for rows, values, index in store.codes():
        ids = rows.column("id").take(index).to_pylist()
        kept = [k for k, own in enumerate(ids) if name in ("", own)]
        names += [str(ids[k]) for k in kept]
        parts.append(values[kept])
        columns = [rows.column(f"attribute_{a}") for a in layout.attributes]
        read = [np.asarray(column.take(index[kept]), np.float32) for column in columns]
        if read:
            scores.append(np.stack(read, axis=1))
        if name and names:
            break
    metadata = {k: v for k, v in store.about.items() if k not in ("layout", "seal")}
    if layout.attributes:
        metadata[ATTRIBUTES] = list(layout.attributes)
    arrays = {ATTRIBUTES: np.concatenate(scores)} if layout.attributes else {}
    return codes.Codes(
        values=np.concatenate(parts),
        space="w+",
        names=tuple(names),
        arrays=arrays,
        metadata=metadata,
    )


def is_store(text: str) -> bool:
    """Whether a flag names a store, or a picture in one.

    Args:
      text: of the flag.
    """
    return stores.is_store(pathlib.Path(split(text)[0]))
