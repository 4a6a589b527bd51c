"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError


def precision_recall(
    real: np.ndarray,
    generated: np.ndarray,
    *,
    num_neighbors: int = 3,
    block_size: int = 4096,
) -> tuple[float, float]:
    """Shares of one set within the other set's manifold.

    A set's manifold is the union of balls around its points, each reaching to the
    point's k-th nearest neighbor in the set.

    Args:
      real: `[n, D]` features, VGG16's "fc7" in the publication.
      generated: `[m, D]` features.
      num_neighbors: k.
      block_size: rows whose distances are computed at a time; memory is its square.

    Returns:
      precision: the share of generated points within the real manifold.
      recall: the share of real points within the generated manifold.

    Raises:
      ValueError: the features differ in length or there are too few rows.
    """
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise InputError(
            "Features must be [n, D] and [m, D] of the same network: got"
            f" {real.shape} and {generated.shape}."
        )
    if min(len(real), len(generated)) <= num_neighbors:
        raise InputError(
            f"Each set needs more than {num_neighbors} pictures for as many"
            f" neighbors: got {len(real)} and {len(generated)}."
        )
    # Distances do not change; smaller numbers cancel less.
    center = real.mean(axis=0, keepdims=True, dtype=np.float64)
    real = (real - center).astype(np.float32)
    generated = (generated - center).astype(np.float32)
    return (
        _share_within(real, generated, num_neighbors, block_size),
        _share_within(generated, real, num_neighbors, block_size),
    )


def _share_within(manifold, probes, num_neighbors: int, block_size: int) -> float:
    blocks = _blocks(manifold, block_size)
    radii = [_radii(block, blocks, num_neighbors) for block in blocks]
    inside = 0
    for probe in _blocks(probes, block_size):
        hits = [
            np.asarray(
                jnp.any(_squared_distances(probe, block) <= radius[None], axis=1)
            )
            for block, radius in zip(blocks, radii, strict=True)
        ]
        inside += int(np.any(hits, axis=0).sum())
    return inside / len(probes)


def _blocks(points: np.ndarray, block_size: int) -> list[np.ndarray]:
    return [points[k : k + block_size] for k in range(0, len(points), block_size)]


def _radii(block, blocks, num_neighbors: int) -> jax.Array:
    """Squared distances `[n]` to the k-th neighbor; the point itself is the 0th."""
    nearest = jnp.concatenate(
        [_smallest(block, other, num=num_neighbors + 1) for other in blocks], axis=1
    )
    return jnp.sort(nearest, axis=1)[:, num_neighbors]


@functools.partial(jax.jit, static_argnames="num")
def _smallest(x: jax.Array, y: jax.Array, *, num: int) -> jax.Array:
    values, _ = jax.lax.top_k(-_squared_distances(x, y), min(num, len(y)))
    return -values


@jax.jit
def _squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    lengths = jnp.sum(x * x, axis=1)[:, None] + jnp.sum(y * y, axis=1)[None]
    return jnp.maximum(lengths - 2 * product, 0.0)
