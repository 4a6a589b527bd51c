"""Priors on latents and noise maps: one number per picture.

`ws` is `[N, num_ws, w_dim]`. Gradients are finite everywhere.
"""

from collections.abc import Iterable

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.ops import norms


def pn_prior(v: jax.Array) -> jax.Array:
    """Mean squared P_N coordinate (Zhu et al. 2020, "Improved StyleGAN Embedding").

    Args:
      v: `[N, ...]` latents in P_N or P_N+; there, the mean of W is zero and every
        axis has unit variance.

    Returns:
      `[N]`; II2S gives it the weight 0.001.
    """
    return jnp.mean(jnp.square(v.reshape(v.shape[0], -1)), axis=1)


def mean_w_prior(ws: jax.Array, w_avg: jax.Array) -> jax.Array:
    """Mean absolute distance from the mean latent.

    Args:
      ws: `[N, num_ws, w_dim]` or `[N, w_dim]`.
      w_avg: `[w_dim]` or of the shape of `ws[0]` or `ws`.

    Returns:
      `[N]`; pytorch_stylegan_encoder gives it the weight 512, stylegan-encoder 256.
    """
    offsets = norms.absolute(ws - center(ws, w_avg))
    return jnp.mean(offsets.reshape(ws.shape[0], -1), axis=1)


def w_norm(ws: jax.Array, w_avg: jax.Array | None = None) -> jax.Array:
    """Euclidean distance of all rows together from the mean latent (pSp).

    Args:
      ws: `[N, num_ws, w_dim]`.
      w_avg: `[w_dim]` or of the shape of `ws[0]` or `ws`; default: the origin.

    Returns:
      `[N]`; the reference's loss is the mean over the batch.
    """
    offsets = ws if w_avg is None else ws - center(ws, w_avg)
    return norms.safe_norm(offsets.reshape(ws.shape[0], -1))


def delta(ws: jax.Array, stage: int | None = None) -> jax.Array:
    """Sum over rows of the distance from the first row (Tov et al. 2021, Section 4.1).

    Args:
      ws: `[N, num_ws, w_dim]`.
      stage: the last row that counts, 0 to num_ws - 1: the progressive stage of e4e's
        training; default: all rows.

    Returns:
      `[N]`; the reference's loss is the mean over the batch, its weight 2e-4.

    Raises:
      ValueError: there is no row `stage`.
    """
    last = ws.shape[1] - 1 if stage is None else stage
    if not 0 <= last < ws.shape[1]:
        raise InputError(f"`stage` must be a row of `ws` {ws.shape}: got {stage}.")
    offsets = ws[:, 1 : last + 1] - ws[:, :1]
    return jnp.sum(norms.safe_norm(offsets), axis=1)


def noise_regularizer(noises: Iterable[jax.Array]) -> jax.Array:
    """Correlation of noise maps with themselves, one pixel aside (Karras et al. 2020).

    arXiv:1912.04958, Appendix D: for every map and every level of its pyramid of 2 x 2
    averages down to side 8, the squared mean products with the map shifted by one row
    and by one column (cyclically). The averages are not rescaled, as in both published
    projectors.

    Args:
      noises: maps `[..., H, W]` with the same leading axes, say `[N]`. A map of side 8
        or less has one level; sides above must halve evenly down to there.

    Returns:
      The leading axes: one number per picture; the projectors' weight is 1e5.

    Raises:
      ValueError: no maps, or a side that cannot be halved.
    """
    # All maps of a size together, the shrunken ones with those that are born so: a
    # sixth of the operations to compile.
    stacks: dict[tuple[int, ...], list[jax.Array]] = {}
    for noise in noises:
        stacks.setdefault(noise.shape[-2:], []).append(noise[..., None, :, :])
    if not stacks:
        raise InputError("`noises` must hold at least one map.")
    terms = []
    while stacks:
        height, width = largest = max(stacks)
        maps = jnp.concatenate(stacks.pop(largest), axis=-3)
        terms.append(_level(maps))
        if width > 8:
            half = (height // 2, width // 2)
            stacks.setdefault(half, []).append(_halve(maps))
    return sum(terms[1:], start=terms[0])


def normalize_noise(noise: jax.Array, *, unbiased: bool = False) -> jax.Array:
    """Shifts and scales every map to zero mean and unit deviation.

    Both projectors do it after every step.

    Args:
      noise: `[..., H, W]`; the leading axes stay apart.
      unbiased: divide by the deviation with H W - 1 in its denominator, as
        rosinality's projector does; NVIDIA's has H W.

    Returns:
      Of the same shape. A constant map becomes zero.
    """
    noise = noise - jnp.mean(noise, axis=(-2, -1), keepdims=True)
    count = noise.shape[-2] * noise.shape[-1] - int(unbiased)
    squares = jnp.sum(jnp.square(noise), axis=(-2, -1), keepdims=True)
    is_zero = squares == 0
    scale = jax.lax.rsqrt(jnp.where(is_zero, 1.0, squares) / count)
    return noise * jnp.where(is_zero, 0.0, scale)


def feature_offset_prior(features: jax.Array) -> jax.Array:
    """Mean squared offset of a feature map (Barbershop, arXiv:2106.01505, Eq. 6).

    Args:
      features: `[N, H, W, C]` the offset, in units of the map's own size.

    Returns:
      `[N]`.
    """
    return jnp.mean(jnp.square(features), axis=(1, 2, 3))


def center(ws: jax.Array, w_avg: jax.Array) -> jax.Array:
    """Broadcasts the mean latent to the shape of `ws`.

    Raises:
      ValueError: `w_avg` has more axes than `ws` or other sides.
    """
    if w_avg.shape != ws.shape[ws.ndim - w_avg.ndim :] or w_avg.ndim > ws.ndim:
        raise InputError(
            f"`w_avg` {w_avg.shape} must equal the last axes of `ws` {ws.shape}."
        )
    return jnp.broadcast_to(w_avg, ws.shape)


def _halve(maps: jax.Array) -> jax.Array:
    """Averages boxes of 2 x 2."""
    *leading, height, width = maps.shape
    if height % 2 or width % 2:
        raise InputError(
            "The sides of noise maps must be halved down to 8: got a map of"
            f" {height} x {width}."
        )
    boxes = maps.reshape(*leading, height // 2, 2, width // 2, 2)
    return jnp.mean(boxes, axis=(-3, -1))


def _level(maps: jax.Array) -> jax.Array:
    """Of maps `[..., K, H, W]`: `[...]`."""
    products = [
        jnp.mean(maps * jnp.roll(maps, 1, axis=axis), axis=(-2, -1))
        for axis in (-1, -2)
    ]
    return jnp.sum(jnp.square(products[0]) + jnp.square(products[1]), axis=-1)
