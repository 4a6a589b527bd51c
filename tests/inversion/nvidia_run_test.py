"""Fifty steps of the NVIDIA projector, number by number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import converters
from jax_encoder.inversion import config as config_lib
from jax_encoder.inversion import projector, schedules, state, terms
from jax_encoder.latents import statistics
from tests.inversion import stand_in

NUM_STEPS = 50


@pytest.fixture(scope="module")
def run(golden_path):
    """The recorded run, and ours with the same random arrays."""
    with np.load(golden_path / "algo_nv_projector_run" / "io.npz") as io:
        io = {name: io[name] for name in io.files}
    generator = converters.load(golden_path / "sg2ada_skip_r32" / "network.pkl")
    models = state.Models(
        generator=generator,
        networks={"lpips": stand_in.from_fixture(io)},
        statistics=statistics.estimate(generator, num_samples=1000),
    )
    config = config_lib.ProjectorConfig(
        space="w",
        num_steps=NUM_STEPS,
        terms=(terms.Perceptual(),),
        schedule=schedules.CosineRamps(),
        exploration=schedules.Exploration(),
        noise="optimize",
        keep="last",
    )
    target = jnp.asarray(io["target_u8"].transpose(1, 2, 0)[None] / 127.5 - 1)
    count = len(generator.config.noise_shapes)
    draws = [io[f"randn/{k:03d}"] for k in range(count + NUM_STEPS)]
    noises = tuple(jnp.asarray(draw)[None] for draw in draws[:count])
    table = jnp.asarray(np.stack(draws[count:])).reshape(NUM_STEPS, 1, -1)
    patch = pytest.MonkeyPatch()
    patch.setattr(projector, "exploration_noise", lambda key, step, shape: table[step])
    problem = projector.prepare(models, target.astype(jnp.float32), config)
    current = projector.init(
        models,
        models.statistics.w_avg[None],
        jax.random.key(0),
        config,
        noises=noises,
    )
    path, losses = [], []
    for _ in range(NUM_STEPS):
        current, curves = projector.advance(
            models, problem, current, 1, config=config, resolution=32, chunk=1
        )
        path.append(current)
        losses.append(curves)
    patch.undo()
    return io, models, path, losses


def _close(ours, reference, tolerance):
    ours, reference = np.asarray(ours), np.asarray(reference)
    error = np.max(np.abs(ours - reference)) / np.max(np.abs(reference))
    assert error <= tolerance, error


def test_statistics(run):
    io, models, _, _ = run
    _close(models.statistics.w_avg, io["w_avg"].ravel(), 1e-5)
    _close(models.statistics.w_std, io["w_std"], 1e-5)


def test_first_loss(run):
    io, _, _, curves = run
    _close(curves[0].terms[0, 0, 0], io["traj/dist"][0], 1e-4)
    _close(curves[0]["noise"][0, 0], io["traj/reg"][0], 1e-4)
    _close(curves[0].loss[0, 0], io["traj/loss"][0], 1e-4)


def test_first_ten_steps(run):
    io, _, path, _ = run
    for step in range(10):
        _close(path[step].variables.values[0], io["traj/w"][step], 1e-4)
    order = [name for name in io if name.startswith("noise_before_step10/")]
    for ours, name in zip(path[8].variables.noises, order, strict=True):
        _close(ours[0], io[name], 1e-3)


def test_the_whole_loss_curve(run):
    io, _, path, curves = run
    ours = np.array([c.terms[0, 0, 0] for c in curves])
    np.testing.assert_allclose(ours, io["traj/dist"], rtol=1e-3)
    ours = np.array([c.loss[0, 0] for c in curves])
    np.testing.assert_allclose(ours, io["traj/loss"], rtol=2e-3)
    _close(path[-1].variables.values[0], io["traj/w"][-1], 2e-4)
