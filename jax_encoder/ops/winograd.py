"""3x3 convolutions with fewer multiplications (Lavin and Gray 2015, arXiv:1509.09308).

F(4x4, 3x3): a tile of 4 x 4 outputs costs 36 products per channel pair instead of 144.
The kernel is transformed once (`transform`), for as long as it stays frozen. The plain
twin is `convolution.conv2d`.

The transforms evaluate polynomials at 0, infinity and four points closed under
inversion, plus or minus 1/sqrt 2 and sqrt 2: the magnitudes stay close to one, which
keeps the error near that of the plain form, and the flipped kernel of the backward
pass is the same array in another order.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.ops import convolution

TILE = 4
_SIZE = TILE + 2
_POINTS = (0.5**0.5, -(0.5**0.5), 2.0**0.5, -(2.0**0.5))
# Where the points go when inverted: zero and infinity, 1/sqrt 2 and sqrt 2 swap.
_INVERTED = (5, 3, 4, 1, 2, 0)


@functools.cache
def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the output `[4, 6]`, kernel `[6, 3]` and input `[6, 6]` transforms."""
    output = np.zeros((TILE, _SIZE))
    kernel = np.zeros((_SIZE, 3))
    output[0, 0] = output[-1, -1] = kernel[0, 0] = kernel[-1, -1] = 1
    for index, point in enumerate(_POINTS, 1):
        kernel[index] = (1 / point, 1, point)
        output[:, index] = point ** np.arange(TILE) / abs(point) ** 1.5
    # Together they must be the correlation: output i sums input i + j times tap j.
    pairs = [(i, j) for i in range(TILE) for j in range(3)]
    system = np.array([output[i] * kernel[:, j] for i, j in pairs])
    wanted = np.array([np.eye(_SIZE)[i + j] for i, j in pairs])
    inputs = np.linalg.lstsq(system, wanted, rcond=None)[0]
    inputs[np.abs(inputs) < 1e-12] = 0
    # Rows of unit maximum: fewer multiplications per picture.
    scale = np.abs(inputs).max(axis=1, keepdims=True)
    return output, kernel * scale, inputs / scale


def transform(kernel: jax.Array) -> jax.Array:
    """Transforms a kernel `[3, 3, I, O]` to `[6, 6, I, O]`, for `conv2d`."""
    if kernel.shape[:2] != (3, 3):
        raise InputError(f"The kernel must be 3x3: got {kernel.shape=}.")
    matrix = _matrices()[1]
    both = jnp.asarray(np.einsum("ka,lb->klab", matrix, matrix), kernel.dtype)
    return jnp.einsum("klab,abio->klio", both, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def conv2d(
    x: jax.Array, kernel: jax.Array, transformed: jax.Array, rows: int
) -> jax.Array:
    """Correlates with a 3x3 kernel, zero padding of one.

    Args:
      x: `[N, H, W, I]`, sides that are multiples of four.
      kernel: `[3, 3, I, O]`; only its gradient is computed from it.
      transformed: `transform(kernel)`; constant, its gradient is zero.
      rows: rows of tiles per strip; divides H / 4.

    Returns:
      `[N, H, W, O]`.

    Raises:
      ValueError: the sides do not divide into strips of tiles.
    """
    del kernel
    return _correlate(x, transformed, rows, is_backward=False)


@functools.partial(jax.jit, static_argnames=("rows", "is_backward"))
def _correlate(
    x: jax.Array, transformed: jax.Array, rows: int, *, is_backward: bool
) -> jax.Array:
    batch, height, width, _ = x.shape
    if height % (TILE * rows) or width % TILE:
        raise InputError(
            f"The sides must be multiples of {TILE * rows} and {TILE}: {x.shape=}."
        )
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))

    def strip(start):
        size = TILE * rows + 2
        part = jax.lax.dynamic_slice_in_dim(padded, start, size, 1)
        return _strip(part, transformed, is_backward)

    if height == TILE * rows:
        return _strip(padded, transformed, is_backward)
    strips = jax.lax.map(strip, jnp.arange(0, height, TILE * rows))
    return jnp.moveaxis(strips, 0, 1).reshape(batch, height, width, -1)


def _strip(x: jax.Array, transformed: jax.Array, is_backward: bool) -> jax.Array:
    """`[N, 4R + 2, W + 2, I] -> [N, 4R, W, O]`.

    Backward, the kernel is flipped and its channels swap: the points are visited in
    the order of their inverses, and the products contract the other channels.
    """
    output, _, inputs = _matrices()
    if is_backward:
        output, inputs = output[:, _INVERTED], inputs[_INVERTED, :]
    batch, height, width, channels = x.shape
    rows, columns = height // TILE, width // TILE

    tiles = jnp.stack(_combine(inputs, _shifts(x, 1, rows)))
    tiles = jnp.stack(_combine(inputs, _shifts(tiles, 3, columns)), axis=1)
    tiles = tiles.reshape(_SIZE**2, batch * rows * columns, channels)
    kernels = transformed.reshape(_SIZE**2, *transformed.shape[2:])
    contracted = 2 if is_backward else 1
    products = jax.lax.dot_general(
        tiles, kernels, (((2,), (contracted,)), ((0,), (0,)))
    )
    products = products.reshape(_SIZE, _SIZE, batch, rows, columns, -1)

    y = _combine(output, _split(products, 1))
    y = _combine(output, _split(jnp.stack(y, axis=-2), 0))
    y = jnp.stack(y, axis=4)
    return y.reshape(batch, TILE * rows, TILE * columns, -1)


def _shifts(x: jax.Array, axis: int, count: int) -> list[jax.Array]:
    """The six pixels of every tile along an axis; tiles overlap by two."""
    return [
        jax.lax.slice_in_dim(x, k, k + TILE * (count - 1) + 1, TILE, axis)
        for k in range(_SIZE)
    ]


def _split(x: jax.Array, axis: int) -> Sequence[jax.Array]:
    """The six parts along an axis, which stays as one of a single entry."""
    return jax.lax.split(x, (1,) * _SIZE, axis=axis)


def _combine(matrix: np.ndarray, parts: Sequence[jax.Array]) -> list[jax.Array]:
    """Multiplies a list of arrays by a constant matrix, leaving out its zeros.

    There are many such sums, and those of `lax` are traced faster than those of `jnp`.
    """
    sums = []
    for row in matrix:
        terms = [
            part if weight == 1 else jax.lax.mul(float(weight), part)
            for weight, part in zip(row, parts, strict=True)
            if weight
        ]
        sums.append(functools.reduce(jax.lax.add, terms))
    return sums


def _input_gradient(x, kernel, gradient, transformed, rows):
    del x, kernel
    return _correlate(gradient, transformed, rows, is_backward=True)


def _kernel_gradient(x, kernel, gradient, transformed, rows):
    """That of the plain twin."""
    del transformed, rows
    _, pull = jax.vjp(lambda k: convolution.conv2d(x, k), kernel)
    return pull(gradient)[0]


convolution.define_gradients(conv2d, _input_gradient, _kernel_gradient)
