"""Folders of pictures with numbers about each: codes, or labels.

Codes lie beside their pictures, as this project writes them (`<name>.npz` with
`<name>.png`), or in one array for all, as InterFaceGAN writes them: `wp.npy`, `w.npy`
or `z.npy`, in the order of the pictures' names.
"""

import dataclasses
import os
import pathlib

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import codes, images, loading

_ARRAYS = ("wp.npy", "w.npy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examples:
    """Pictures with what is known of them.

    Attributes:
      images: `[N, R, R, 3]` uint8.
      targets: `[N, ...]` float32.
    """

    images: np.ndarray
    targets: np.ndarray

    def split(self, num_held_out: int) -> tuple["Examples", "Examples"]:
        """Returns all but the last ones, and these.

        Raises:
          ValueError: nothing would be left.
        """
        num = len(self.images) - num_held_out
        if num < 1 or num_held_out < 1:
            raise InputError(
                f"Of {len(self.images)} pictures, {num_held_out} cannot be held out."
            )
        first = Examples(images=self.images[:num], targets=self.targets[:num])
        last = Examples(images=self.images[num:], targets=self.targets[num:])
        return first, last

    def draw(self, step: int, num: int, seed: int = 0) -> "Examples":
        """Returns the examples of a step, at random; the same each time."""
        random = np.random.default_rng((seed, step))
        chosen = random.integers(len(self.images), size=num)
        return Examples(images=self.images[chosen], targets=self.targets[chosen])


def read_codes(
    where: str | os.PathLike, resolution: int, *, num_ws: int, w_dim: int
) -> Examples:
    """Reads pictures with their codes in W+.

    Args:
      where: the folder.
      resolution: of the pictures; others are cropped to squares and resized.
      num_ws: rows of codes; a single w is repeated.
      w_dim: numbers of a row.

    Raises:
      ValueError: there are no codes, not one for each picture, or of another shape.
    """
    root = pathlib.Path(where)
    paths = images.find(root)
    array = next((root / name for name in _ARRAYS if (root / name).exists()), None)
    if array is not None:
        values = codes.load(array, num_ws=num_ws).values
    else:
        paths = [path for path in paths if path.with_suffix(".npz").exists()]
        if not paths:
            raise InputError(
                f"{root} has neither wp.npy nor w.npy, and no picture has a code"
                " <name>.npz beside it; `python -m experiments.encode_image` writes"
                " such, InterFaceGAN's generate_data.py with -s Z the former."
            )
        found = [codes.load(path.with_suffix(".npz"), num_ws=num_ws) for path in paths]
        values = np.concatenate([x.values for x in found])
    ws = _rows(values, num_ws)
    if ws.shape != (len(paths), num_ws, w_dim):
        raise InputError(
            f"{root} has {len(paths)} pictures and codes of {ws.shape}; wanted are"
            f" {(len(paths), num_ws, w_dim)}."
        )
    return Examples(images=_pictures(paths, resolution), targets=ws)


def read_labels(
    where: str | os.PathLike, labels: str | os.PathLike, resolution: int
) -> Examples:
    """Reads pictures with numbers about each, such as landmarks, poses or scores.

    Args:
      where: the folder of the pictures.
      labels: a `.npy` of `[N, ...]`, in the order of the pictures' names.
      resolution: of the pictures.

    Raises:
      ValueError: not one row of numbers for each picture.
    """
    paths = images.find(where)
    found = loading.read(labels)
    if isinstance(found, dict) or found.dtype.kind not in "fiu":
        raise loading.LoadError(labels, "no single array of numbers")
    values = found.astype(np.float32)
    values = values.reshape(len(values), -1)
    if len(values) != len(paths) or not np.isfinite(values).all():
        raise InputError(
            f"{labels} has {len(values)} rows, {where} {len(paths)} pictures; give one"
            " row of finite numbers for each picture, in the order of their names."
        )
    return Examples(images=_pictures(paths, resolution), targets=values)


def _rows(values: np.ndarray, num_ws: int) -> np.ndarray:
    if values.ndim == 2:
        values = np.repeat(values[:, None], num_ws, axis=1)
    return values.astype(np.float32)


def _pictures(paths: list[pathlib.Path], resolution: int) -> np.ndarray:
    return np.stack(
        [images.to_uint8(images.fit(images.read(path), resolution)) for path in paths]
    )
