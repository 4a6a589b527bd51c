"""Which formulation of a convolution runs, by backend and shape.

The rows below were measured (BUILD.md, "Performance"). A backend without a row runs the
plain formulations of `convolution`, as do dtypes other than float32 and maps too small
to gain.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.ops import convolution, up_convolution


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """The measured limits of one backend.

    Attributes:
      strip_side: least side of a map that is upsampled in strips.
      strip_channels: least product of input and output channels for it.
      strip_bytes: what the products of a strip may take, so that they stay in cache.
    """

    strip_side: int
    strip_channels: int
    strip_bytes: int


BACKENDS = {
    "cpu": Choices(strip_side=32, strip_channels=32 * 64, strip_bytes=8 << 20),
}


def up_conv2d(
    x: jax.Array, kernel: jax.Array, *, taps: tuple[float, ...] = (1, 3, 3, 1)
) -> jax.Array:
    """`convolution.up_conv2d` in the backend's fastest formulation."""
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
    choices = BACKENDS.get(jax.default_backend())
    batch, height, width, num_in = x.shape
    size, _, _, num_out = kernel.shape
    if (
        choices is None
        or x.dtype != jnp.float32
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
