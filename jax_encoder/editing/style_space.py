"""Edits in S, the styles of all layers: StyleCLIP's global directions.

A style is what a layer's affine makes of its row of w, one number per channel (Wu et
al. 2020, arXiv:2011.12799). Numbers are counted over the convolutions, coarse to fine,
without the layers of RGB: 6048 of StyleGAN2 at 1024 pixels. An offset of styles is the
same for every code, so it is an offset of the affines' biases, and a generator with it
is a generator like any other.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.editing.directions import Direction, DirectionError
from jax_encoder.latents import sampling
from jax_encoder.nn import base


def widths(generator: base.Generator) -> tuple[int, ...]:
    """The numbers of styles of every layer, coarse to fine.

    Args:
      generator: of StyleGAN2 or 3; a family without affines has none.
    """
    layers = getattr(generator.synthesis, "affine_layers", list)()
    return tuple(layer.bias.shape[0] for layer in layers)


def moved(generator: base.Generator, offset: np.ndarray | jax.Array) -> base.Generator:
    """Returns a copy of a generator whose styles are moved.

    Args:
      generator: it stays as it is.
      offset: `[S]`, for all layers.

    Raises:
      DirectionError: the generator has another number of styles.
    """
    sizes = widths(generator)
    offset = jnp.asarray(offset, jnp.float32)
    if not sizes or offset.shape != (sum(sizes),):
        raise DirectionError(
            f"An offset of styles must be [{sum(sizes)}] for this generator, got"
            f" {list(offset.shape)}: it belongs to another generator."
        )
    copy = nnx.merge(*nnx.split(generator))
    parts = jnp.split(offset, np.cumsum(sizes)[:-1])
    layers: Sequence[Any] = copy.synthesis.affine_layers()
    for layer, part in zip(layers, parts, strict=True):
        layer.bias = nnx.Param(layer.bias[...] + part / layer.lr_multiplier)
    return copy


def deviations(
    generator: base.Generator, *, num_samples: int = 10_000, seed: int = 0
) -> np.ndarray:
    """Measures how much each style varies over the generator's own codes, `[S]`.

    Args:
      generator: unconditional.
      num_samples: codes to draw.
      seed: of the codes.
    """
    ws = sampling.draw(generator, jax.random.key(seed), num_samples)
    w = np.asarray(ws[:, 0], np.float64)
    covariance = np.cov(w, rowvar=False)
    found = []
    layers: Sequence[Any] = generator.synthesis.affine_layers()
    for layer in layers:
        matrix = np.asarray(layer.weight[...], np.float64)
        matrix = matrix * layer.lr_multiplier / matrix.shape[0] ** 0.5
        found.append(np.sqrt(np.einsum("io,ij,jo->o", matrix, covariance, matrix)))
    return np.concatenate(found).astype(np.float32)


def global_direction(
    name: str,
    matrix: np.ndarray,
    text: np.ndarray,
    spread: np.ndarray,
    *,
    threshold: float = 0.1,
) -> Direction:
    """Makes the direction of a text (Patashnik et al. 2021, arXiv:2103.17249, Sec. 6).

    Args:
      name: of the direction.
      matrix: `[S, D]`, what each style changes in CLIP's space (`fs3.npy`).
      text: `[D]`, the difference of the texts' embeddings.
      spread: `[S]`, of `deviations`.
      threshold: styles that have less to do with the text do not move (beta).

    Returns:
      A direction of S; a unit of strength moves the style that has most to do with
      the text by one standard deviation, as the source's alpha does.

    Raises:
      DirectionError: shapes that do not go together, or a threshold that leaves none.
    """
    if any(np.asarray(x).dtype.kind not in "fiu" for x in (matrix, text)):
        raise DirectionError(f"{name}: the matrix and the text must hold numbers.")
    matrix, text = np.asarray(matrix, np.float64), np.asarray(text, np.float64).ravel()
    if matrix.ndim != 2 or matrix.shape != (len(spread), len(text)):
        raise DirectionError(
            f"{name}: the matrix must be [{len(spread)}, {len(text)}] for this"
            f" generator and text, got {list(matrix.shape)}."
        )
    with np.errstate(all="ignore"):
        relevance = matrix @ text
    if not np.isfinite(relevance).all() or not np.isfinite(threshold):
        raise DirectionError(f"{name}: the matrix or the text is not finite.")
    kept = np.where(np.abs(relevance) >= threshold, relevance, 0.0)
    if not kept.any():
        raise DirectionError(
            f"{name}: no style reaches the threshold {threshold}; the most is"
            f" {np.abs(relevance).max():.3g}. Give a lower one."
        )
    vector = kept / np.abs(kept).max() * spread
    return Direction(
        name=name,
        vector=vector.astype(np.float32),
        space="s",
        provenance={"method": "StyleCLIP", "threshold": threshold},
    )
