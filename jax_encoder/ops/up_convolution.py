"""The upsampling 3x3 convolution of StyleGAN2 in strips, for CPUs.

The transposed convolution is one matrix product, all nine taps at once; the filter that
follows it becomes a few sums of the products' columns. Done on strips of rows, the
products never leave the cache. The backward pass filters the gradient first and is then
one matrix product per row of taps. The plain twin is `convolution.up_conv2d`.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.ops import convolution, upfirdn

NUM_TAPS = 4


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def up_conv2d(
    x: jax.Array, kernel: jax.Array, taps: tuple[float, ...], rows: int
) -> jax.Array:
    """Doubles the resolution by a transposed convolution, then filters.

    Args:
      x: `[N, H, W, I]`.
      kernel: `[3, 3, I, O]`, applied as `convolution.up_conv2d` applies it.
      taps: one-dimensional filter of four taps; normalized here.
      rows: rows of `x` per strip; divides H.

    Returns:
      `[N, 2H, 2W, O]`.

    Raises:
      ValueError: the kernel is not 3x3, there are not four taps, or `rows` does not
        divide H.
    """
    batch, height, width, _ = x.shape
    if kernel.shape[:2] != (3, 3) or len(taps) != NUM_TAPS or height % rows:
        raise InputError(
            "Strips need a 3x3 kernel, four taps and a height that is a multiple of"
            f" the strip: got {kernel.shape=}, {taps=}, {height=} and {rows=}."
        )
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    filters = upfirdn.normalize(taps, 2.0)

    def strip(start):
        part = jax.lax.dynamic_slice_in_dim(padded, start, rows + 2, 1)
        return _up_strip(part, kernel, filters)

    strips = jax.lax.map(strip, jnp.arange(0, height, rows))
    return jnp.moveaxis(strips, 0, 1).reshape(batch, 2 * height, 2 * width, -1)


def _up_strip(x: jax.Array, kernel: jax.Array, taps: Sequence[float]) -> jax.Array:
    """`[N, S + 2, W + 2, I] -> [N, 2S, 2W, O]`."""
    num_in, num_out = kernel.shape[2:]
    columns = kernel.transpose(2, 0, 1, 3).reshape(num_in, 9 * num_out)
    y = _interleave((x @ columns).reshape(*x.shape[:3], 3, 3 * num_out), taps, 1)
    return _interleave(y.reshape(*y.shape[:3], 3, num_out), taps, 2)


def _interleave(products: jax.Array, taps: Sequence[float], axis: int) -> jax.Array:
    """Sums and filters the transposed convolution along one axis.

    With `t[2i + k]` the sum of `products[i, k]`, this is `y[m] = sum_j taps[3 - j]
    t[m - 1 + j]`, without ever forming `t`.

    Args:
      products: `[N, A, B, 3, C]`; `axis` has one entry of margin at both ends.
      taps: four filter taps.
      axis: 1 or 2.

    Returns:
      `[N, A', B', C]`, `axis` twice as long as `products` without its margin.
    """
    size = products.shape[axis] - 2

    def at(tap, offset):
        part = jax.lax.slice_in_dim(products, offset, offset + size, axis=axis)
        return part[..., tap, :]

    # The inputs of an output pair, in order: t[2q - 1], ..., t[2q + 3].
    t = [at(1, 0), at(0, 1) + at(2, 0), at(1, 1), at(0, 2) + at(2, 1), at(1, 2)]
    a, b, c, d = taps[::-1]
    pair = [a * t[k] + b * t[k + 1] + c * t[k + 2] + d * t[k + 3] for k in (0, 1)]
    stacked = jnp.stack(pair, axis=axis + 1)
    shape = list(pair[0].shape)
    shape[axis] *= 2
    return stacked.reshape(shape)


def _input_gradient(x, kernel, gradient, taps, rows):
    """`[N, 2H, 2W, O] -> [N, H, W, I]`: filter, then a convolution of stride two."""
    del x
    batch, height, width, num_out = gradient.shape
    padded = jnp.pad(gradient, ((0, 0), (2, 2), (2, 2), (0, 0)))
    kernels = kernel.transpose(0, 1, 3, 2).reshape(3, 3 * num_out, -1)
    filters = upfirdn.normalize(taps, 2.0)[::-1]

    def strip(start):
        part = jax.lax.dynamic_slice_in_dim(padded, 2 * start, 2 * rows + 4, 1)
        t = upfirdn.filter2d(part, filters, padding=(0, 0))
        t = jnp.stack([t[:, :, b : b + width : 2] for b in range(3)], axis=3)
        t = t.reshape(*t.shape[:3], 3 * num_out)
        return sum(t[:, a : a + 2 * rows : 2] @ kernels[a] for a in range(3))

    strips = jax.lax.map(strip, jnp.arange(0, height // 2, rows))
    return jnp.moveaxis(strips, 0, 1).reshape(batch, height // 2, width // 2, -1)


def _kernel_gradient(x, kernel, gradient, taps, rows):
    """That of the plain twin."""
    del rows
    _, pull = jax.vjp(lambda k: convolution.up_conv2d(x, k, taps=taps), kernel)
    return pull(gradient)[0]


convolution.define_gradients(up_conv2d, _input_gradient, _kernel_gradient)
