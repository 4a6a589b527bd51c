"""The plain convolution: its gradients, and how the compiler sees them in loops."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import convolution


def _normal(*shape):
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))


def _plain(x, kernel, stride, padding):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride,) * 2, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [
        *((size, 1, [(p, q)] * 2) for size in (1, 3, 4) for p, q in [(0, 0), (1, 2)]),
        (3, 1, [(3, 3)] * 2),
        (1, 2, [(0, 0)] * 2),  # the last column is never read
        (3, 2, [(1, 1), (0, 1)]),
        (4, 3, [(2, 0)] * 2),
        (3, 2, "SAME"),
        (3, 2, "VALID"),
    ],
)
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_gradients_to_second_order(size, stride, padding, backend, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x, kernel = _normal(2, 6, 5, 3), _normal(size, size, 3, 4)

    def slopes(conv):
        def first(x, kernel):
            return jnp.sum(jnp.square(conv(x, kernel)))

        def second(x, kernel):
            found = jax.grad(first, argnums=(0, 1))(x, kernel)
            return sum(jnp.sum(jnp.square(g)) for g in found)

        return *jax.grad(first, (0, 1))(x, kernel), *jax.grad(second, (0, 1))(x, kernel)

    def conv(x, kernel):
        return convolution.conv2d(x, kernel, stride=stride, padding=padding)

    ours = jax.jit(lambda: slopes(conv))()
    theirs = jax.jit(lambda: slopes(lambda x, k: _plain(x, k, stride, padding)))()
    for mine, other in zip(ours, theirs, strict=True):
        scale = float(jnp.max(jnp.abs(other)))
        np.testing.assert_allclose(mine, other, atol=1e-5 * scale)


@pytest.mark.parametrize("stride", [1, 2])
def test_kernels_keep_their_order_inside_loops(stride):
    # Elsewhere XLA's CPU compiler puts them in order itself; in loops it does not, and
    # what is out of order runs in scalar code.
    def objective(x, kernel):
        return jnp.sum(jnp.square(convolution.conv2d(x, kernel, stride=stride)))

    def descend(x, kernel):
        def body(_, operands):
            slopes = jax.grad(objective, (0, 1))(*operands)
            return jax.tree.map(jnp.subtract, operands, slopes)

        return jax.lax.fori_loop(0, x.shape[1], body, (x, kernel))

    compiled = jax.jit(descend).lower(_normal(1, 16, 16, 8), _normal(3, 3, 8, 16))
    labels = re.findall(r"dim_labels=(\S+?)[,\s]", compiled.compile().as_text())
    assert set(labels) == {"b01f_01io->b01f"}
