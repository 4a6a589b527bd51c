"""Latent editing consistency (Tov et al. 2021, arXiv:2102.02766, Section 5)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.metrics import path_length
from jax_encoder.nn import base


@functools.partial(jax.jit, static_argnames="strength")
def editing_distances(
    encoder: base.Encoder,
    generator: base.Generator,
    images: jax.Array,
    direction: jax.Array,
    *,
    strength: float = 3.0,
) -> jax.Array:
    """How far latents are from themselves after an edit and its inverse.

    Encode, edit, render, encode, edit back. The rendering is not clamped.

    Args:
      encoder: a module, `images [N, H, W, 3] -> ws [N, num_ws, w_dim]`.
      generator: a generator.
      images: `[N, H, W, 3]` in [-1, 1].
      direction: `[w_dim]` for all rows, or `[num_ws, w_dim]`.
      strength: factor on the direction.

    Returns:
      `[N]`, Euclidean distances over all rows.
    """
    ws = encoder(images)
    leading = (1,) * (ws.ndim - direction.ndim)
    step = strength * direction.reshape(*leading, *direction.shape)
    difference = encoder(generator.synthesis(ws + step)) - step - ws
    return jnp.sqrt(jnp.sum(jnp.square(difference), axis=(1, 2)))


def editing_consistency(distances: np.ndarray) -> float:
    """The mean of what lies between the 1st and the 99th percentile of distances.

    Args:
      distances: `[N]` of `editing_distances`.

    Returns:
      LEC; lower is better.
    """
    return float(path_length.within_percentiles(distances).mean())
