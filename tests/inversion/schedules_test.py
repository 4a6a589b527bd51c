"""Schedules against the projectors' own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.inversion import schedules


@pytest.mark.parametrize("num_steps", [1000, 450, 50])
def test_ramps_equal_the_nvidia_projector(golden, num_steps):
    with (
        np.load(golden / "algo_nv_noise_and_schedules" / "io.npz") as io,
        jax.enable_x64(True),
    ):
        steps = jnp.arange(num_steps)
        rates = schedules.CosineRamps()(steps, num_steps)
        np.testing.assert_allclose(rates, io[f"lr_{num_steps}"], atol=1e-12)
        noise = schedules.Exploration()(steps, num_steps)
        expected = io[f"w_noise_scale_{num_steps}"]
        np.testing.assert_allclose(noise, expected, atol=1e-12)


@pytest.mark.parametrize(("num_steps", "peak"), [(1000, 0.1), (37, 0.05)])
def test_ramps_equal_the_rosinality_projector(golden, num_steps, peak):
    with (
        np.load(golden / "algo_rosinality_projector_parts" / "io.npz") as io,
        jax.enable_x64(True),
    ):
        steps = jnp.arange(num_steps)
        rates = schedules.CosineRamps(learning_rate=peak)(steps, num_steps)
        np.testing.assert_allclose(rates, io[f"lr_{num_steps}"], atol=1e-12)
        noise = schedules.Exploration()(steps, num_steps)
        expected = io[f"noise_strength_{num_steps}"]
        np.testing.assert_allclose(noise, expected, atol=1e-12)


def test_exponential_decay_falls_per_epoch():
    schedule = schedules.ExponentialDecay(learning_rate=0.05, decay=0.9, num_epochs=4)
    rates = schedule(jnp.arange(8), 8)
    expected = 0.05 * 0.9 ** np.array([0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_one_cycle_peaks_where_it_should():
    schedule = schedules.OneCycle(learning_rate=0.2, warmup=0.25)
    rates = np.asarray([schedule(step, 100) for step in range(100)])
    assert rates.argmax() == 25
    np.testing.assert_allclose(rates.max(), 0.2, rtol=1e-5)
    np.testing.assert_allclose(rates[0], 0.2 / 25, rtol=1e-5)
    assert rates[-1] < 0.001


def test_constant():
    schedule = schedules.Constant(learning_rate=0.3)
    np.testing.assert_allclose(schedule(jnp.arange(3), 3), 0.3)
