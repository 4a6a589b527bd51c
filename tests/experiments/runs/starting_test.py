"""What --start understands: codes of each picture, encoders, and what it refuses."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jax_encoder
from experiments.runs import starting
from jax_encoder.inversion import first_values, state, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.io import codes
from jax_encoder.latents import statistics
from jax_encoder.nn import regressors
from tests.experiments import tiny

TARGETS = np.linspace(-1, 1, 3 * 8 * 8 * 3, dtype=np.float32).reshape(3, 8, 8, 3)


@pytest.fixture(scope="module")
def task():
    found = statistics.LatentStatistics(w_avg=jnp.zeros(8), w_std=jnp.ones(()))
    models = state.Models(
        generator=tiny.make_generator(), networks={}, statistics=found
    )
    config = ProjectorConfig(space="w+", terms=(terms.Pixel(),))
    return starting.StartingTask(models=models, config=config)


def save(module, directory):
    jax_encoder.io.save(module, directory, provenance={})
    return str(directory)


def test_every_picture_starts_from_its_own_code(task, tmp_path):
    rng = np.random.default_rng(0)
    own = {name: rng.normal(size=(4, 8)).astype(np.float32) for name in "abc"}
    codes.save(tmp_path / "a", own["a"], space="w+")
    codes.save(tmp_path / "b", own["b"], space="w+")
    (tmp_path / "b.npz").unlink()  # a bare array will do
    np.save(tmp_path / "c.npy", rng.normal(size=(1, 18, 512)))
    start = starting.make(str(tmp_path), task)
    values = start(["b", "a", "a"])
    np.testing.assert_array_equal(values, np.stack([own[name] for name in "baa"]))
    reasons = start.refused(["a", "b", "c", "d"])
    assert set(reasons) == {"c", "d"}
    assert "c.npy" in reasons["c"]
    assert "18 rows per code, but this generator takes 4" in reasons["c"]
    assert "has no code d.npz or d.npy" in reasons["d"]


def test_a_file_serves_all_pictures(task, tmp_path):
    ws = np.arange(32, dtype=np.float32).reshape(4, 8)
    codes.save(tmp_path / "a", ws, space="w+")
    start = starting.make(str(tmp_path / "a.npy"), task)
    assert start.refused(["x"]) == {}
    values = first_values.find(
        task.models, task.config, start("xyz"), jnp.asarray(TARGETS), jax.random.key(0)
    )
    np.testing.assert_array_equal(values, np.broadcast_to(ws, (3, 4, 8)))


def test_an_encoder_predicts(task, tmp_path):
    encoder = tiny.make(regressors.ImageToLatent, tiny.ENCODER, 3)
    start = starting.make(save(encoder, tmp_path / "encoder"), task)
    values = first_values.find(
        task.models, task.config, start("abc"), jnp.asarray(TARGETS), jax.random.key(0)
    )
    expected = jax.jit(lambda e, x: e(x))(encoder, jnp.asarray(TARGETS))
    assert values.shape == (3, 4, 8)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def _encoder(**options):
    config = dataclasses.replace(tiny.ENCODER, **options)
    return tiny.make(regressors.ImageToLatent, config, 3)


def _descriptors():
    config = regressors.DescriptorToLatentConfig(
        num_inputs=4, hidden_size=4, num_ws=4, w_dim=8
    )
    return tiny.make(regressors.DescriptorToLatent, config, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _encoder(num_ws=18, w_dim=16), r"\[18, 16\], but .* \[4, 8\]; give"),
        (tiny.make_generator, "a StyleGAN2Generator, which predicts no codes"),
        (_descriptors, "name the network that makes them with --identity"),
    ],
)
def test_networks_that_do_not_fit_are_refused(task, tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        starting.make(save(make(), tmp_path / "network"), task)


def test_what_is_no_start_is_refused(task, tmp_path):
    with pytest.raises(ValueError, match="neither mean, zeros"):
        starting.make("nowhere", task)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="neither a bundle nor a directory of codes"):
        starting.make(str(tmp_path / "empty"), task)
    np.save(tmp_path / "many.npy", np.zeros((2, 4, 8), np.float32))
    with pytest.raises(ValueError, match="holds 2 codes; give one, or a directory"):
        starting.make(str(tmp_path / "many.npy"), task)
    np.save(tmp_path / "other.npy", np.zeros((1, 18, 512), np.float32))
    with pytest.raises(ValueError, match=r"other.npy: 18 rows per code"):
        starting.make(str(tmp_path / "other.npy"), task)
