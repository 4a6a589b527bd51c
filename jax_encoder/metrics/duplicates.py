"""Near-duplicates: pictures that differ by color, a small shift or compression only."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.metrics import neighbors

_REACH = 1
_FARTHEST = 1.3
_BATCH = 64


def candidates(
    features: np.ndarray, *, num_neighbors: int = 4, num_jobs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pictures that may be the same: each with its nearest ones.

    Args:
      features: `[N, D]`, N at least 2.
      num_neighbors: of every picture.
      num_jobs: threads; None for one.

    Returns:
      `[M, 2]` row numbers, the smaller one first, each pair once; and how far apart
      they are `[M]`, over what the nearest neighbor of a picture is in the median.
      Pairs above 1.3 are left out.
    """
    distances, rows = neighbors.within(features, num_neighbors, num_jobs=num_jobs)
    relative = distances / max(float(np.median(distances[:, 0])), 1e-12)
    first, column = np.nonzero(relative <= _FARTHEST)
    pairs = np.sort(np.stack([first, rows[first, column]], axis=1), axis=1)
    pairs, index = np.unique(pairs, axis=0, return_index=True)
    return pairs, relative[first, column][index]


def unexplained(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What of a picture another one does not explain, whatever its colors.

    Each color of one picture is fitted by the colors of the other, by least squares,
    at the best shift of up to one pixel. Brightness, contrast, tint and loss of color
    so count for nothing.

    Args:
      a: `[N, H, W, 3]` in [-1, 1], of 64 pixels or so.
      b: of the same shape.

    Returns:
      `[N]`: the share of the variance that is left, of the direction with more; near 0
      for near-duplicates.
    """
    parts = []
    for start in range(0, len(a), _BATCH):
        pair = [np.asarray(x[start : start + _BATCH], np.float32) for x in (a, b)]
        filled = [
            np.concatenate([x, np.repeat(x[-1:], _BATCH - len(x), axis=0)])
            for x in pair
        ]
        parts.append(np.asarray(_unexplained(*filled))[: len(pair[0])])
    return np.concatenate([*parts, np.zeros(0, np.float32)])


@jax.jit
def _unexplained(a: jax.Array, b: jax.Array) -> jax.Array:
    a, b = _blurred(a), _blurred(b)
    return jnp.maximum(_left(a, b), _left(b, a))


def _blurred(images: jax.Array) -> jax.Array:
    """Smoothed by a binomial kernel, against the blocks of compression."""
    kernel = jnp.asarray([0.25, 0.5, 0.25])
    for axis in (1, 2):
        padding = [(0, 0)] * 4
        padding[axis] = (1, 1)
        padded = jnp.pad(images, padding, "edge")
        size = images.shape[axis]
        shifted = [
            kernel[k] * jax.lax.slice_in_dim(padded, k, k + size, axis=axis)
            for k in range(3)
        ]
        images = 0 + shifted[0] + shifted[1] + shifted[2]
    return images


def _left(a: jax.Array, b: jax.Array) -> jax.Array:
    """The share of b's variance that a's colors leave, at the best shift."""
    height, width = a.shape[1:3]
    inner = (slice(None), slice(_REACH, height - _REACH), slice(_REACH, width - _REACH))
    wanted = _centered(b[inner])
    total = jnp.sum(jnp.square(wanted), axis=(1, 2))
    floor = 1e-3 * wanted.shape[1]
    left = []
    steps = range(2 * _REACH + 1)
    for down, right in itertools.product(steps, steps):
        rows = slice(down, height - 2 * _REACH + down)
        columns = slice(right, width - 2 * _REACH + right)
        given = _centered(a[:, rows, columns])
        gram = (
            jnp.einsum("npi,npj->nij", given, given) + 0.01 * floor * jnp.eye(3)[None]
        )
        cross = jnp.einsum("npi,npj->nij", given, wanted)
        fitted = jnp.sum(cross * jnp.linalg.solve(gram, cross), axis=(1, 2))
        left.append(1 - fitted / (total + floor))
    return jnp.min(jnp.stack(left), axis=0)


def _centered(images: jax.Array) -> jax.Array:
    """`[N, P, 3]` around the mean color."""
    rows = images.reshape(len(images), -1, images.shape[-1])
    return rows - jnp.mean(rows, axis=1, keepdims=True)


def thin(pairs: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Chooses what to keep of pictures that are the same.

    Args:
      pairs: `[M, 2]` row numbers of pictures that are the same.
      order: all row numbers, those that are to be kept first.

    Returns:
      `[N]` for every picture that goes, the one kept that it is the same as; else -1.
    """
    same: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        same.setdefault(a, []).append(b)
        same.setdefault(b, []).append(a)
    copy_of = np.full(len(order), -1)
    kept: set[int] = set()
    for index in order:
        found = [other for other in same.get(index, ()) if other in kept]
        if found:
            copy_of[index] = found[0]
        else:
            kept.add(index)
    return copy_of
