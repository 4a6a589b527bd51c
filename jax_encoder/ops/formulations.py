"""Which formulation of a convolution runs, by backend (`backends`) and shape.

Dtypes other than float32 and maps too small to gain are computed as in `convolution`.
"""

import jax
import jax.numpy as jnp

from jax_encoder.ops import (
    backends,
    convolution,
    filtered_lrelu,
    filtered_lrelu_phases,
    up_convolution,
    winograd,
)


def up_conv2d(
    x: jax.Array, kernel: jax.Array, *, taps: tuple[float, ...] = (1, 3, 3, 1)
) -> jax.Array:
    """`convolution.up_conv2d` of `[N, H, W, I]`, as the backend does it fastest."""
    rows = strip_rows(x, kernel, taps)
    if rows is None:
        return convolution.up_conv2d(x, kernel, taps=taps)
    return up_convolution.up_conv2d(x, kernel, tuple(taps), rows)


def strip_rows(x: jax.Array, kernel: jax.Array, taps: tuple[float, ...]) -> int | None:
    """Returns the rows per strip of an upsampling convolution; None: no strips.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[K, K, I, O]`.
      taps: of the filter.
    """
    choices = backends.choices()
    batch, height, width, num_in = x.shape
    size, _, _, num_out = kernel.shape
    if (
        x.dtype != jnp.float32
        or size != 3
        or len(taps) != up_convolution.NUM_TAPS
        or min(height, width) < choices.strip_side
        or num_in * num_out < choices.strip_channels
    ):
        return None
    row_bytes = batch * width * 9 * num_out * x.dtype.itemsize
    fitting = [r for r in (16, 8, 4) if height % r == 0]
    if not fitting:
        return None
    return next(
        (r for r in fitting if r * row_bytes <= choices.strip_bytes), fitting[-1]
    )


def conv2d(
    x: jax.Array, kernel: jax.Array, *, transformed: jax.Array | None = None
) -> jax.Array:
    """`convolution.conv2d` in the backend's fastest formulation.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[K, K, I, O]`.
      transformed: `winograd.transform(kernel)`, `[6, 6, I, O]`, if frozen, or None.

    Returns:
      `[N, H, W, O]`.
    """
    rows = None if transformed is None else tile_rows(x, kernel)
    if transformed is None or rows is None:
        return convolution.conv2d(x, kernel)
    return winograd.conv2d(x, kernel, transformed, rows)


def has_transform(kernel: jax.Array) -> bool:
    """Whether a frozen kernel `[K, K, I, O]` is worth transforming."""
    choices = backends.choices()
    return (
        kernel.dtype == jnp.float32
        and kernel.shape[:2] == (3, 3)
        and min(kernel.shape[2:]) >= choices.tile_channels
    )


def tile_rows(x: jax.Array, kernel: jax.Array) -> int | None:
    """Returns the rows of tiles per strip of a convolution; None: no tiles.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[K, K, I, O]`.
    """
    choices = backends.choices()
    batch, height, width, _ = x.shape
    if (
        x.dtype != jnp.float32
        or not has_transform(kernel)
        or min(height, width) < choices.tile_side
        or height % winograd.TILE
        or width % winograd.TILE
    ):
        return None
    count = height // winograd.TILE
    areas = (winograd.TILE + 2) ** 2 * batch * (width // winograd.TILE)
    row_bytes = areas * max(kernel.shape[2:]) * x.dtype.itemsize
    fitting = [
        rows
        for rows in range(1, count + 1)
        if count % rows == 0 and rows * row_bytes <= choices.tile_bytes
    ]
    return max(fitting, default=1)


def filtered_lrelu2d(
    x: jax.Array,
    up_filter: jax.Array | None,
    down_filter: jax.Array | None,
    resampling: filtered_lrelu.Resampling,
) -> jax.Array:
    """`filtered_lrelu.plain` in the backend's fastest formulation.

    Args:
      x: `[N, H, W, C]`, bias added.
      up_filter: `[K]` (separable) or `[K, K]`; sums to one. None for the identity.
      down_filter: `[L]` (separable) or `[L, L]`; sums to one. None for the identity.
      resampling: the constants.

    Returns:
      `[N, H', W', C]`, differentiable in `x` only.

    Raises:
      ValueError: the map is too small.
    """
    up_filter = jnp.ones((1,)) if up_filter is None else up_filter
    down_filter = jnp.ones((1,)) if down_filter is None else down_filter
    choices = backends.choices()
    if choices.lrelu_tile is not None and filtered_lrelu_phases.is_supported(
        up_filter, down_filter, resampling
    ):
        return filtered_lrelu_phases.filtered_lrelu_phases(
            x, up_filter, down_filter, resampling, choices.lrelu_tile
        )
    return filtered_lrelu.plain(x, up_filter, down_filter, resampling)
