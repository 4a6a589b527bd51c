"""Pooling of `[N, H, W, C]` arrays."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def max_pool_2x2(images: jax.Array) -> jax.Array:
    """Maximum of 2 x 2 boxes; an odd last row or column is dropped.

    The gradient goes to the first of the largest cells, row by row, as in PyTorch. Both
    directions are elementwise on slices: on CPU forward and backward take an eighth of
    the time of a windowed reduction, whose gradient is a scatter.

    Args:
      images: `[N, H, W, C]`.

    Returns:
      `[N, H // 2, W // 2, C]`.
    """
    first, second, third, fourth = _corners(images)
    return jnp.maximum(jnp.maximum(first, second), jnp.maximum(third, fourth))


def _corners(images: jax.Array) -> list[jax.Array]:
    height, width = images.shape[1] // 2 * 2, images.shape[2] // 2 * 2
    return [images[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)]


def _max_pool_2x2_forward(images):
    maxima = max_pool_2x2(images)
    return maxima, (images, maxima)


def _max_pool_2x2_backward(residuals, gradient):
    images, maxima = residuals
    taken = jnp.zeros(maxima.shape, bool)
    parts = []
    for corner in _corners(images):
        chosen = (corner == maxima) & ~taken
        parts.append(jnp.where(chosen, gradient, 0))
        taken |= chosen
    rows = [jnp.stack(parts[:2], axis=3), jnp.stack(parts[2:], axis=3)]
    batch, height, width, channels = maxima.shape
    result = jnp.stack(rows, axis=2)
    result = result.reshape(batch, 2 * height, 2 * width, channels)
    odd = [(0, old - new) for old, new in zip(images.shape, result.shape, strict=True)]
    return (jnp.pad(result, odd),)


max_pool_2x2.defvjp(_max_pool_2x2_forward, _max_pool_2x2_backward)


def max_pool(
    images: jax.Array,
    window: int,
    stride: int,
    *,
    padding: int = 0,
    ceil_mode: bool = False,
) -> jax.Array:
    """Maximum over square windows.

    Args:
      images: `[N, H, W, C]`.
      window: side of the window.
      stride: step between windows.
      padding: cells of minus infinity on every side.
      ceil_mode: keep a last window that hangs over the far border, provided it starts
        inside the picture or its near padding.

    Returns:
      `[N, h, w, C]`.
    """
    far = [
        _far_padding(size, window, stride, padding, ceil_mode)
        for size in images.shape[1:3]
    ]
    return jax.lax.reduce_window(
        images,
        -jnp.inf,
        jax.lax.max,
        (1, window, window, 1),
        (1, stride, stride, 1),
        ((0, 0), (padding, far[0]), (padding, far[1]), (0, 0)),
    )


def average_pool_3x3(images: jax.Array) -> jax.Array:
    """Mean of `[N, H, W, C]` over 3 x 3 windows of step 1, of cells inside only."""
    sums = _sum_3x3(images)
    ones = jnp.ones((1, *images.shape[1:3], 1), images.dtype)
    return sums / _sum_3x3(ones)


def _sum_3x3(images: jax.Array) -> jax.Array:
    return jax.lax.reduce_window(
        images,
        0.0,
        jax.lax.add,
        (1, 3, 3, 1),
        (1, 1, 1, 1),
        ((0, 0), (1, 1), (1, 1), (0, 0)),
    )


def _far_padding(
    size: int, window: int, stride: int, padding: int, ceil_mode: bool
) -> int:
    if not ceil_mode:
        return padding
    padded = size + 2 * padding - window
    outputs = -(-padded // stride) + 1
    if (outputs - 1) * stride >= size + padding:
        outputs -= 1
    return max((outputs - 1) * stride + window - size - padding, 0)
