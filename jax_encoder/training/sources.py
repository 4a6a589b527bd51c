"""Where the pictures of a training come from: a folder, for example.

A source is a function `(step, num) -> [num, R, R, 3]` in [-1, 1]. What it returns
depends on nothing else, so that a resumed training sees what it would have seen.
"""

import pathlib
from collections.abc import Callable

import jax
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import folders, images

Source = Callable[[int, int], jax.Array]


def folder(
    where: str | pathlib.Path,
    resolution: int,
    *,
    channels: int = 3,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Source:
    """Returns a source of the pictures in a folder, shuffled, in random reflections.

    Args:
      where: a directory or pattern. The pictures are read at once and kept as bytes.
      resolution: of the pictures; others are cropped to squares and resized.
      channels: 3; 1 for gray, 4 for RGBA.
      seed: of the order.
      say: is told in a line how many pictures there are and what is left out, and of
        every picture that cannot be read.

    Raises:
      ValueError: there are no pictures, or none of them can be read.
    """
    listing = folders.look(where)
    kept = []
    for path in listing.paths:
        try:
            image = images.fit(images.decode(path, channels), resolution)
        except images.PictureError as error:
            say(f"Left out: {error}")
        else:
            kept.append(images.to_uint8(image))
    say(listing.account())
    if not kept:
        raise InputError(
            f"None of the {len(listing.paths)} pictures in {where} can be read."
        )
    kept = np.stack(kept)

    def draw(step: int, num: int) -> jax.Array:
        random = np.random.default_rng((seed, step))
        batch = kept[random.integers(len(kept), size=num)]
        is_mirrored = random.random(num) < 0.5
        batch = np.where(is_mirrored[:, None, None, None], batch[:, :, ::-1], batch)
        return jax.numpy.asarray(images.from_uint8(batch))

    return draw
