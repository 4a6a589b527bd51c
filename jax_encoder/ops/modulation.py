"""Modulated convolution (Karras et al. 2020, arXiv:1912.04958, Section 2.2).

Scaling the input, convolving with the shared kernel and scaling the output is the same
as convolving every sample with a kernel of its own, and needs neither grouped
convolutions nor the gradient of the kernel to reach the styles.
"""

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.ops import formulations


def demodulation(
    kernel: jax.Array, styles: jax.Array, *, epsilon: float = 1e-8
) -> jax.Array:
    """Returns the factor that gives every modulated kernel unit norm (Eq. 3).

    Args:
      kernel: `[KH, KW, I, O]` shared kernel.
      styles: `[N, I]` one scale per sample and input channel.
      epsilon: added to the squared norm before the square root.

    Returns:
      `[N, O]` one factor per sample and output channel.
    """
    # A product with ones: a sum takes XLA's CPU compiler ten times as long on threads.
    ones = jnp.ones(kernel.shape[:2], kernel.dtype)
    highest = jax.lax.Precision.HIGHEST
    power = jnp.einsum("ab,abio->io", ones, jnp.square(kernel), precision=highest)
    return jax.lax.rsqrt(jnp.square(styles) @ power + epsilon)


def modulated_conv2d(
    x: jax.Array,
    kernel: jax.Array,
    styles: jax.Array,
    *,
    demodulate: bool = True,
    up: bool = False,
    taps: tuple[float, ...] = (1, 3, 3, 1),
    transformed: jax.Array | None = None,
) -> jax.Array:
    """Convolves every sample with its own modulated kernel.

    Args:
      x: `[N, H, W, I]`, in the dtype of the computation.
      kernel: `[KH, KW, I, O]` shared kernel, float32.
      styles: `[N, I]` one scale per sample and input channel (Eq. 1), float32.
      demodulate: give every output channel of the kernel unit L2 norm (Eq. 3).
      up: double the resolution by a transposed convolution, then filter.
      taps: the filter that follows the upsampling.
      transformed: `winograd.transform(kernel)` of a frozen kernel, or None; without
        `up` only.

    Returns:
      `[N, H, W, O]`, or `[N, 2H, 2W, O]` with `up`.

    Raises:
      ValueError: `x`, `kernel` and `styles` differ in their input channels.
    """
    if not x.shape[-1] == kernel.shape[2] == styles.shape[-1]:
        raise InputError(
            "`x`, `kernel` and `styles` must agree on the input channels: got"
            f" {x.shape=}, {kernel.shape=} and {styles.shape=}."
        )
    x = x * styles[:, None, None, :].astype(x.dtype)
    if up:
        y = formulations.up_conv2d(x, kernel.astype(x.dtype), taps=taps)
    else:
        y = formulations.conv2d(x, kernel.astype(x.dtype), transformed=transformed)
    if demodulate:
        factors = demodulation(kernel, styles)
        y = y * factors[:, None, None, :].astype(y.dtype)
    return y
