"""Structural similarity (Wang et al. 2004) and its multi-scale form (Wang et al. 2003).

Pictures are `[N, H, W, C]`. Means and variances are Gaussian-weighted over 11 x 11
windows that lie inside the picture, each channel by itself.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError

SIDE = 11
_SIGMA = 1.5
# Wang et al. 2003, Section 3.2: fine to coarse.
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Below this a scale counts as uncorrelated: the power's gradient stays finite.
_FLOOR = 1e-8


def ssim(
    images: jax.Array, targets: jax.Array, *, data_range: float = 2.0
) -> jax.Array:
    """Structural similarity, 1 for equal pictures.

    Args:
      images: `[N, H, W, C]`, sides of at least 11.
      targets: of the same shape.
      data_range: difference between the largest and the smallest value possible.

    Returns:
      `[N]`, the mean over windows and channels (Eq. 13, K1 = 0.01, K2 = 0.03).

    Raises:
      ValueError: the shapes differ or a side is shorter than the window.
    """
    _check(images, targets, SIDE)
    similarity, _ = _maps(images, targets, data_range)
    return jnp.mean(similarity, axis=(1, 2, 3))


def ms_ssim(
    images: jax.Array,
    targets: jax.Array,
    *,
    data_range: float = 2.0,
    num_scales: int | None = None,
) -> jax.Array:
    """Multi-scale structural similarity, 1 for equal pictures.

    The published measure has five scales and so needs sides of at least 176. Smaller
    pictures are measured on the scales that fit, with the weights of those scales
    rescaled to sum to 1.

    Args:
      images: `[N, H, W, C]`, sides of at least 11.
      targets: of the same shape.
      data_range: difference between the largest and the smallest value possible.
      num_scales: 1 to 5; default: as many as fit.

    Returns:
      `[N]`, the mean over channels. Channels that correlate negatively at some scale
      count as 0.

    Raises:
      ValueError: the shapes differ, or a side is too short for `num_scales`.
    """
    side = min(images.shape[1:3]) if images.ndim == 4 else 0
    fit = min(int(math.log2(side / SIDE)) + 1, 5) if side >= SIDE else 1
    num_scales = fit if num_scales is None else num_scales
    if not 1 <= num_scales <= len(_WEIGHTS):
        raise InputError(f"`num_scales` must be 1 to 5: got {num_scales}.")
    _check(images, targets, SIDE * 2 ** (num_scales - 1))
    weights = np.asarray(_WEIGHTS[:num_scales])
    weights = weights / weights.sum()
    product = jnp.ones((images.shape[0], images.shape[3]), images.dtype)
    for scale, weight in enumerate(weights):
        similarity, contrast = _maps(images, targets, data_range)
        # Luminance counts at the coarsest scale only.
        is_last = scale == num_scales - 1
        factor = jnp.mean(similarity if is_last else contrast, axis=(1, 2))
        product = product * _power(factor, float(weight))
        if not is_last:
            images, targets = _halve(images), _halve(targets)
    return jnp.mean(product, axis=1)


def _check(images: jax.Array, targets: jax.Array, shortest: int) -> None:
    if images.shape != targets.shape or images.ndim != 4:
        raise InputError(
            "`images` and `targets` must be [N, H, W, C] of one shape: got"
            f" {images.shape} and {targets.shape}."
        )
    if min(images.shape[1:3]) < shortest:
        raise InputError(
            f"The pictures' sides must be at least {shortest}: got {images.shape}."
            " Enlarge them or ask for fewer scales."
        )


def _maps(images: jax.Array, targets: jax.Array, data_range: float):
    """Similarity and contrast-structure maps `[N, H - 10, W - 10, C]`."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    planes = [images, targets, images**2, targets**2, images * targets]
    means = _blur(jnp.concatenate(planes, axis=-1))
    x, y, xx, yy, xy = jnp.split(means, 5, axis=-1)
    variances, covariance = xx - x * x + yy - y * y, xy - x * y
    contrast = (2 * covariance + c2) / (variances + c2)
    return contrast * (2 * x * y + c1) / (x * x + y * y + c1), contrast


def _blur(x: jax.Array) -> jax.Array:
    """Gaussian-weighted means: sums of shifted slices, exact on every device."""
    offsets = np.arange(SIDE) - SIDE // 2
    taps = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    taps = (taps / taps.sum()).tolist()
    for axis in (1, 2):
        size = x.shape[axis] - SIDE + 1
        slices = [
            tap * jax.lax.slice_in_dim(x, k, k + size, axis=axis)
            for k, tap in enumerate(taps)
        ]
        x = functools.reduce(jnp.add, slices)
    return x


def _halve(x: jax.Array) -> jax.Array:
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    x = x[:, :height, :width]
    boxes = (x.shape[0], height // 2, 2, width // 2, 2, x.shape[3])
    return jnp.mean(x.reshape(boxes), axis=(2, 4))


def _power(x: jax.Array, exponent: float) -> jax.Array:
    is_positive = x > _FLOOR
    return jnp.where(is_positive, jnp.where(is_positive, x, 1.0) ** exponent, 0.0)
