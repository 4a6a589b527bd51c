"""What `curate` measures of every picture, in one pass over the files."""

import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.curating import feature_stream
from experiments.curating.feature_stream import Described
from jax_encoder.alignment import picture_layouts
from jax_encoder.errors import InputError
from jax_encoder.io import images
from jax_encoder.metrics import features
from jax_encoder.nn import base

THUMBNAIL = 64
_NUM_LEARNT = 200


def measure(
    paths: Sequence[pathlib.Path],
    network: base.Network,
    side: int,
    *,
    batch_size: int = 16,
    seed: int = 0,
) -> Described:
    """Reads and measures pictures; what is kept of each is a few kilobytes.

    Args:
      paths: the files.
      network: an LPIPS, a VGG, or anything with `embed`.
      side: of the squares that the network looks at.
      batch_size: pictures at a time.
      seed: of the pictures that teach the layout.

    Returns:
      The rows "color" and "gray" `[N, D]` (features of the picture, and of it without
      its colors), "evidence", "move" and "strangeness" (of `picture_layouts.judge`),
      "thumbnail" `[N, 64, 64, 3]` uint8, "width", "height" and "sharpness".

    Raises:
      ValueError: fewer than 8 pictures can be read.
    """
    chosen = np.random.default_rng(seed).permutation(len(paths))[: 2 * _NUM_LEARNT]
    examples = []
    for index in chosen:
        if len(examples) == _NUM_LEARNT:
            break
        try:
            examples.append(
                images.fit(images.decode(paths[index]), picture_layouts.SIDE)
            )
        except images.PictureError:
            continue  # The pass over all files says so.
    if len(examples) < 8:
        raise InputError(
            f"Curation compares pictures with each other: {len(examples)} of"
            f" {len(paths)} can be read, 8 are the fewest."
        )
    layout = picture_layouts.learn(np.stack(examples), seed=seed)
    return feature_stream.describe(
        paths,
        (network, layout),
        side,
        apply=_apply,
        look=look,
        batch_size=batch_size,
        title="Looking at pictures",
    )


def _apply(
    networks: tuple[base.Network, picture_layouts.PictureLayout], pictures: jax.Array
) -> dict[str, jax.Array]:
    network, layout = networks
    evidence, move, strangeness = picture_layouts.judge(layout, pictures)
    shape = (len(pictures), THUMBNAIL, THUMBNAIL, 3)
    small = jax.image.resize(pictures, shape, "linear", antialias=True)
    levels = jnp.clip(jnp.floor(small * 127.5 + 128.0), 0, 255)
    return {
        "color": features.describe(network, pictures),
        "gray": features.describe(network, colorless(pictures)),
        "evidence": evidence,
        "move": move,
        "strangeness": strangeness,
        "thumbnail": levels.astype(jnp.uint8),
    }


def colorless(pictures: jax.Array) -> jax.Array:
    """Gray pictures of the same brightness and contrast, `[N, H, W, 3]`."""
    gray = pictures @ jnp.asarray([0.299, 0.587, 0.114])
    mean = jnp.mean(gray, axis=(1, 2), keepdims=True)
    spread = jnp.std(gray, axis=(1, 2), keepdims=True)
    even = jnp.clip(0.4 * (gray - mean) / (spread + 0.02), -1.0, 1.0)
    return jnp.repeat(even[..., None], 3, axis=-1)


def look(decoded: np.ndarray) -> dict[str, float]:
    """The size of a picture `[H, W, 3]`, and how sharp it is.

    Sharpness is the logarithm of the variance of its Laplacian over that of itself, at
    the picture's own resolution: what blurring takes away first.
    """
    pixels = images.to_uint8(decoded).astype(np.float32)
    gray = pixels @ np.asarray([0.299, 0.587, 0.114], np.float32)
    inner = gray[1:-1, 1:-1]
    around = gray[2:, 1:-1] + gray[:-2, 1:-1] + gray[1:-1, 2:] + gray[1:-1, :-2]
    detail = np.var(around - 4 * inner) if inner.size else 0.0
    return {
        "width": float(gray.shape[1]),
        "height": float(gray.shape[0]),
        "sharpness": float(np.log((detail + 1e-3) / (gray.var() + 1e-1))),
    }


def thumbnails(described: Described, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """The small pictures of some rows, `[M, 64, 64, 3]` in [-1, 1]."""
    return images.from_uint8(described.rows["thumbnail"][np.asarray(rows, int)])
