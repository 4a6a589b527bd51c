"""The engine: every picture for itself, resume, stops, stages, compilation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.inversion import config as config_lib
from jax_encoder.inversion import driver, projector, schedules, starts, state, terms
from jax_encoder.latents import spaces, statistics
from jax_encoder.nn import stylegan2
from tests.inversion import stand_in

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)
CONFIG = config_lib.ProjectorConfig(
    space="w+",
    num_steps=20,
    terms=(terms.Pixel(), terms.Perceptual()),
    schedule=schedules.CosineRamps(),
    exploration=schedules.Exploration(),
    noise="optimize",
)
KEY = jax.random.key(7)


@pytest.fixture(scope="module")
def models():
    generator = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(0))
    return state.Models(
        generator=generator,
        networks={"lpips": stand_in.random()},
        statistics=statistics.estimate(generator, num_samples=500, with_p=True),
    )


@pytest.fixture(scope="module")
def targets(models):
    z = jax.random.normal(jax.random.key(1), (8, GENERATOR.z_dim))
    return models.generator.synthesis(starts.from_z(models, "w+", z))


@pytest.fixture(scope="module")
def batch(models, targets):
    values = starts.mean(models, "w+", 8)
    return driver.project(models, targets, values, KEY, config=CONFIG, chunk=10)


def _close(ours, theirs, tolerance):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert np.max(np.abs(ours - theirs)) <= tolerance * np.max(np.abs(theirs))


def test_the_objective_falls(batch):
    projection, curves = batch
    assert curves["loss"].shape == (20, 8)
    assert curves.names == ("pixel", "lpips", "noise")
    assert curves.terms.shape == (20, 8, 3)
    assert (curves["loss"][-1] < 0.3 * curves["loss"][0]).all()
    assert (projection.status == state.RUNNING).all()
    np.testing.assert_allclose(projection.loss, curves["loss"].min(axis=0), rtol=1e-6)
    best = curves["loss"].argmin(axis=0)
    np.testing.assert_array_equal(projection.best_step, best)


@pytest.mark.parametrize("index", [0, 5])
def test_a_picture_alone_gives_the_same_code(models, targets, batch, index):
    alone, curves = driver.project(
        models,
        targets[index : index + 1],
        starts.mean(models, "w+", 1),
        KEY,
        config=CONFIG,
        chunk=10,
    )
    _close(curves["loss"][:, 0], batch[1]["loss"][:, index], 1e-4)
    _close(alone.ws[0], batch[0].ws[index], 2e-4)


def test_micro_batches_change_nothing(models, targets, batch):
    config = dataclasses.replace(CONFIG, micro_batch=2)
    values = starts.mean(models, "w+", 8)
    projection, _ = driver.project(models, targets, values, KEY, config=config)
    _close(projection.ws, batch[0].ws, 2e-4)


def test_a_saved_state_is_gone_on_with(models, targets, batch):
    values = starts.mean(models, "w+", 8)
    first = projector.init(models, values, KEY, CONFIG)
    steps = driver.iterate(models, targets, first, config=CONFIG, chunk=10)
    halfway, _ = next(steps)
    saved = jax.tree.map(lambda x: np.array(x), halfway)
    restored = jax.tree.map(jnp.asarray, saved)
    rest = list(driver.iterate(models, targets, restored, config=CONFIG, chunk=10))
    assert len(rest) == 1
    projection = projector.finish(models, rest[-1][0], config=CONFIG)
    np.testing.assert_array_equal(projection.ws, batch[0].ws)


def test_one_broken_picture_harms_no_other(models, targets, batch):
    broken = targets.at[3].set(jnp.nan)
    values = starts.mean(models, "w+", 8)
    projection, curves = driver.project(
        models, broken, values, KEY, config=CONFIG, chunk=10
    )
    expected = np.full(8, state.RUNNING)
    expected[3] = state.DIVERGED
    np.testing.assert_array_equal(projection.status, expected)
    others = np.array([0, 1, 2, 4, 5, 6, 7])
    np.testing.assert_array_equal(projection.ws[others], batch[0].ws[others])
    np.testing.assert_array_equal(projection.ws[3], values[3])
    assert np.isfinite(projection.images).all()
    assert np.isnan(curves["loss"][:, 3]).all()


def test_a_picture_stops_when_it_is_good_enough(models, targets, batch):
    losses = batch[1]["loss"]
    best = jnp.sort(losses.min(axis=0))
    threshold = float(best[3] + best[4]) / 2
    config = dataclasses.replace(CONFIG, stop_below=threshold)
    values = starts.mean(models, "w+", 8)
    projection, _ = driver.project(models, targets, values, KEY, config=config)
    is_stopped = projection.status == state.STOPPED
    np.testing.assert_array_equal(is_stopped, (losses < threshold).any(axis=0))
    assert is_stopped.sum() == 4


def test_patience_ends_the_run_early(models, targets):
    config = dataclasses.replace(
        CONFIG,
        schedule=schedules.Constant(learning_rate=0.0),
        exploration=None,
        noise="const",
        patience=3,
    )
    values = starts.mean(models, "w+", 8)
    projection, curves = driver.project(
        models, targets, values, KEY, config=config, chunk=5
    )
    assert (projection.status == state.STOPPED).all()
    assert len(curves["loss"]) == 5
    np.testing.assert_array_equal(projection.values, values)


def test_coarse_stages_come_first(models, targets):
    stages = (config_lib.Stage(share=0.5, resolution=4),)
    config = dataclasses.replace(CONFIG, noise="const", stages=stages)
    assert config.plan(8, 4) == [(0, 4, 4), (4, 4, 4), (8, 2, 4)] + [
        (10, 4, 8),
        (14, 4, 8),
        (18, 2, 8),
    ]
    values = starts.mean(models, "w+", 8)
    projection, curves = driver.project(
        models, targets, values, KEY, config=config, chunk=10
    )
    assert projection.images.shape == targets.shape
    # The best of the coarse stage must not outlive it.
    assert (projection.best_step >= 10).all()
    assert curves["loss"][-1].mean() < curves["loss"][10].mean()


class _Counting(terms.Pixel):
    """A pixel term that notes when it is traced."""

    traces = []

    def compare(self, networks, a, b):
        self.traces.append(a.shape)
        return super().compare(networks, a, b)


def test_one_compilation_per_batch_shape(models, targets):
    config = dataclasses.replace(CONFIG, num_steps=8, terms=(_Counting(),))
    values = starts.mean(models, "w+", 2)
    driver.project(models, targets[:2], values, KEY, config=config, chunk=3)
    num_traces = len(_Counting.traces)
    assert num_traces > 0
    # Other pictures, another key, a second chunk and a short last one: nothing new.
    other = jax.random.key(8)
    driver.project(models, targets[2:4], values, other, config=config, chunk=3)
    assert len(_Counting.traces) == num_traces
    # Another generator of the same architecture is an argument, not a constant.
    again = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(5))
    twin = dataclasses.replace(models, generator=again)
    driver.project(twin, targets[:2], values, KEY, config=config, chunk=3)
    assert len(_Counting.traces) == num_traces
    values = starts.mean(models, "w+", 3)
    driver.project(models, targets[:3], values, KEY, config=config, chunk=3)
    assert len(_Counting.traces) > num_traces


FITTING = [n for n in spaces.names() if n.removeprefix("f") not in ("16", "32", "64")]


# A code and one for each layer, before and behind a whitening, and a map; the others
# are made of the same parts.
QUICK = ("z", "w+", "p_n+", "f")


@pytest.mark.parametrize(
    "space",
    [s if s in QUICK else pytest.param(s, marks=pytest.mark.slow) for s in FITTING],
)  # The maps are of 4 pixels.
def test_every_space_can_be_searched(models, targets, space):
    config = dataclasses.replace(
        CONFIG, space=space, num_steps=6, noise="const", exploration=None
    )
    start = starts.random(models, space, 2, jax.random.key(3))
    projection, curves = driver.project(
        models, targets[:2], start, KEY, config=config, chunk=6
    )
    assert projection.ws.shape == (2, GENERATOR.num_ws, GENERATOR.w_dim)
    assert (curves["loss"][-1] < curves["loss"][0]).all()


def test_weights_are_per_picture(models, targets):
    config = dataclasses.replace(CONFIG, noise="const", num_steps=4)
    weights = jnp.asarray([[1.0, 0.0], [0.0, 2.0]])
    values = starts.mean(models, "w+", 2)
    _, curves = driver.project(
        models, targets[:2], values, KEY, config=config, weights=weights, chunk=4
    )
    expected = jnp.sum(curves.terms * weights[None], axis=2)
    np.testing.assert_allclose(curves["loss"], expected, rtol=1e-6)


def test_errors_say_what_to_do(models, targets):
    values = starts.mean(models, "w+", 8)
    with pytest.raises(ValueError, match="the generator's resolution"):
        driver.project(models, targets[:, :4, :4], values, KEY, config=CONFIG)
    with pytest.raises(ValueError, match="no optimizer 'sdg'"):
        dataclasses.replace(CONFIG, optimizer="sdg")
    with pytest.raises(ValueError, match="`space` must be one of"):
        dataclasses.replace(CONFIG, space="w++")
    stage = config_lib.Stage(share=0.6, resolution=8)
    with pytest.raises(ValueError, match="exceed 1"):
        dataclasses.replace(CONFIG, stages=(stage, stage))
