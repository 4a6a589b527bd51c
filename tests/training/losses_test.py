"""Losses against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.training import losses


def test_logistic_losses_at_known_logits():
    logits = jnp.asarray([[0.0], [2.0]])
    wanted = 0.5 * (np.log(2.0) + np.log1p(np.exp(-2.0)))
    np.testing.assert_allclose(losses.generator_loss(logits), wanted, rtol=1e-6)
    fake = jnp.asarray([[-1.0], [1.0]])
    wanted += 0.5 * (np.log1p(np.exp(-1.0)) + np.log1p(np.exp(1.0)))
    value = losses.discriminator_loss(logits, fake)
    np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_r1_of_a_quadratic(variant):
    """D(x) = sum a x^2 / 2 has the gradient a x."""
    images = jax.random.normal(jax.random.key(0), (3, 4, 4, 3))
    slope = jax.random.normal(jax.random.key(1), (4, 4, 3))

    def discriminate(x):
        return 0.5 * jnp.sum(slope[None] * jnp.square(x), axis=(1, 2, 3))[:, None]

    penalty = variant(lambda x: losses.r1_penalty(discriminate, x))(images)
    wanted = np.mean(np.sum(np.square(slope[None] * images), axis=(1, 2, 3)))
    np.testing.assert_allclose(penalty, wanted, rtol=1e-5)


def test_r1_can_be_differentiated():
    """The penalty of D(x) = s sum x is s^2 HWC; its derivative 2 s HWC."""
    images = jnp.zeros((2, 4, 4, 3))

    def penalty(s):
        return losses.r1_penalty(lambda x: s * jnp.sum(x, axis=(1, 2, 3)), images)

    np.testing.assert_allclose(jax.grad(penalty)(1.5), 2 * 1.5 * 48, rtol=1e-6)


def test_path_lengths_of_a_linear_generator(variant):
    """For images = A w the gradient is A^T y; its mean square is known."""
    num, num_ws, w_dim, side = 4, 3, 5, 8
    basis = jax.random.normal(jax.random.key(0), (num_ws, w_dim, side, side, 3))

    def synthesize(ws):
        return jnp.einsum("nlk,lkhwc->nhwc", ws, basis)

    ws = jax.random.normal(jax.random.key(1), (num, num_ws, w_dim))
    key = jax.random.key(2)
    lengths = variant(lambda ws: losses.path_lengths(synthesize, ws, key))(ws)
    y = jax.random.normal(key, (num, side, side, 3)) / side
    gradient = np.einsum("nhwc,lkhwc->nlk", y, basis)
    wanted = np.sqrt(np.mean(np.sum(np.square(gradient), axis=2), axis=1))
    np.testing.assert_allclose(lengths, wanted, rtol=1e-5)


def test_path_lengths_do_not_depend_on_the_resolution_of_a_flat_picture():
    """A picture that shows w everywhere moves as far per pixel at any resolution."""

    def mean_square(side):
        def synthesize(ws):
            shape = (ws.shape[0], side, side, 1)
            return jnp.broadcast_to(ws[:, :1, :1, None], shape)

        ws = jnp.zeros((20_000, 1, 1))
        lengths = losses.path_lengths(synthesize, ws, jax.random.key(0))
        return float(jnp.mean(jnp.square(lengths)))

    np.testing.assert_allclose(mean_square(2), 1.0, rtol=0.05)
    np.testing.assert_allclose(mean_square(8), 1.0, rtol=0.05)


def test_path_penalty_and_its_running_mean():
    penalty, mean = losses.path_penalty(
        jnp.asarray([1.0, 3.0]), jnp.asarray(0.5), decay=0.1
    )
    np.testing.assert_allclose(mean, 0.65, rtol=1e-6)
    np.testing.assert_allclose(
        penalty, 0.5 * ((1 - 0.65) ** 2 + (3 - 0.65) ** 2), rtol=1e-6
    )


def test_the_running_mean_reaches_constant_lengths():
    mean = jnp.zeros(())
    for _ in range(700):
        penalty, mean = losses.path_penalty(jnp.full((4,), 2.0), mean, decay=0.01)
    np.testing.assert_allclose(mean, 2.0, rtol=2e-3)
    assert float(penalty) < 1e-4
