"""The training as a whole: phases, devices, resuming."""

import dataclasses
import importlib.util
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from jax_encoder.training import checkpoints, gan

PROGRAM = pathlib.Path(__file__).with_name("tiny_gan.py")
_SPEC = importlib.util.spec_from_file_location("tiny_gan", PROGRAM)
tiny = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tiny)


@pytest.fixture(scope="module")
def trained():
    """Six steps without interruption: state, architectures and losses."""
    state, networks = tiny.start()
    state, curve = tiny.run(state, networks, 6)
    return state, networks, curve


def test_the_training_moves_everything_that_it_should(trained):
    state, _, curve = trained
    before, _ = tiny.start()
    assert np.isfinite(curve).all()
    assert int(state.step) == 6
    for name in ("generator", "average", "discriminator"):
        old, new = (jax.tree.leaves(getattr(s, name)) for s in (before, state))
        moved = [bool(np.any(a != b)) for a, b in zip(old, new, strict=True)]
        assert np.mean(moved) > 0.9, name
    assert float(np.abs(state.w_avg).max()) > 0.0
    assert float(state.path_mean) > 0.0
    assert float(state.probability) != pytest.approx(0.3)
    generator = jax.tree.leaves(state.generator)
    average = jax.tree.leaves(state.average)
    assert any(np.any(a != b) for a, b in zip(generator, average, strict=True))


def test_stop_and_resume_equals_uninterrupted(trained, tmp_path):
    state, networks = tiny.start()
    state, first = tiny.run(state, networks, 3)
    checkpoints.save(tmp_path, 3, state)
    fresh, networks = tiny.start()
    resumed = checkpoints.restore(tmp_path, fresh)
    resumed, second = tiny.run(resumed, networks, 3)
    np.testing.assert_array_equal(np.concatenate([first, second]), trained[2])
    for ours, theirs in zip(
        jax.tree.leaves(resumed), jax.tree.leaves(trained[0]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_eight_devices_equal_one(tmp_path):
    flags = (
        "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    )
    environment = dict(os.environ, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
    environment["PYTHONPATH"] = str(pathlib.Path(gan.__file__).parents[2])
    runs = {}
    for num_devices in (1, 8):
        output = tmp_path / f"{num_devices}.npz"
        command = [sys.executable, PROGRAM, str(num_devices), "20", output]
        subprocess.run(command, check=True, env=environment, timeout=300)
        with np.load(output) as file:
            runs[num_devices] = dict(file)
    assert runs[1]["curve"].shape == (20, 2)
    np.testing.assert_allclose(runs[8]["curve"], runs[1]["curve"], atol=1e-4)
    np.testing.assert_allclose(runs[8]["weights"], runs[1]["weights"], atol=5e-3)


def test_the_averaged_generator_carries_the_mean_latent(trained):
    state, networks, _ = trained
    generator = gan.averaged_generator(state, networks)
    np.testing.assert_array_equal(generator.w_avg[...], state.w_avg)
    weight = generator.synthesis.b8.conv1.weight[...]
    average = state.average["synthesis"]["b8"]["conv1"]["weight"][...]
    np.testing.assert_array_equal(weight, average)


def test_lazy_regularisation_slows_adam_as_published():
    """A step of Adam from rest has the length of the learning rate."""
    config = gan.GanConfig(learning_rate=0.002)
    for interval, ratio in ((0, 1.0), (4, 0.8), (16, 16 / 17)):
        adam = gan.optimiser(config, interval)
        params = {"x": np.ones(1, np.float32)}
        update, _ = adam.update({"x": np.ones(1, np.float32)}, adam.init(params))
        np.testing.assert_allclose(update["x"], -0.002 * ratio, rtol=1e-4)


def test_wrong_options_and_batches_are_refused(trained):
    with pytest.raises(ValueError, match="augmentation"):
        gan.GanConfig(augmentation="lots")
    with pytest.raises(ValueError, match="multiple"):
        gan.GanConfig(batch_size=7)
    state, networks, _ = trained
    with pytest.raises(ValueError, match="8 pictures"):
        gan.train_step(state, networks, np.zeros((4, 8, 8, 3)), tiny.KEY, tiny.CONFIG)


def test_the_config_is_static():
    assert hash(gan.GanConfig()) == hash(dataclasses.replace(gan.GanConfig()))
