"""StyleGAN1's upsampling convolution (Karras et al. 2019, arXiv:1812.04948).

The official code has two forms: nearest-neighbor enlargement followed by a 3x3
convolution, and (from 128 pixels on) a transposed convolution whose kernel is first
summed over four one-pixel shifts. Both are one convolution of the zero-inserted map
with a 4x4 kernel; they differ by a flip.
"""

import jax
import jax.numpy as jnp

from jax_encoder.ops import upfirdn

BLUR = (0.25, 0.5, 0.25)


def upscale_kernel(kernel: jax.Array, *, fused: bool) -> jax.Array:
    """Returns the kernel that acts on the zero-inserted map.

    Args:
      kernel: `[3, 3, I, O]` stored kernel.
      fused: the official transposed convolution instead of enlarge-then-convolve.

    Returns:
      `[4, 4, I, O]`.
    """
    padded = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    rows = padded[1:] + padded[:-1]
    summed = rows[:, 1:] + rows[:, :-1]
    return jnp.flip(summed, (0, 1)) if fused else summed


def upscale_conv2d(x: jax.Array, kernel: jax.Array, *, fused: bool) -> jax.Array:
    """Doubles the resolution and convolves.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[3, 3, I, O]` stored kernel, gains included.
      fused: the official transposed convolution instead of enlarge-then-convolve.

    Returns:
      `[N, 2H, 2W, O]`, not blurred.
    """
    return jax.lax.conv_general_dilated(
        x,
        upscale_kernel(kernel, fused=fused),
        window_strides=(1, 1),
        padding=((2, 2), (2, 2)),
        lhs_dilation=(2, 2),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def blur(x: jax.Array) -> jax.Array:
    """Smooths `[N, H, W, C]` with [1, 2, 1] x [1, 2, 1] / 16, zeros outside."""
    return upfirdn.filter2d(x, BLUR, padding=(1, 1))


def enlarge(x: jax.Array, factor: int = 2) -> jax.Array:
    """Repeats every pixel of `[N, H, W, C]` `factor` times along both axes."""
    return jnp.repeat(jnp.repeat(x, factor, axis=1), factor, axis=2)
