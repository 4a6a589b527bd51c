"""Convolutions in NHWC / HWIO, with the resampling that StyleGAN2 folds into them."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jax_encoder.ops import backends, upfirdn

_UNPADDED = ((0, 0), (0, 0))


def _correlate(x, kernel, strides, padding, **options):
    """`jax.lax.conv_general_dilated` in NHWC / HWIO.

    On CPUs the results do not depend on the number of threads, two or more. Where there
    are fewer than eight output channels, Eigen would divide the sums themselves among
    the threads, and round as many times as there are threads; so zeros fill them up.
    """
    num_out = kernel.shape[3]
    missing = backends.choices().filled_channels - num_out
    if missing > 0:
        kernel = jnp.pad(kernel, ((0, 0),) * 3 + ((0, missing),))
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        **options,
    )
    return y[..., :num_out] if missing > 0 else y


def define_gradients(
    conv: Any,
    input_gradient: Callable[..., object],
    kernel_gradient: Callable[..., object],
) -> None:
    """Gives a convolution its gradients; only those that are wanted are traced.

    Most kernels are frozen most of the time, and to trace their gradients for the
    compiler to drop took a quarter of the time before the compilation.

    Args:
      conv: a `jax.custom_vjp` of x, the kernel, constant arrays, whose gradient is
        zero, and arguments that are not differentiated.
      input_gradient: of x, the kernel, the gradient of the result and the other
        arguments of `conv`.
      kernel_gradient: of the same.
    """
    finders = (input_gradient, kernel_gradient)

    def forward(*arguments):
        is_array = jax.custom_derivatives.CustomVJPPrimal
        operands = [a for a in arguments if isinstance(a, is_array)]
        options = [a for a in arguments if not isinstance(a, is_array)]
        wanted = tuple(() if operand.perturbed else None for operand in operands[:2])
        values = tuple(operand.value for operand in operands)
        return conv(*values, *options), (values, wanted)

    def backward(*arguments):
        *options, (values, wanted), gradient = arguments
        x, kernel, *constants = values
        if isinstance(gradient, jax.custom_derivatives.SymbolicZero):
            wanted = (None, None)
        found = (
            None if mark is None else find(x, kernel, gradient, *constants, *options)
            for mark, find in zip(wanted, finders, strict=True)
        )
        return *found, *(None for _ in constants)

    conv.defvjp(forward, backward, symbolic_zeros=True)


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
    size, steps = kernel.shape[:2], (stride, stride)
    if padding is None:
        padding = [(side // 2, side // 2) for side in size]
    elif isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(x.shape[1:3], size, steps, padding)
    (top, bottom), (left, right) = padding
    if size == steps == (1, 1) and not any((top, bottom, left, right)):
        return x @ kernel[0, 0]  # Up to seven times as fast on CPUs.
    return _conv2d(x, kernel, stride, ((top, bottom), (left, right)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv2d(x, kernel, stride, padding):
    """A convolution whose gradients keep the axes in NHWC / HWIO.

    JAX's own rules swap axes in the dimension numbers. XLA's CPU compiler brings them
    into order at the top level of a program only; within a loop, such as the steps of
    an inversion or of pivotal tuning, it falls back to scalar code: the gradient in `x`
    took a step at 1024 pixels from 6 s to 14 s, that in a kernel of 512 channels is
    100 times slower.
    """
    return _correlate(x, kernel, (stride, stride), padding)


def _input_gradient(x, kernel, gradient, stride, padding):
    swapped = jnp.swapaxes(kernel, 2, 3)
    return _adjoint_conv2d(gradient, swapped, stride, padding, x.shape[1:3])


def _kernel_gradient(x, kernel, gradient, stride, padding):
    """On CPUs one matrix product per tap; other backends are fast by themselves."""
    if not backends.choices().kernel_gradient_by_taps:
        _, pull = jax.vjp(lambda k: _correlate(x, k, (stride, stride), padding), kernel)
        return pull(gradient)[0]
    low_high = [(before, after, 0) for before, after in padding]
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *low_high, (0, 0, 0)])
    _, height, width, _ = gradient.shape

    def tap(a, b):
        rows = slice(a, a + (height - 1) * stride + 1, stride)
        columns = slice(b, b + (width - 1) * stride + 1, stride)
        return jnp.einsum("nhwi,nhwo->io", padded[:, rows, columns], gradient)

    taps = [tap(a, b) for a in range(kernel.shape[0]) for b in range(kernel.shape[1])]
    return jnp.stack(taps).reshape(kernel.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _adjoint_conv2d(y, kernel, stride, padding, sides):
    """Correlates y, spread by the stride, with the turned kernel.

    With the kernel's channels swapped, `_conv2d` is linear in its x `[N, *sides, O]`;
    this is the transposed map. Its own gradients are needed where a gradient is
    differentiated (R1): JAX's took 29 s of one strided convolution of 512 channels at
    64 pixels instead of 1.
    """
    opposite = tuple(
        (taps - 1 - before, before + size - 1 - (steps - 1) * stride)
        for taps, (before, _), size, steps in zip(
            kernel.shape[:2], padding, sides, y.shape[1:3], strict=True
        )
    )
    turned = jnp.flip(kernel, (0, 1))
    return _correlate(y, turned, (1, 1), opposite, lhs_dilation=(stride, stride))


def _adjoint_input_gradient(y, kernel, gradient, stride, padding, sides):
    del y, sides
    return _conv2d(gradient, jnp.swapaxes(kernel, 2, 3), stride, padding)


def _adjoint_kernel_gradient(y, kernel, gradient, stride, padding, sides):
    """Gradient and result have changed places."""
    del sides
    swapped = jnp.swapaxes(kernel, 2, 3)
    return jnp.swapaxes(_kernel_gradient(gradient, swapped, y, stride, padding), 2, 3)


define_gradients(_conv2d, _input_gradient, _kernel_gradient)
define_gradients(_adjoint_conv2d, _adjoint_input_gradient, _adjoint_kernel_gradient)


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
      taps: one-dimensional filter; normalized here.

    Returns:
      `[N, 2H, 2W, O]`.
    """
    if kernel.shape[0] == 1:
        return upfirdn.upsample2d(conv2d(x, kernel), taps)
    y = _transposed_conv2d(x, kernel)
    padding = ((len(taps) + 1) // 2 - 1, (len(taps) - 2) // 2)
    return upfirdn.filter2d(y, upfirdn.normalize(taps, 2.0), padding=padding)


def _transposed_conv2d(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns `[N, 2H + K - 2, 2W + K - 2, O]`: every input stamps its kernel."""
    sides = tuple(
        2 * side + taps - 2
        for side, taps in zip(x.shape[1:3], kernel.shape[:2], strict=True)
    )
    return _adjoint_conv2d(x, kernel, 2, _UNPADDED, sides)


def down_conv2d(
    x: jax.Array, kernel: jax.Array, *, taps: Sequence[float] = (1, 3, 3, 1)
) -> jax.Array:
    """Filters, then halves the resolution by a strided convolution.

    Args:
      x: `[N, H, W, I]`, even sides.
      kernel: `[K, K, I, O]` with K of 1 or 3.
      taps: one-dimensional filter; normalized here.

    Returns:
      `[N, H/2, W/2, O]`.
    """
    if kernel.shape[0] == 1:
        return conv2d(upfirdn.downsample2d(x, taps), kernel)
    padding = (1 + (len(taps) - 1) // 2, 1 + (len(taps) - 2) // 2)
    x = upfirdn.filter2d(x, upfirdn.normalize(taps), padding=padding)
    return conv2d(x, kernel, stride=2, padding="VALID")
