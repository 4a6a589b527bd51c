"""Resizing of `[N, H, W, C]` arrays, with the conventions of the references.

Every method here is linear and separable: an output row is a fixed combination of
input rows, so a resize is one small constant matrix per axis. The matrices are made
in float64 on the host; the products run in full float32, since a reduced-precision
product would cost more accuracy than the choice of the method.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError

Size = int | tuple[int, int]


def box(images: jax.Array, factor: int) -> jax.Array:
    """Averages `factor` x `factor` boxes: `[N, H, W, C] -> [N, H/f, W/f, C]`.

    Raises:
      ValueError: `factor` is not positive or does not divide the height and width.
    """
    batch, height, width, channels = _shape(images)
    if factor < 1 or height % factor or width % factor:
        raise InputError(
            "`factor` must be positive and divide height and width: got"
            f" {factor=} and {images.shape=}."
        )
    if factor == 1:
        return images
    boxes = (batch, height // factor, factor, width // factor, factor, channels)
    return jnp.mean(images.reshape(boxes), axis=(2, 4))


def adaptive_average(images: jax.Array, size: Size) -> jax.Array:
    """Adaptive average pooling, which is also "area" interpolation.

    Output cell i averages the input cells from floor(i H / h) to ceil((i + 1) H / h);
    enlarging therefore repeats cells, blending them where the factor is no integer.

    Args:
      images: `[N, H, W, C]`.
      size: height and width of the result, or one number for both.

    Returns:
      `[N, h, w, C]`.
    """
    height, width = _pair(size)
    _, old_height, old_width, _ = _shape(images)
    if old_height % height == 0 and old_height // height == old_width / width:
        return box(images, old_height // height)
    return _resample(images, (height, width), _area_matrix)


def at_most(images: jax.Array, size: int) -> jax.Array:
    """Area-resizes squares `[N, H, W, C]` larger than `size`; leaves the others.

    This is what the StyleGAN2 projector does before its perceptual distance.
    """
    return adaptive_average(images, size) if images.shape[1] > size else images


def bilinear(
    images: jax.Array,
    size: Size,
    *,
    align_corners: bool = False,
    antialias: bool = False,
) -> jax.Array:
    """Bilinear interpolation.

    Args:
      images: `[N, H, W, C]`.
      size: height and width of the result, or one number for both.
      align_corners: the corner pixels' centers stay; otherwise the corners stay.
      antialias: widen the kernel when shrinking, as PIL does.

    Returns:
      `[N, h, w, C]`.

    Raises:
      ValueError: both `align_corners` and `antialias`.
    """
    if align_corners and antialias:
        raise InputError("`antialias` is not defined with `align_corners`.")
    if align_corners:
        return _resample(images, size, _corner_matrix)
    return _resample(images, size, _kernel_matrix, "triangle", antialias)


def bicubic(images: jax.Array, size: Size, *, antialias: bool = False) -> jax.Array:
    """Bicubic interpolation.

    The references use Keys' kernel with a = -0.75 when they interpolate and, like PIL,
    with a = -0.5 when they antialias; so does this function.

    Args:
      images: `[N, H, W, C]`.
      size: height and width of the result, or one number for both.
      antialias: widen the kernel when shrinking, as PIL does.

    Returns:
      `[N, h, w, C]`. It may exceed the input's range.
    """
    kernel = "cubic_pil" if antialias else "cubic"
    return _resample(images, size, _kernel_matrix, kernel, antialias)


def _shape(images: jax.Array) -> tuple[int, int, int, int]:
    if images.ndim != 4:
        raise InputError(f"`images` must be [N, H, W, C]: got {images.shape=}.")
    return images.shape  # type: ignore[return-value]


def _pair(size: Size) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise InputError(f"`size` must be positive: got {size}.")
    return height, width


def _resample(
    images: jax.Array, size: Size, matrix: Callable[..., np.ndarray], *options
) -> jax.Array:
    """Applies `matrix(old, new, *options)` `[new, old]` to both spatial axes."""
    (height, width), (_, old_height, old_width, _) = _pair(size), _shape(images)
    highest = jax.lax.Precision.HIGHEST
    if height != old_height:
        rows = matrix(old_height, height, *options).astype(images.dtype)
        images = jnp.einsum("hH,nHWc->nhWc", rows, images, precision=highest)
    if width != old_width:
        columns = matrix(old_width, width, *options).astype(images.dtype)
        images = jnp.einsum("wW,nhWc->nhwc", columns, images, precision=highest)
    return images


@functools.lru_cache
def _area_matrix(old: int, new: int) -> np.ndarray:
    index = np.arange(new)[:, None]
    start, stop = index * old // new, -(-(index + 1) * old // new)
    inside = (np.arange(old)[None] >= start) & (np.arange(old)[None] < stop)
    return inside / (stop - start)


@functools.lru_cache
def _corner_matrix(old: int, new: int) -> np.ndarray:
    positions = np.linspace(0.0, old - 1.0, new) if new > 1 else np.zeros(1)
    distance = np.abs(positions[:, None] - np.arange(old)[None])
    return np.maximum(0.0, 1.0 - distance)


@functools.lru_cache
def _kernel_matrix(old: int, new: int, kernel: str, antialias: bool) -> np.ndarray:
    scale = old / new
    positions = (np.arange(new)[:, None] + 0.5) * scale - 0.5
    if antialias:
        # Taps beyond the border are dropped and the rest renormalized.
        stretch = max(scale, 1.0)
        distance = (np.arange(old)[None] - positions) / stretch
        weights = _KERNELS[kernel](distance)
        return weights / weights.sum(axis=1, keepdims=True)
    # Taps beyond the border read the border pixel.
    taps = np.floor(positions).astype(int) + np.arange(-1, 3)[None]
    return _scatter(_KERNELS[kernel](taps - positions), np.clip(taps, 0, old - 1), old)


def _scatter(weights: np.ndarray, taps: np.ndarray, old: int) -> np.ndarray:
    matrix = np.zeros((len(taps), old))
    np.add.at(matrix, (np.arange(len(taps))[:, None], taps), weights)
    return matrix


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic convolution kernel (Keys 1981, Eq. 4 with a free parameter)."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


_KERNELS = {
    "triangle": lambda x: np.maximum(0.0, 1.0 - np.abs(x)),
    "cubic": lambda x: _cubic(x, -0.75),
    "cubic_pil": lambda x: _cubic(x, -0.5),
}
