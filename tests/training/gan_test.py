"""The training as a whole: phases, devices, resuming."""

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from jax_encoder.training import checkpoints, fakes, gan
from tests.training import tiny_gan as tiny

PROGRAM = pathlib.Path(__file__).with_name("tiny_gan.py")
NUM_STEPS = 20
PHASES = (
    gan.generator_phase,
    gan.path_phase,
    gan.discriminator_phase,
    gan.r1_phase,
    gan.finish_step,
)


@pytest.fixture(scope="module")
def trained():
    """Twenty steps without interruption: state, architectures and losses."""
    for phase in PHASES:
        phase.clear_cache()  # of what other tests of this process compiled
    state, networks = tiny.start()
    state, curve = tiny.run(state, networks, NUM_STEPS)
    return state, networks, curve


def test_the_training_moves_everything_that_it_should(trained):
    state, _, curve = trained
    before, _ = tiny.start()
    assert np.isfinite(curve).all()
    assert int(state.step) == NUM_STEPS
    for name in ("generator", "average", "discriminator"):
        old, new = (jax.tree.leaves(getattr(s, name)) for s in (before, state))
        moved = [bool(np.any(a != b)) for a, b in zip(old, new, strict=True)]
        assert np.mean(moved) > 0.9, name
    assert float(np.abs(state.w_avg).max()) > 0.0
    assert float(state.path_mean) > 0.0
    generator = jax.tree.leaves(state.generator)
    average = jax.tree.leaves(state.average)
    assert any(np.any(a != b) for a, b in zip(generator, average, strict=True))


def test_stop_and_resume_equals_uninterrupted(trained, tmp_path):
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


def test_every_phase_is_compiled_once_also_after_a_restart(trained):
    del trained
    for phase in PHASES:
        assert phase._cache_size() == 1, phase


@pytest.mark.parametrize("num_steps", [4, NUM_STEPS])
@pytest.mark.slow  # Encoders and inversions on eight devices are tested quickly.
def test_eight_devices_equal_one(trained, tmp_path, num_steps):
    """Every phase is due within four steps; compiling them takes most of the time."""
    flags = os.environ.get("XLA_FLAGS", "")
    flags += " --xla_force_host_platform_device_count=8"
    environment = dict(os.environ, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
    environment["JAX_DEFAULT_MATMUL_PRECISION"] = "highest"
    environment["PYTHONPATH"] = str(pathlib.Path(gan.__file__).parents[2])
    output = tmp_path / "eight.npz"
    command = [sys.executable, PROGRAM, str(num_steps), output]
    subprocess.run(command, check=True, env=environment, timeout=500)
    state, _, curve = trained
    with np.load(output) as eight:
        assert int(eight["num_devices"]) == 8
        assert curve.shape == (NUM_STEPS, 2)
        np.testing.assert_allclose(eight["curve"], curve[:num_steps], atol=1e-4)
        if num_steps == NUM_STEPS:
            np.testing.assert_allclose(eight["weights"], tiny.weights(state), atol=5e-3)


def test_a_head_start_leaves_the_generator_alone(trained):
    del trained  # its phases are compiled already
    state, networks = tiny.start()
    config = dataclasses.replace(tiny.CONFIG, head_start=2)
    called = []

    def phase(name):
        original = getattr(gan, name)

        def run(state, networks, *arguments, config, sharding=None):
            called.append(name)
            # The head start changes nothing within a phase: reuse what is compiled.
            options = {"config": tiny.CONFIG, "sharding": sharding}
            return original(state, networks, *arguments, **options)

        return run

    names = ("generator_phase", "path_phase", "discriminator_phase", "r1_phase")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(gan, name, phase(name))
        finish = gan.finish_step
        patch.setattr(
            gan, "finish_step", lambda s, config: finish(s, config=tiny.CONFIG)
        )
        for _ in range(2):
            images = tiny.reals(int(state.step))
            state, report = gan.train_step(state, networks, images, tiny.KEY, config)
        before, _ = tiny.start()
        for name in ("generator", "generator_opt", "average", "w_avg", "path_mean"):
            ours, theirs = (getattr(s, name) for s in (state, before))
            jax.tree.map(np.testing.assert_array_equal, ours, theirs)
        pairs = (jax.tree.leaves(s.discriminator) for s in (state, before))
        moved = [bool(np.any(a != b)) for a, b in zip(*pairs, strict=True)]
        assert np.mean(moved) > 0.9
        assert "loss/generator" not in report
        assert set(called) == {"discriminator_phase", "r1_phase"}
        _, report = gan.train_step(state, networks, tiny.reals(2), tiny.KEY, config)
    assert "loss/generator" in report
    assert "path_phase" in called


def test_the_generator_may_have_its_own_learning_rate():
    state, _ = tiny.start()
    weights = {"x": np.ones(2, np.float32)}
    for rate, expected in ((None, 0.002), (0.0005, 0.0005)):
        config = gan.GANConfig(generator_learning_rate=rate, path_interval=0)
        opt = gan._generator_optimizer(config).init(weights)
        start = dataclasses.replace(state, generator=weights, generator_opt=opt)
        after = gan._update_generator(start, {"x": np.ones(2, np.float32)}, config)
        np.testing.assert_allclose(1.0 - after.generator["x"], expected, rtol=1e-3)
    adam = gan.optimizer(dataclasses.replace(config, r1_interval=0), 0)
    params = {"x": np.ones(1, np.float32)}
    update, _ = adam.update({"x": np.ones(1, np.float32)}, adam.init(params))
    np.testing.assert_allclose(update["x"], -0.002, rtol=1e-4)  # D's stays


def test_augmented_phases_are_well_formed():
    """Traced, not compiled: what ADA computes is tested by itself."""
    state, networks = tiny.start()
    for name in ("ada", "diff"):
        config = dataclasses.replace(tiny.CONFIG, augmentation=name)
        for phase in (gan.generator_phase, gan.discriminator_phase, gan.r1_phase):
            images = () if phase is gan.generator_phase else (tiny.reals(0),)
            shapes, report = jax.eval_shape(
                functools.partial(phase, config=config),
                state,
                networks,
                *images,
                tiny.KEY,
            )
            assert jax.tree.structure(shapes) == jax.tree.structure(state)
            assert all(value.shape == () for value in report.values())


def test_a_lesson_is_part_of_the_generators_loss():
    """Its weight is so large here that only the lesson decides."""
    config = dataclasses.replace(
        tiny.CONFIG, lesson_weight=1e6, mixing_probability=0.0, path_interval=0
    )
    z = jax.random.normal(jax.random.key(3), (8, 8))
    lesson = fakes.Lesson(z=z, targets=tiny.reals(0))
    state, networks = tiny.start()
    errors = []
    for step in range(20):
        state = dataclasses.replace(state, step=jax.numpy.asarray(step))
        state, report = gan.generator_phase(
            state, networks, tiny.KEY, lesson, config=config
        )
        errors.append(float(report["loss/lesson"]))
    assert errors[-1] < 0.8 * errors[0]


def test_a_lesson_that_is_missing_or_too_small_is_asked_for():
    state, networks = tiny.start()
    config = dataclasses.replace(tiny.CONFIG, lesson_weight=10.0)
    small = fakes.Lesson(z=np.zeros((4, 8)), targets=np.zeros((4, 8, 8, 3)))
    for lesson in (None, small):
        with pytest.raises(ValueError, match="needs a lesson"):
            gan.train_step(
                state, networks, tiny.reals(0), tiny.KEY, config, None, lesson
            )
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(config, lesson_weight=-1.0)


def test_the_probability_adapts_every_few_steps():
    config = dataclasses.replace(
        tiny.CONFIG, augmentation="ada", ada_interval=4, ada_speed=320.0
    )
    state, _ = tiny.start()
    seen = []
    for _ in range(8):
        state = dataclasses.replace(state, sign_sum=state.sign_sum + 0.9)
        state = gan.finish_step(state, config=config)
        seen.append(float(state.probability))
    # 4 steps of 8 pictures at a speed of 320 pictures: a tenth.
    np.testing.assert_allclose(seen, [0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2], atol=1e-6)


def test_the_averaged_generator_carries_the_mean_latent(trained):
    state, networks, _ = trained
    generator = gan.averaged_generator(state, networks)
    np.testing.assert_array_equal(generator.w_avg[...], state.w_avg)
    weight = generator.synthesis.b8.conv1.weight[...]
    average = state.average["synthesis"]["b8"]["conv1"]["weight"][...]
    np.testing.assert_array_equal(weight, average)


def test_lazy_regularization_slows_adam_as_published():
    """A step of Adam from rest has the length of the learning rate."""
    config = gan.GANConfig(learning_rate=0.002)
    for interval, ratio in ((0, 1.0), (4, 0.8), (16, 16 / 17)):
        adam = gan.optimizer(config, interval)
        params = {"x": np.ones(1, np.float32)}
        update, _ = adam.update({"x": np.ones(1, np.float32)}, adam.init(params))
        np.testing.assert_allclose(update["x"], -0.002 * ratio, rtol=1e-4)


def test_wrong_options_and_batches_are_refused(trained):
    with pytest.raises(ValueError, match="augmentation"):
        gan.GANConfig(augmentation="lots")
    with pytest.raises(ValueError, match="multiple"):
        gan.GANConfig(batch_size=7)
    state, networks, _ = trained
    with pytest.raises(ValueError, match="8 pictures"):
        gan.train_step(state, networks, np.zeros((4, 8, 8, 3)), tiny.KEY, tiny.CONFIG)


def test_the_config_is_static():
    assert hash(gan.GANConfig()) == hash(dataclasses.replace(gan.GANConfig()))
