"""The plain convolution: its gradients, and how the compiler sees them in loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import convolution


def _normal(*shape):
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))


def _plain(x, kernel, padding):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2), (3, 3)])
def test_gradients_to_second_order(size, padding):
    x, kernel, pads = _normal(2, 6, 5, 3), _normal(size, size, 3, 4), [padding] * 2

    def slopes(conv):
        def first(x, kernel):
            return jnp.sum(jnp.square(conv(x, kernel)))

        def second(x, kernel):
            found = jax.grad(first, argnums=(0, 1))(x, kernel)
            return sum(jnp.sum(jnp.square(g)) for g in found)

        return *jax.grad(first, (0, 1))(x, kernel), *jax.grad(second, (0, 1))(x, kernel)

    ours = jax.jit(
        lambda: slopes(lambda x, k: convolution.conv2d(x, k, padding=pads))
    )()
    theirs = jax.jit(lambda: slopes(lambda x, k: _plain(x, k, pads)))()
    for mine, other in zip(ours, theirs, strict=True):
        scale = float(jnp.max(jnp.abs(other)))
        np.testing.assert_allclose(mine, other, atol=1e-5 * scale)


def test_kernels_keep_their_order_inside_loops():
    # Elsewhere XLA's CPU compiler puts them in order itself; in loops it does not, and
    # what is out of order runs in scalar code.
    kernel = _normal(3, 3, 8, 16)

    def descend(x):
        def body(_, x):
            return x - jax.grad(
                lambda x: jnp.sum(jnp.square(convolution.conv2d(x, kernel)))
            )(x)

        return jax.lax.fori_loop(0, x.shape[1], body, x)

    text = jax.jit(descend).lower(_normal(1, 16, 16, 8)).compile().as_text()
    assert "_01io->" in text
    assert "_01oi->" not in text
