"""The training of encoders as a whole: losses, devices, resuming, divergence."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.training import (
    checkpoints,
    encoder_losses,
    encoder_sources,
    encoder_training,
    weight_optimizers,
)
from tests.training import tiny_encoder as tiny

PROGRAM = pathlib.Path(__file__).with_name("tiny_encoder.py")
NUM_STEPS = 20


@pytest.fixture(scope="module")
def trained():
    """Twenty steps without interruption: state, networks and losses."""
    state, networks = tiny.start()
    state, curve = tiny.run(state, networks, NUM_STEPS)
    return state, networks, curve


def test_the_training_moves_everything_that_it_should(trained):
    state, networks, curve = trained
    before, _ = tiny.start()
    assert np.isfinite(curve).all()
    assert bool(state.is_sound)
    for name in ("params", "average", "judge"):
        old, new = (jax.tree.leaves(getattr(s, name)) for s in (before, state))
        moved = [bool(np.any(a != b)) for a, b in zip(old, new, strict=True)]
        assert np.mean(moved) > 0.9, name
    assert not np.array_equal(*(tiny.weights(s) for s in (before, state)))
    encoder = encoder_training.encoder(state, networks)
    np.testing.assert_array_equal(encoder.latent_avg[...], networks.latent_avg)


def test_stop_and_resume_equals_uninterrupted(trained, tmp_path):
    num_programs = encoder_training.train_step._cache_size()
    state, networks = tiny.start()
    state, first = tiny.run(state, networks, 11)
    checkpoints.save(tmp_path, 11, state)
    fresh, networks = tiny.start()
    resumed = checkpoints.restore(tmp_path, fresh)
    resumed, second = tiny.run(resumed, networks, NUM_STEPS - 11)
    np.testing.assert_array_equal(np.concatenate([first, second]), trained[2])
    for ours, theirs in zip(
        jax.tree.leaves(resumed), jax.tree.leaves(trained[0]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert encoder_training.train_step._cache_size() == num_programs


def test_eight_devices_equal_one(trained, tmp_path):
    flags = os.environ.get("XLA_FLAGS", "")
    flags += " --xla_force_host_platform_device_count=8"
    environment = dict(os.environ, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
    environment["JAX_DEFAULT_MATMUL_PRECISION"] = "highest"
    environment["PYTHONPATH"] = str(pathlib.Path(encoder_training.__file__).parents[2])
    output = tmp_path / "eight.npz"
    command = [sys.executable, PROGRAM, str(NUM_STEPS), output]
    subprocess.run(command, check=True, env=environment, timeout=500)
    state, _, curve = trained
    with np.load(output) as eight:
        assert int(eight["num_devices"]) == 8
        np.testing.assert_allclose(eight["curve"], curve, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(eight["weights"], tiny.weights(state), atol=1e-4)


def _only(**weights):
    """A training by a few losses, of which others compile faster."""
    counted = encoder_losses.LossWeights(**{"lpips": 0.0, "identity": 0.0} | weights)
    return dataclasses.replace(
        tiny.CONFIG, weights=counted, progressive_start=None, ema_half_life=None
    )


def _step(config, **changes):
    state, networks = tiny.start(config, **changes)
    batch = encoder_sources.sampled(networks.generator, jax.random.key(3))(
        0, config.batch_size
    )
    return encoder_training.train_step(state, networks, batch, tiny.KEY, config=config)


def test_accumulated_parts_equal_the_whole_batch():
    config = _only(l2=0.0, code=1.0)
    whole, report = _step(config)
    parts, other = _step(dataclasses.replace(config, num_accumulated=4))
    np.testing.assert_allclose(report["loss/code"], other["loss/code"], rtol=1e-5)
    np.testing.assert_allclose(report["gradient"], other["gradient"], rtol=1e-4)
    np.testing.assert_allclose(tiny.weights(whole), tiny.weights(parts), atol=1e-5)


@pytest.mark.slow
def test_bfloat16_is_close_and_weights_stay_float32():
    config = _only(l2=1.0)
    _, report = _step(config)
    state, half = _step(dataclasses.replace(config, dtype="bfloat16"))
    np.testing.assert_allclose(report["loss/l2"], half["loss/l2"], rtol=0.05)
    types = {x.dtype for x in jax.tree.leaves(state.params)}
    assert types == {jnp.dtype("float32")}


@pytest.mark.slow
def test_restyle_looks_several_times():
    config = dataclasses.replace(_only(l2=1.0), num_refinements=2)
    config = encoder_training.changed(config, {"optimizer.name": "adam"})
    once, _ = _step(dataclasses.replace(config, num_refinements=1), in_channels=6)
    twice, report = _step(config, in_channels=6)
    assert np.isfinite(report["loss/l2"])
    assert not np.array_equal(tiny.weights(once), tiny.weights(twice))
    with pytest.raises(ValueError, match="need an encoder of six channels"):
        tiny.start(config)


def test_nan_is_noticed(trained):
    del trained  # compiled the step
    state, networks = tiny.start()
    batch = encoder_sources.sampled(networks.generator, jax.random.key(3))(0, 8)
    broken = dataclasses.replace(batch, images=batch.images.at[2, 0, 0].set(jnp.nan))
    state, report = encoder_training.train_step(
        state, networks, broken, tiny.KEY, config=tiny.CONFIG
    )
    assert np.isnan(report["loss/total"])
    assert not bool(state.is_sound)
    state, _ = encoder_training.train_step(
        state, networks, batch, tiny.KEY, config=tiny.CONFIG
    )
    assert not bool(state.is_sound)


def test_rows_are_unlocked_one_after_the_other():
    stages = [int(tiny.CONFIG.stage(step, 6)) for step in range(25)]
    assert stages[:4] == [0] * 4
    assert stages[4:7] == [1] * 3
    assert stages[-1] == 5
    published = encoder_training.EncoderConfig(progressive_start=20_000)
    found = [int(published.stage(k, 18)) for k in (19_999, 20_000, 51_999, 52_000)]
    assert found == [0, 1, 16, 17]
    assert encoder_training.EncoderConfig().stage(0, 18) == 17


def test_options_are_changed_by_name():
    config = encoder_training.changed(
        encoder_training.EncoderConfig(), {"batch_size": 4, "weights.l2": 2.0}
    )
    assert (config.batch_size, config.weights.l2) == (4, 2.0)
    assert encoder_training.for_steps(config, 7).optimizer.num_steps == 7
    for name in ("size", "weights.l3", "weight.l2"):
        with pytest.raises(ValueError, match=f"no option '{name}'"):
            encoder_training.changed(config, {name: 1})


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'lpips' counts, but there is no network"):
        tiny.start(_only(lpips=1.0))
    with pytest.raises(ValueError, match=r"gives codes of \(7, 8\), the generator"):
        tiny.start(num_ws=7)
    with pytest.raises(ValueError, match="multiple of `num_accumulated`: got 8 and 3"):
        encoder_training.EncoderConfig(num_accumulated=3)
    with pytest.raises(ValueError, match='"float32" or "bfloat16"'):
        encoder_training.EncoderConfig(dtype="float16")
    assert weight_optimizers.OptimizerConfig().name == "adam"
