import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import regressors as networks_lib
from jax_encoder.training import checkpoints, regressor_training, weight_optimizers
from tests.training import tiny_encoder as tiny

HEAD = networks_lib.DescriptorHeadConfig(num_inputs=4, hidden_sizes=(6,), num_outputs=2)
CONFIG = regressor_training.RegressorConfig(
    batch_size=16,
    loss="mse",
    optimizer=weight_optimizers.OptimizerConfig(learning_rate=0.02, num_steps=60),
    ema_half_life=100.0,
)


def _examples(step):
    inputs = jax.random.normal(jax.random.fold_in(jax.random.key(1), step), (16, 4))
    return 3.0 + 2.0 * inputs, jnp.stack([inputs[:, 0], inputs[:, 1] ** 2], axis=1)


def _start():
    return regressor_training.init(
        networks_lib.DescriptorHead(HEAD, rngs=nnx.Rngs(0)), CONFIG
    )


def _run(state, networks, num_steps):
    curve = []
    for _ in range(num_steps):
        drawn = _examples(int(state.step))
        state, report = regressor_training.train_step(
            state, networks, *drawn, config=CONFIG
        )
        curve.append(float(report["loss/mse"]))
    return state, curve


def test_it_learns_and_its_statistics_follow():
    state, networks = _start()
    state, curve = _run(state, networks, 60)
    inputs, targets = _examples(1000)
    network = regressor_training.regressor(state, networks)
    error = regressor_training.loss(network(inputs), targets, "mse")
    assert error < 0.5 * regressor_training.mean_loss(targets, "mse")
    hidden = network.dense1(jnp.concatenate([_examples(k)[0] for k in range(60)]))
    mean = jnp.mean(hidden, axis=0)
    np.testing.assert_allclose(network.bn1.running_mean[...], mean, atol=0.6)
    assert bool(state.is_sound)
    assert np.median(curve[-10:]) < 0.7 * np.median(curve[:10])


def test_stop_and_resume_equals_uninterrupted(tmp_path):
    state, networks = _start()
    whole, curve = _run(state, networks, 8)
    state, networks = _start()
    state, first = _run(state, networks, 3)
    checkpoints.save(tmp_path, 3, state)
    resumed = checkpoints.restore(tmp_path, _start()[0])
    resumed, second = _run(resumed, networks, 5)
    assert first + second == curve
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)


def test_losses_are_what_they_are_called():
    a, b = jax.random.normal(jax.random.key(0), (2, 3, 4, 5))
    wanted = jnp.mean(jnp.log(jnp.cosh(a - b)))
    np.testing.assert_allclose(
        regressor_training.loss(a, b, "log_cosh"), wanted, rtol=1e-5
    )
    across = jnp.sum(a * b, axis=1)
    across = across / jnp.linalg.norm(a, axis=1) / jnp.linalg.norm(b, axis=1)
    found = regressor_training.loss(a, b, "cosine")
    np.testing.assert_allclose(found, -jnp.mean(across), rtol=1e-5)
    p, t = jnp.array([[0.25], [0.5]]), jnp.array([[1.0], [0.0]])
    found = regressor_training.loss(p, t, "cross_entropy")
    np.testing.assert_allclose(found, np.log([4.0, 2.0]).mean(), rtol=1e-5)
    assert np.isfinite(regressor_training.loss(1e4 * a, b, "log_cosh"))
    np.testing.assert_allclose(regressor_training.mean_loss(t, "mse"), 0.25)


def test_z_is_normalized_and_mapped():
    generator = tiny.generator()
    z = jax.random.normal(jax.random.key(0), (3, 8))
    near, far = (
        regressor_training.predict(lambda x, s=s: s * x, z, generator)
        for s in (1.0, 9.0)
    )
    np.testing.assert_allclose(near, far, atol=1e-4)
    assert near.shape == (3, generator.config.num_ws, 8)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="`loss` must be one of.*got 'l7'"):
        dataclasses.replace(CONFIG, loss="l7")
    with pytest.raises(ValueError, match="`batch_size` positive: got 'batch' and 0"):
        dataclasses.replace(CONFIG, batch_size=0)
