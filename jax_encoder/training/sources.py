"""Where the pictures of a training come from: a folder, for example.

A source is a function `(step, num) -> [num, R, R, 3]` in [-1, 1]. What it returns
depends on nothing else, so that a resumed training sees what it would have seen.
"""

import pathlib
from collections.abc import Callable

import jax
import numpy as np

from jax_encoder.io import images

Source = Callable[[int, int], jax.Array]


def folder(
    where: str | pathlib.Path, resolution: int, *, channels: int = 3, seed: int = 0
) -> Source:
    """Returns a source of the pictures in a folder, shuffled, in random reflections.

    Args:
      where: a directory or pattern. The pictures are read at once and kept as bytes.
      resolution: of the pictures; others are cropped to squares and resized.
      channels: 3; 1 for gray, 4 for RGBA.
      seed: of the order.

    Raises:
      ValueError: there are no pictures.
    """
    paths = images.find(where)
    if not paths:
        raise ValueError(f"There are no pictures in {where}.")
    kept = np.stack(
        [
            images.to_uint8(images.fit(images.read(path, channels), resolution))
            for path in paths
        ]
    )

    def draw(step: int, num: int) -> jax.Array:
        random = np.random.default_rng((seed, step))
        batch = kept[random.integers(len(kept), size=num)]
        is_mirrored = random.random(num) < 0.5
        batch = np.where(is_mirrored[:, None, None, None], batch[:, :, ::-1], batch)
        return jax.numpy.asarray(images.from_uint8(batch))

    return draw
