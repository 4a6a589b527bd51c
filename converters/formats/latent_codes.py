"""Latent codes in the files that the field's tools write, pickles included.

| file | written by |
|---|---|
| `.npz`, `.npy` of numbers | what `jax_encoder.io.codes` reads |
| `<name>.pt`, picture -> {img, latent, noise} | rosinality's projector |
| `latents.npy`, pickled: picture -> one code per iteration | ReStyle, HyperStyle |
| `0.pt`, `latents.pt`, a tensor | PTI, e4e |

Nothing in a file is ever run.
"""

import io
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from converters import conversion_errors
from converters.readers import arrays, budget, contents, pickles, symbols, tensors
from jax_encoder.io import codes

_MAX_PICTURES = 100_000
_MAX_MAPS = 64
_MAX_SHARING = 8
_SPARE_BYTES = 64 << 20
_KEYS = ("latent", "latents", "ws", "w", "wp", "latent_code", "z")


def load(
    path: str | os.PathLike[str],
    *,
    space: str | None = None,
    num_ws: int | None = None,
) -> codes.Codes:
    """Reads latent codes from any file that people keep them in.

    Args:
      path: the file; recognized by content.
      space: "z", "w" or "w+" where the file cannot tell.
      num_ws: of the generator; tells one W+ code from several codes of W.

    Returns:
      The codes of all pictures in the file, with their names and noise maps. Of
      several iterations the last.

    Raises:
      CodeError: no latent codes, an unclear space, or values that are not finite.
      ConversionError: damaged, or refused because it would run code.
    """
    path = pathlib.Path(path)
    try:
        if not path.is_file():  # a pipe would be waited for
            os.stat(path)
            raise codes.CodeError(f"{path}: no regular file.")
        with open(path, "rb") as file:
            head = file.read(6)
    except OSError as error:
        raise codes.CodeError(f"{path}: {error.strerror or error}.") from None
    if head == arrays.NPY_MAGIC:
        tree = _read_npy(path)
    else:
        found = contents.read(path)
        if found.container == "npz":
            return codes.load(path, space=space, num_ws=num_ws)
        tree = found.tree
    return _from_tree(tree, path, space, num_ws)


def _from_tree(tree: object, path: pathlib.Path, space, num_ws) -> codes.Codes:
    """Understands an array, a dict of pictures, or a dict with an array."""
    if isinstance(tree, np.ndarray):
        return codes.from_array(tree, source=path, space=space, num_ws=num_ws)
    if isinstance(tree, Mapping):
        for key in _KEYS:
            if isinstance(tree.get(key), np.ndarray):
                named = {str(path): tree}
                return _from_pictures(named, path, space, num_ws)
        if tree and all(_code(entry) is not None for entry in tree.values()):
            return _from_pictures(tree, path, space, num_ws)
    raise codes.CodeError(
        f"{path}: holds no latent codes; those are an array, or a table of pictures"
        " with an array each."
    )


def _from_pictures(tree, path: pathlib.Path, space, num_ws) -> codes.Codes:
    """One code per picture, and the noise maps where every picture has the same."""
    _check_size(tree, path)
    parts = []
    for name, entry in tree.items():
        # The name of the file must not tell the space of a picture called "w.png".
        where = path.with_name(f"{path.name}[{pathlib.Path(str(name)).name}]")
        code = _code(entry)
        assert code is not None
        hint = space or (None if code.ndim > 1 else "w")
        parts.append(codes.from_array(code, source=where, space=hint, num_ws=num_ws))
    shapes = {(part.space, part.values.shape) for part in parts}
    if len(shapes) > 1 or len(parts[0].values) > 1:
        kinds = sorted(f"{s} {list(shape)}" for s, shape in shapes)
        raise codes.CodeError(
            f"{path}: its pictures have codes of different kinds ({'; '.join(kinds)});"
            " split the file."
        )
    return codes.Codes(
        values=np.concatenate([part.values for part in parts]),
        space=parts[0].space,
        names=tuple(pathlib.Path(str(name)).stem for name in tree),
        arrays=_noises(list(tree.values())),
        metadata={"source": path.name},
    )


def _check_size(tree, path: pathlib.Path) -> None:
    """Refuses a small file in which very many pictures share one large code."""
    if len(tree) > _MAX_PICTURES:
        raise codes.CodeError(
            f"{path}: {len(tree)} pictures, more than {_MAX_PICTURES}; split the file."
        )
    arrays = [code for entry in tree.values() if (code := _code(entry)) is not None]
    for entry in tree.values():
        maps = entry.get("noise") if isinstance(entry, Mapping) else None
        if isinstance(maps, list | tuple):
            if len(maps) > _MAX_MAPS:
                raise codes.CodeError(
                    f"{path}: a picture has {len(maps)} noise maps, more than"
                    f" {_MAX_MAPS}."
                )
            arrays += [x for x in maps if isinstance(x, np.ndarray)]
    size = 4 * sum(array.size for array in arrays)
    if path.is_file() and size > _SPARE_BYTES + _MAX_SHARING * path.stat().st_size:
        raise codes.CodeError(
            f"{path}: its codes would take {size} bytes, far more than the file holds."
        )


def _code(entry: object) -> np.ndarray | None:
    """The code of a picture's entry, of several iterations the last."""
    if isinstance(entry, Mapping):
        entry = next((entry[key] for key in _KEYS if key in entry), None)
    if isinstance(entry, list | tuple) and entry:
        entry = entry[-1]
    return entry if isinstance(entry, np.ndarray) else None


def _noises(entries: list[object]) -> dict[str, np.ndarray]:
    """`noise_00`... `[N, H, W]`, coarse to fine; empty without noise maps."""
    rows = [entry.get("noise") for entry in entries if isinstance(entry, Mapping)]
    rows = [row for row in rows if isinstance(row, list | tuple) and row]
    is_array = [isinstance(x, np.ndarray) and x.ndim >= 2 for row in rows for x in row]
    if len(rows) != len(entries) or not all(is_array):
        return {}
    shapes = [[x.shape[-2:] for x in row] for row in rows]
    if any(shape != shapes[0] for shape in shapes):
        return {}
    maps = [np.stack([x.reshape(x.shape[-2:]) for x in layer]) for layer in zip(*rows)]  # noqa: B905
    return {f"noise_{i:02d}": x.astype(np.float32) for i, x in enumerate(maps)}


def _read_npy(path: pathlib.Path) -> object:
    """The array of a `.npy`; the pickle of an array of objects is read inertly."""
    with open(path, "rb") as file:
        header = io.BytesIO(file.read(65_536))
    try:
        version = np.lib.format.read_magic(header)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        is_pickle = read(header)[2].hasobject
    except Exception as error:  # the header is parsed as Python: anything may happen
        raise codes.CodeError(f"{path}: damaged ({str(error)[:200]}).") from None
    if not is_pickle:
        return contents.read(path).tree
    content = path.read_bytes()
    reader = pickles.Unpickler(
        memoryview(content)[header.tell() :],
        symbols=_find,
        budget=budget.Budget(len(content)),
    )
    try:
        return reader.load()
    except conversion_errors.ConversionError as error:
        raise error.within(str(path)) from None


class _ObjectDtype:
    """Stands for `numpy.dtype("O")`."""


class _PendingDtype(tensors.PendingDtype):
    """`numpy.dtype("O8")`, whose state says nothing of use."""

    def build(self, unpickler: pickles.Unpickler, state: object) -> object:
        return _ObjectDtype()


class _PendingArray(tensors.PendingArray):
    """An array of numbers, or an array of objects as a list."""

    def build(self, unpickler: pickles.Unpickler, state: object) -> object:
        parts = unpickler.budget.items(state, limit=5)
        if len(parts) < 4:
            raise conversion_errors.ConversionError("an array without its content")
        shape, dtype, _, data = parts[-4:]
        if not isinstance(dtype, _ObjectDtype | _PendingDtype):
            return super().build(unpickler, state)
        if not isinstance(data, list):
            raise conversion_errors.ConversionError(
                "an array of objects without its objects"
            )
        return data[0] if shape == () and len(data) == 1 else data


def _make_dtype(unpickler: pickles.Unpickler, name: object, *rest: object) -> object:
    if name in ("O8", "O"):
        return _PendingDtype()
    return tensors.make_dtype(unpickler, name, *rest)


_ARRAY = pickles.Symbol("numpy array", lambda unpickler, *_: _PendingArray())
_OVERRIDES = {
    "numpy.dtype": pickles.Symbol("numpy.dtype", _make_dtype),
    "numpy.core.multiarray._reconstruct": _ARRAY,
    "numpy._core.multiarray._reconstruct": _ARRAY,
}


def _find(module: str, name: str) -> object:
    """The stand-ins of `symbols`, which know arrays of objects as well."""
    full = f"{module}.{name}"
    return _OVERRIDES[full] if full in _OVERRIDES else symbols.find(module, name)
