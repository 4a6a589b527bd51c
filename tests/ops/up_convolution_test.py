"""The strip up-convolution equals its plain twin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import convolution, formulations, up_convolution

TAPS = (1.0, 2.0, 5.0, 3.0)  # Neither symmetric nor normalized.


def _operands(shape=(2, 8, 6, 5), num_out=7):
    generator = np.random.default_rng(0)
    x = generator.standard_normal(shape).astype(np.float32)
    kernel = generator.standard_normal((3, 3, shape[-1], num_out)).astype(np.float32)
    y = (shape[0], 2 * shape[1], 2 * shape[2], num_out)
    return jnp.asarray(x), jnp.asarray(kernel), generator.standard_normal(y)


def _plain(x, kernel):
    return convolution.up_conv2d(x, kernel, taps=TAPS)


def _strips(x, kernel, rows=4):
    return up_convolution.up_conv2d(x, kernel, TAPS, rows)


@pytest.mark.parametrize("rows", [2, 8])
def test_equals_the_plain_form(rows, variant):
    x, kernel, _ = _operands()
    y = variant(lambda *a: _strips(*a, rows=rows))(x, kernel)
    np.testing.assert_allclose(y, _plain(x, kernel), rtol=1e-5, atol=1e-5)


def test_has_both_gradients_of_the_plain_form():
    x, kernel, weight = _operands()

    def gradients(fn):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(fn(x, kernel)) * weight)

        return jax.jit(jax.grad(loss, (0, 1)))(x, kernel)

    for ours, theirs in zip(gradients(_strips), gradients(_plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=3e-5)


def test_has_the_second_derivative_of_the_plain_form():
    x, kernel, weight = _operands(shape=(1, 4, 4, 3))

    def penalty(fn):
        def slope(kernel, x):
            return jnp.sum(jnp.square(fn(x, kernel)) * weight)

        return lambda kernel: jnp.sum(jnp.square(jax.grad(slope, 1)(kernel, x)))

    ours = jax.jit(jax.grad(penalty(_strips)))(kernel)
    theirs = jax.jit(jax.grad(penalty(_plain)))(kernel)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * jnp.max(theirs))


def test_vmap_equals_a_loop():
    x, kernel, _ = _operands()
    kernels = jnp.stack([kernel, 2 * kernel])
    mapped = jax.vmap(_strips, in_axes=(None, 0))(x, kernels)
    looped = jnp.stack([_strips(x, k) for k in kernels])
    np.testing.assert_allclose(mapped, looped, rtol=1e-6, atol=1e-6)


def test_refuses_a_height_that_strips_do_not_divide():
    x, kernel, _ = _operands()
    with pytest.raises(ValueError, match="multiple of the strip"):
        up_convolution.up_conv2d(x, kernel, TAPS, 3)


@pytest.mark.parametrize(
    ("side", "dtype", "taps", "has_strips"),
    [
        (64, jnp.float32, TAPS, True),
        (16, jnp.float32, TAPS, False),
        (64, jnp.bfloat16, TAPS, False),
        (64, jnp.float32, (1.0, 2.0, 1.0), False),
    ],
)
def test_strips_are_chosen_where_they_gain(side, dtype, taps, has_strips, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    x = jax.ShapeDtypeStruct((1, side, side, 64), dtype)
    kernel = jax.ShapeDtypeStruct((3, 3, 64, 64), dtype)
    assert (formulations.strip_rows(x, kernel, taps) is not None) == has_strips
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert formulations.strip_rows(x, kernel, taps) is None


@pytest.mark.parametrize(("side", "rows"), [(128, 16), (256, 8), (512, 4)])
def test_the_products_of_a_strip_stay_small(side, rows):
    x = jax.ShapeDtypeStruct((1, side, side, 256), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 256, 256), jnp.float32)
    assert formulations.strip_rows(x, kernel, TAPS) == rows
