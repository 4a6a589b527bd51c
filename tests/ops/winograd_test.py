"""The convolution in tiles equals its plain twin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import convolution, formulations, winograd


def _operands(channels=(64, 9), shape=(2, 16, 8)):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((*shape, channels[0])).astype(np.float32)
    kernel = generator.standard_normal((3, 3, *channels)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(kernel) / (3 * channels[0] ** 0.5)


def _tiles(x, kernel, rows=2):
    return winograd.conv2d(x, kernel, winograd.transform(kernel), rows)


@pytest.mark.parametrize("rows", [1, 4])
def test_equals_the_plain_form(rows, variant):
    x, kernel = _operands()
    y = variant(lambda *a: _tiles(*a, rows=rows))(x, kernel)
    np.testing.assert_allclose(y, convolution.conv2d(x, kernel), rtol=1e-5, atol=1e-5)


def test_has_both_gradients_of_the_plain_form():
    x, kernel = _operands()
    transformed = winograd.transform(kernel)

    def gradients(fn):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(fn(x, kernel)))

        return jax.jit(jax.grad(loss, (0, 1)))(x, kernel)

    ours = gradients(lambda x, k: winograd.conv2d(x, k, transformed, 2))
    theirs = gradients(convolution.conv2d)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-4)


def test_vmap_equals_a_loop():
    x, kernel = _operands()
    kernels = jnp.stack([kernel, 2 * kernel])
    mapped = jax.vmap(_tiles, in_axes=(None, 0))(x, kernels)
    looped = jnp.stack([_tiles(x, k) for k in kernels])
    np.testing.assert_allclose(mapped, looped, rtol=1e-5, atol=2e-5)


def test_refuses_sides_that_tiles_do_not_divide():
    x, kernel = _operands(shape=(1, 6, 8))
    with pytest.raises(ValueError, match="must be multiples"):
        _tiles(x, kernel, rows=1)
    with pytest.raises(ValueError, match="must be 3x3"):
        winograd.transform(kernel[:1])


@pytest.mark.parametrize(
    ("side", "channels", "dtype", "rows"),
    [
        (32, 512, jnp.float32, 8),
        (128, 256, jnp.float32, 16),
        (512, 128, jnp.float32, 8),
        (8, 512, jnp.float32, None),
        (18, 512, jnp.float32, None),
        (64, 32, jnp.float32, 16),
        (64, 16, jnp.float32, None),
        (64, 256, jnp.bfloat16, None),
    ],
)
def test_tiles_are_chosen_where_they_gain(side, channels, dtype, rows, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    x = jax.ShapeDtypeStruct((1, side, side, channels), dtype)
    kernel = jax.ShapeDtypeStruct((3, 3, channels, channels), dtype)
    assert formulations.tile_rows(x, kernel) == rows
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert formulations.tile_rows(x, kernel) is None
