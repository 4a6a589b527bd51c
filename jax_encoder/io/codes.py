"""Latent codes on disk: this project's own files, and the arrays people already have.

`save` writes `<name>.npz`, which says of itself what it is, and `<name>.npy`, the bare
`ws` that every other tool reads. `load` reads both, and the `.npy` and `.npz` files of
the NVIDIA projector, InterFaceGAN and the StyleGAN encoders. Nothing is ever unpickled;
files that need it (rosinality's `.pt`, ReStyle's `latents.npy`) are read safely by
`converters.formats.latent_codes`.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import files, finite, json_types, loading

SPACES = ("z", "w", "w+")
FEATURES = "features"
"""The name of the array that a code of space F has besides `ws`: the offset `[H, W, C]`
of a feature map, which `inversion.rendering.render` takes with any edited `ws`."""
_FORMAT = 1
_METADATA = "metadata"


class CodeError(InputError):
    """A file that holds no latent codes; the message says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codes:
    """Latent codes of N pictures.

    Attributes:
      values: `[N, z_dim]` in "z", `[N, w_dim]` in "w", `[N, num_ws, w_dim]` in "w+".
      space: "z", "w" or "w+".
      names: N names, the pictures' where known.
      arrays: further arrays by name, such as noise maps.
      metadata: JSON values: generator_sha256, preset, measures...
    """

    values: np.ndarray
    space: str
    names: tuple[str, ...]
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    metadata: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)


def save(
    path: str | os.PathLike,
    ws: np.ndarray,
    *,
    space: str,
    generator_sha256: str | None = None,
    preset: str | None = None,
    measures: Mapping[str, float] | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
    **details: object,
) -> None:
    """Writes one picture's code as `<path>.npz` and `<path>.npy`.

    Args:
      path: without extension.
      ws: `[num_ws, w_dim]`.
      space: the space it was found in, such as "w+" or "p_n"; the file holds `ws`
        whatever the space.
      generator_sha256: of the generator's file, so that a code is not decoded by
        another generator.
      preset: how it was found.
      measures: such as lpips and psnr.
      arrays: further arrays of any shape to keep in the `.npz`: noise maps, z.
      **details: further JSON values.

    Raises:
      ValueError: `ws` has another rank or is not finite, or an array has a reserved
        name.
      WriteError: the disk is full or read-only.
    """
    ws, arrays = np.asarray(ws, np.float32), dict(arrays or {})
    if ws.ndim != 2:
        raise InputError(f"`ws` must be [num_ws, w_dim], got {ws.shape=}.")
    if reserved := arrays.keys() & {"ws", _METADATA}:
        raise InputError(f"`arrays` must not use the names {sorted(reserved)}.")
    metadata = {
        "format": _FORMAT,
        "space": space,
        "generator_sha256": generator_sha256,
        "preset": preset,
        "measures": {k: _number(v) for k, v in (measures or {}).items()},
        **details,
    }
    arrays = {"ws": ws, _METADATA: np.array(json.dumps(metadata)), **arrays}
    npz = f"{os.fspath(path)}.npz"
    files.write_arrays(npz, arrays, may_break=("losses",))
    save_array(f"{os.fspath(path)}.npy", ws)


def save_array(path: str | os.PathLike, array: np.ndarray) -> None:
    """Writes a bare array, whole or not at all.

    Args:
      path: with extension; none is added.
      array: numbers of any shape.

    Raises:
      NotFiniteError: it holds NaN or an infinity.
      WriteError: the disk is full or read-only.
    """
    finite.check(array, path)
    with files.writing(path) as file:
        np.save(file, array, allow_pickle=False)


def _number(value: SupportsFloat) -> float | None:
    """A float, or None for what JSON cannot say."""
    number = float(value)
    return number if np.isfinite(number) else None


def load(
    path: str | os.PathLike,
    *,
    space: str | None = None,
    num_ws: int | None = None,
) -> Codes:
    """Reads latent codes.

    Args:
      path: a `.npz` of `save` or of the NVIDIA projector (`projected_w.npz`), or a
        `.npy` of shape `[num_ws, w_dim]`, `[N, num_ws, w_dim]` or `[N, dim]`.
      space: "z", "w" or "w+" where the file cannot tell. InterFaceGAN's names (`z.npy`,
        `w.npy`, `wp.npy`) tell.
      num_ws: of the generator; tells one W+ code `[num_ws, w_dim]` from N codes of W.

    Returns:
      The codes, with the space they are in.

    Raises:
      CodeError: no latent codes, a damaged or pickled file, an unclear space, or values
        that are not finite.
    """
    path = pathlib.Path(path)
    if space is not None and space not in SPACES:
        raise InputError(f"`space` must be one of {SPACES}, got {space!r}.")
    arrays = read_arrays(path)
    metadata: json_types.Row = {}
    if isinstance(arrays, np.ndarray):
        return from_array(arrays, source=path, space=space, num_ws=num_ws)
    if _METADATA in arrays:
        metadata = _parse(path, arrays.pop(_METADATA))
    key = next((k for k in ("ws", "w", "wp", "z") if k in arrays), None)
    if key is None:
        raise CodeError(
            f"{path}: none of its arrays {sorted(arrays)} is called ws, w, wp or z; it"
            " holds no latent codes."
        )
    array = arrays.pop(key)
    hint = {"ws": "w+", "wp": "w+", "z": "z"}.get(key, "w" if array.ndim < 3 else "w+")
    codes = from_array(array, source=path, space=space or hint, num_ws=num_ws)
    return dataclasses.replace(codes, arrays=arrays, metadata=metadata)


def from_array(
    array: np.ndarray,
    *,
    source: str | os.PathLike,
    space: str | None = None,
    num_ws: int | None = None,
) -> Codes:
    """Understands a bare array by its shape and the name of its file.

    Args:
      array: `[D]`, `[L, D]` or `[N, L, D]` numbers.
      source: the file it came from: for its name and for messages.
      space: "z", "w" or "w+" where it is known.
      num_ws: of the generator, where it is known.

    Returns:
      The codes.

    Raises:
      CodeError: another rank or type, an unclear space, or values that are not finite.
    """
    path = pathlib.Path(source)
    if array.dtype.kind not in "fiu" or not 1 <= array.ndim <= 3 or 0 in array.shape:
        raise CodeError(
            f"{path}: {array.dtype} of shape {array.shape} are no latent codes; those"
            " are [num_ws, w_dim], [N, num_ws, w_dim] or [N, dim] numbers."
        )
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise CodeError(f"{path}: holds NaN or infinite values; write it again.")
    space = space or _guess_space(path, array, num_ws)
    if space == "w+":
        values = values[None] if values.ndim == 2 else values
    else:
        values = values[None] if values.ndim == 1 else values
        if values.ndim == 3 and 1 in values.shape[:2]:
            values = values.reshape(-1, values.shape[-1])
    if values.ndim != (3 if space == "w+" else 2):
        raise CodeError(f"{path}: shape {array.shape} cannot be codes of {space!r}.")
    if space == "w+" and num_ws is not None and values.shape[1] != num_ws:
        raise CodeError(
            f"{path}: {values.shape[1]} rows per code, but this generator takes"
            f" {num_ws}; name the generator that the code belongs to."
        )
    num = len(values)
    names = [path.stem] if num == 1 else [f"{path.stem}_{i:04d}" for i in range(num)]
    return Codes(values=values, space=space, names=tuple(names))


def _guess_space(path: pathlib.Path, array: np.ndarray, num_ws: int | None) -> str:
    """The space by file name and shape, as the tools of the field write them."""
    ending = path.stem.lower().replace("-", "_").rsplit("_", 1)[-1]
    by_name = {"z": "z", "w": "w", "wp": "w+", "w+": "w+"}.get(ending)
    if array.ndim == 3:
        return "w+" if by_name is None or array.shape[1] > 1 else by_name
    if by_name is not None and not (by_name == "w+" and array.ndim == 1):
        return by_name
    if array.ndim == 2 and array.shape[0] > 1 and num_ws in (None, array.shape[0]):
        return "w+"
    raise CodeError(
        f"{path}: shape {array.shape} may be codes of Z or of W; say which"
        ' (space="z" or space="w").'
    )


def read_arrays(path: pathlib.Path) -> np.ndarray | dict[str, np.ndarray]:
    """The arrays of a `.npy` or `.npz`, recognized by content; never unpickles.

    Raises:
      CodeError: no such file, another one, a damaged one, or one that is too large.
    """
    try:
        return loading.read(path)
    except loading.LoadError as error:
        remedy = ""
        if any(word in error.reason for word in ("pickled", "neither", "no .npz")):
            remedy = "; read it with `converters.load_codes`, which runs nothing of it"
        raise CodeError(f"{error}{remedy}.") from error


def _parse(path: pathlib.Path, text: np.ndarray) -> dict[str, object]:
    content = text.item() if text.ndim == 0 and text.dtype.kind == "U" else ""
    try:
        metadata = loading.parse_json(content, path)
    except loading.LoadError as error:
        raise CodeError(f"{path}: its metadata are damaged ({error.reason}).") from None
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise CodeError(f"{path}: written by another version; its format is unknown.")
    return metadata
