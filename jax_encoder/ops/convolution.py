"""Convolutions in NHWC / HWIO, with the resampling that StyleGAN2 folds into them."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jax_encoder.ops import upfirdn

_correlate = functools.partial(
    jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC")
)


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int = 1,
    padding: str | Sequence[tuple[int, int]] | None = None,
) -> jax.Array:
    """Correlates `[N, H, W, I]` with `[KH, KW, I, O]`.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[KH, KW, I, O]`.
      stride: step between outputs.
      padding: as `lax.conv_general_dilated` takes it; default: half the kernel.

    Returns:
      `[N, H', W', O]`.
    """
    if padding is None:
        padding = [(size // 2, size // 2) for size in kernel.shape[:2]]
    if stride == 1 and not isinstance(padding, str):
        (top, bottom), (left, right) = padding
        return _dense_conv2d(x, kernel, ((top, bottom), (left, right)))
    return _correlate(x, kernel, (stride, stride), padding)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _dense_conv2d(x, kernel, padding):
    """A convolution whose gradient in `x` is again written as one in NHWC / HWIO.

    JAX's own rule swaps the kernel's axes in the convolution's dimension numbers. XLA's
    CPU compiler brings them into order at the top level of a program only; within a
    loop, such as the steps of an inversion, it falls back to scalar code: the step at
    1024 pixels took 14 s instead of 6.
    """
    return _correlate(x, kernel, (1, 1), padding)


def _dense_conv2d_forward(x, kernel, padding):
    return _dense_conv2d(x, kernel, padding), (x, kernel)


def _dense_conv2d_backward(padding, residuals, gradient):
    x, kernel = residuals
    opposite = tuple(
        (size - 1 - before, size - 1 - after)
        for size, (before, after) in zip(kernel.shape[:2], padding, strict=True)
    )
    turned = jnp.swapaxes(jnp.flip(kernel, (0, 1)), 2, 3)
    _, pull = jax.vjp(lambda k: _correlate(x, k, (1, 1), padding), kernel)
    return _dense_conv2d(gradient, turned, opposite), *pull(gradient)


_dense_conv2d.defvjp(_dense_conv2d_forward, _dense_conv2d_backward)


def up_conv2d(
    x: jax.Array, kernel: jax.Array, *, taps: Sequence[float] = (1, 3, 3, 1)
) -> jax.Array:
    """Doubles the resolution by a transposed convolution, then filters.

    The kernel is applied as the official PyTorch checkpoints store it: a 3x3 kernel
    acts as a true transposed convolution (flipped relative to `conv2d`), a 1x1 kernel
    is applied before the upsampling.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[K, K, I, O]` with K of 1 or 3.
      taps: one-dimensional filter; normalised here.

    Returns:
      `[N, 2H, 2W, O]`.
    """
    if kernel.shape[0] == 1:
        return upfirdn.upsample2d(conv2d(x, kernel), taps)
    y = _transposed_conv2d(x, kernel)
    padding = ((len(taps) + 1) // 2 - 1, (len(taps) - 2) // 2)
    return upfirdn.filter2d(y, upfirdn.normalise(taps, 2.0), padding=padding)


@jax.custom_vjp
def _transposed_conv2d(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns `[N, 2H + K - 2, 2W + K - 2, O]`: every input stamps its kernel."""
    return _correlate(
        x,
        jnp.flip(kernel, (0, 1)),
        window_strides=(1, 1),
        padding=[(size - 1, size - 1) for size in kernel.shape[:2]],
        lhs_dilation=(2, 2),
    )


def _transposed_conv2d_forward(x, kernel):
    return _transposed_conv2d(x, kernel), (x, kernel)


def _transposed_conv2d_backward(residuals, gradient):
    """One matrix product per tap for the kernel: XLA's own way is 20 times slower."""
    x, kernel = residuals
    turned = jnp.swapaxes(kernel, 2, 3)
    dx = _correlate(gradient, turned, window_strides=(2, 2), padding="VALID")
    _, height, width, _ = x.shape
    taps = [
        jnp.einsum(
            "nhwi,nhwo->io",
            x,
            gradient[:, a : a + 2 * height : 2, b : b + 2 * width : 2],
        )
        for a in range(kernel.shape[0])
        for b in range(kernel.shape[1])
    ]
    return dx, jnp.stack(taps).reshape(kernel.shape)


_transposed_conv2d.defvjp(_transposed_conv2d_forward, _transposed_conv2d_backward)


def down_conv2d(
    x: jax.Array, kernel: jax.Array, *, taps: Sequence[float] = (1, 3, 3, 1)
) -> jax.Array:
    """Filters, then halves the resolution by a strided convolution.

    Args:
      x: `[N, H, W, I]`, even sides.
      kernel: `[K, K, I, O]` with K of 1 or 3.
      taps: one-dimensional filter; normalised here.

    Returns:
      `[N, H/2, W/2, O]`.
    """
    if kernel.shape[0] == 1:
        return conv2d(upfirdn.downsample2d(x, taps), kernel)
    padding = (1 + (len(taps) - 1) // 2, 1 + (len(taps) - 2) // 2)
    x = upfirdn.filter2d(x, upfirdn.normalise(taps), padding=padding)
    return conv2d(x, kernel, stride=2, padding="VALID")
