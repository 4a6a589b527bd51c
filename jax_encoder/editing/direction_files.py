"""Directions on disk: this project's files, boundaries, GANSpace's components.

| file | directions |
|---|---|
| `.npz` of `save` | any number, each with all that is known of it |
| `.npy` `[1, D]`, `[D]` (InterFaceGAN's boundaries) | one |
| `.npy` `[1, num_ws, D]`, `[num_ws, D]` | one, with a move for every row |
| `.npz` with `lat_comp`, `lat_mean`, `lat_stdev` (GANSpace) | one per component |

Files of PyTorch are read by `converters.formats.direction_layouts`, which understands
their content with `from_tree`.
"""

import json
import os
import pathlib
import re
from collections.abc import Mapping

import numpy as np

from jax_encoder.editing.directions import Direction, DirectionError
from jax_encoder.io import codes, files, loading
from jax_encoder.nn import checks

_FORMAT = "directions 1"
_MAX_DIRECTIONS = 20_000
_MAX_NUMBERS = 1 << 26
_METADATA = "metadata"
_FIELDS = ("space", "unit", "scale", "rows", "provenance")
_VECTOR, _ORIGIN = "vector:", "origin:"
# Names of components, mean and deviations: GANSpace's own, and encoder4editing's.
_COMPONENTS = (("lat_comp", "lat_mean", "lat_stdev"), ("comp", "mean", "std"))


def save(
    path: str | os.PathLike[str],
    directions: Mapping[str, Direction],
    *,
    generator_sha256: str | None = None,
    **details: object,
) -> None:
    """Writes directions into one `.npz`, whole or not at all.

    Args:
      path: with extension.
      directions: by name.
      generator_sha256: of the generator that they belong to.
      **details: further JSON values.

    Raises:
      WriteError: the disk is full or read-only.
    """
    about = {
        name: {field: getattr(direction, field) for field in _FIELDS}
        for name, direction in directions.items()
    }
    metadata = {"format": _FORMAT, "generator_sha256": generator_sha256, **details}
    arrays: dict[str, np.ndarray] = {
        _VECTOR + k: d.vector for k, d in directions.items()
    }
    for name, direction in directions.items():
        if direction.origin is not None:
            arrays[_ORIGIN + name] = direction.origin
    text = json.dumps(metadata | {"directions": about})
    with files.writing(path) as file:
        np.savez(file, allow_pickle=False, **{_METADATA: np.array(text)}, **arrays)


def load(path: str | os.PathLike[str]) -> dict[str, Direction]:
    """Reads directions from a `.npz` or `.npy`.

    Args:
      path: the file; the table above says what it may hold.

    Returns:
      By name.

    Raises:
      DirectionError: no directions, or a damaged file.
    """
    path = pathlib.Path(path)
    try:
        tree = codes.read_arrays(path)
    except codes.CodeError as error:
        raise DirectionError(str(error)) from error
    return from_tree(tree, path)


def owner(path: str | os.PathLike[str]) -> str | None:
    """The SHA-256 of the generator that a file of `save` names; None if none."""
    try:
        tree = codes.read_arrays(pathlib.Path(path))
        metadata = loading.parse_json(tree[_METADATA].item(), path)  # type: ignore[call-overload]
        found = metadata.get("generator_sha256")
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return None
    return found if isinstance(found, str) else None


def from_tree(tree: object, source: str | os.PathLike[str]) -> dict[str, Direction]:
    """Understands an array, or a table of arrays.

    Args:
      tree: what a file holds.
      source: the file: for names and messages.

    Returns:
      By name.

    Raises:
      DirectionError: it holds no directions.
    """
    path = pathlib.Path(source)
    if isinstance(tree, np.ndarray):
        direction = _from_array(tree, path)
        return {direction.name: direction}
    if isinstance(tree, Mapping):
        if isinstance(tree.get(_METADATA), np.ndarray):
            return _own(tree, path)
        for names in _COMPONENTS:
            if all(isinstance(tree.get(name), np.ndarray) for name in names):
                comp, mean, std = (tree[name] for name in names)
                return _components(comp, mean, std, path)
        if isinstance(tree.get("eigvec"), np.ndarray):
            return _factors(tree["eigvec"], path)
    raise DirectionError(
        f"{path}: holds no directions; those are an array [1, D] or [num_ws, D],"
        " GANSpace's components (comp, mean, std), or what `find_directions` writes."
    )


def _from_array(array: np.ndarray, path: pathlib.Path) -> Direction:
    """One direction; InterFaceGAN's file names tell the space."""
    if array.dtype.kind not in "fiu" or not 1 <= array.ndim <= 3:
        raise DirectionError(f"{path}: {array.dtype} {array.shape} is no direction.")
    _check_size(array, path)
    vector = array.astype(np.float32)
    if vector.ndim == 3 and len(vector) == 1:
        vector = vector[0]
    vector = vector[0] if vector.ndim == 2 and len(vector) == 1 else vector
    if vector.ndim > 2:
        raise DirectionError(
            f"{path}: shape {array.shape}; one direction is [1, D] or [1, num_ws, D]."
        )
    name, space = _published_name(path)
    return Direction(
        name=name,
        vector=vector,
        space="w+" if vector.ndim == 2 else space,
        provenance={"source": path.name},
    )


def _published_name(path: pathlib.Path) -> tuple[str, str]:
    """Name and space out of InterFaceGAN's two ways to name its files.

    Those are "stylegan_ffhq_age_w_boundary.npy" and
    "stylegan2_ffhq_z/boundary_Smiling.npy".
    """
    stem = path.stem.lower()
    pattern = r"(?:(?:stylegan\d?|pggan)_[a-z0-9]+_)?(.+?)(_w)?_boundary"
    if found := re.fullmatch(pattern, stem):
        return found[1], "w" if found[2] else "z"
    folder = path.parent.name.lower().rpartition("_")[2]
    if stem.startswith("boundary_") and folder in ("z", "w"):
        return stem.removeprefix("boundary_"), folder
    return path.stem, "w"


def _own(tree: Mapping[str, np.ndarray], path: pathlib.Path) -> dict[str, Direction]:
    try:
        metadata = loading.parse_json(tree[_METADATA].item(), path)
        if metadata.get("format") != _FORMAT:
            raise DirectionError(
                f"{path}: its format {checks.describe(metadata.get('format'))} is none"
                " of directions."
            )
        found = {}
        for name, fields in metadata["directions"].items():
            rows = fields.pop("rows")
            found[name] = Direction(
                name=name,
                vector=tree[_VECTOR + name],
                rows=None if rows is None else (int(rows[0]), int(rows[1])),
                origin=tree.get(_ORIGIN + name),
                **fields,
            )
        return found
    except DirectionError:
        raise
    except Exception as error:  # a foreign text holds anything
        raise DirectionError(f"{path}: damaged ({checks.failure(error)}).") from error


def _components(comp, mean, std, path: pathlib.Path) -> dict[str, Direction]:
    """GANSpace's principal components; one unit is a standard deviation."""
    if not (comp.ndim and comp.size):
        raise DirectionError(f"{path}: components of the shape {comp.shape}.")
    _check_number(len(comp), path)
    if any(array.dtype.kind not in "fiu" for array in (comp, mean, std)):
        raise DirectionError(f"{path}: its components are no numbers.")
    for array in (comp, mean, std):
        _check_size(array, path)
    comp = np.asarray(comp, np.float32)
    comp = comp.reshape(len(comp), -1)
    mean, std = np.ravel(mean).astype(np.float32), np.ravel(std).astype(np.float32)
    if len(std) != len(comp) or mean.shape[-1:] != comp.shape[1:]:
        raise DirectionError(
            f"{path}: {len(comp)} components of {comp.shape[1]}, but {len(std)}"
            f" deviations and a mean of {len(mean)}."
        )
    return {
        f"pc{k:02}": Direction(
            name=f"pc{k:02}",
            vector=comp[k] * std[k],
            unit="sd",
            origin=mean,
            provenance={"source": path.name, "method": "pca", "component": k},
        )
        for k in range(len(comp))
    }


def _check_number(number: int, path: pathlib.Path) -> None:
    if number > _MAX_DIRECTIONS:
        raise DirectionError(
            f"{path}: {number} directions, more than {_MAX_DIRECTIONS}, as no latent"
            " space has."
        )


def _check_size(array: np.ndarray, path: pathlib.Path) -> None:
    """Refuses what a small file makes large by repeating itself."""
    if array.size > _MAX_NUMBERS:
        raise DirectionError(
            f"{path}: an array of {array.size} numbers, more than {_MAX_NUMBERS}, as no"
            " latent space has."
        )


def _factors(eigenvectors: np.ndarray, path: pathlib.Path) -> dict[str, Direction]:
    """The columns of the closed-form factors that rosinality's script writes."""
    if eigenvectors.ndim != 2 or eigenvectors.dtype.kind not in "fiu":
        raise DirectionError(
            f"{path}: eigvec holds {eigenvectors.dtype} of the shape"
            f" {eigenvectors.shape}, where numbers [D, D] must be."
        )
    _check_number(eigenvectors.shape[1], path)
    _check_size(eigenvectors, path)
    columns = np.asarray(eigenvectors, np.float32)
    return {
        f"factor{k:02}": Direction(
            name=f"factor{k:02}",
            vector=column,
            provenance={"source": path.name, "method": "sefa", "component": k},
        )
        for k, column in enumerate(columns.T)
        if column.any()
    }
