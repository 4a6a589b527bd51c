"""The second-order engine: one evaluation a step, and all that holds of Adam."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from flax import nnx

from jax_encoder.inversion import config as config_lib
from jax_encoder.inversion import driver, projector, starts, state, terms
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2
from tests.inversion import stand_in

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)
KEY = jax.random.key(7)
NUM = 5


class _Counting(terms.Pixel):
    """A pixel term that counts how often it is computed."""

    calls = []

    def compare(self, networks, a, b):
        jax.debug.callback(lambda: self.calls.append(1))
        return super().compare(networks, a, b)


CONFIG = config_lib.ProjectorConfig(
    space="w+",
    num_steps=30,
    optimizer="lbfgs",
    optimizer_options=(("memory", 5),),
    terms=(_Counting(weight=10.0), terms.Perceptual()),
    micro_batch=1,
)


@pytest.fixture(scope="module")
def models():
    generator = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(0))
    return state.Models(
        generator=generator,
        networks={"lpips": stand_in.random()},
        statistics=statistics.estimate(generator, num_samples=500),
    )


@pytest.fixture(scope="module")
def targets(models):
    z = jax.random.normal(jax.random.key(1), (NUM, GENERATOR.z_dim))
    return models.generator.synthesis(starts.from_z(models, "w+", z))


def run(models, targets, config, chunk=10):
    values = starts.mean(models, "w+", len(targets))
    return driver.project(models, targets, values, KEY, config=config, chunk=chunk)


@pytest.fixture(scope="module")
def batch(models, targets):
    _Counting.calls.clear()
    projection, curves = run(models, targets, CONFIG)
    jax.block_until_ready(projection)
    jax.effects_barrier()
    return projection, curves, len(_Counting.calls)


def test_every_step_evaluates_every_picture_once(batch):
    assert batch[2] == NUM * CONFIG.num_steps


def test_it_goes_further_than_adam(models, targets, batch):
    adam = dataclasses.replace(CONFIG, optimizer="adam", optimizer_options=())
    first_order, _ = run(models, targets, adam)
    assert (batch[0].loss < 0.2 * first_order.loss).all()
    assert (batch[0].status == state.RUNNING).all()
    np.testing.assert_allclose(batch[0].loss, batch[1].loss.min(axis=0))


def scipy_values(models, target, start):
    """The objective of one picture at every evaluation of scipy's L-BFGS-B."""
    values = []

    @jax.jit
    def measure(values):
        def objective(values):
            ws = values.reshape(1, GENERATOR.num_ws, GENERATOR.w_dim)
            images = models.generator.synthesis(ws)
            features = [models.networks["lpips"].features(x) for x in (images, target)]
            perceptual = models.networks["lpips"].distance(*features)[0]
            return 10 * jnp.mean(jnp.square(images - target)) + perceptual

        return jax.value_and_grad(objective)(values)

    def evaluate(x):
        value, gradient = measure(jnp.asarray(x, jnp.float32))
        values.append(float(value))
        return float(value), np.asarray(gradient, np.float64)

    options = {"maxcor": 5, "ftol": 0, "gtol": 0, "maxfun": CONFIG.num_steps}
    scipy.optimize.minimize(
        evaluate, start.ravel(), jac=True, method="L-BFGS-B", options=options
    )
    return np.array(values)


def test_five_inversions_take_as_few_evaluations_as_scipy(models, targets, batch):
    ours = np.asarray(batch[1].loss)
    start = starts.mean(models, "w+", 1)
    counts = []
    for index in range(NUM):
        theirs = scipy_values(models, targets[index : index + 1], start)
        np.testing.assert_allclose(ours[0, index], theirs[0], rtol=1e-4)
        level = 1.01 * max(ours[:, index].min(), theirs.min())
        counts.append([np.argmax(x <= level) + 1 for x in (ours[:, index], theirs)])
    ours_in_all, theirs_in_all = np.sum(counts, axis=0)
    assert ours_in_all <= 1.2 * theirs_in_all


@pytest.mark.parametrize("index", [3, pytest.param(0, marks=pytest.mark.slow)])
def test_a_picture_alone_gets_the_same_bits(models, targets, batch, index):
    alone, curves = run(models, targets[index : index + 1], CONFIG)
    np.testing.assert_array_equal(curves.loss[:, 0], batch[1].loss[:, index])
    np.testing.assert_array_equal(alone.ws[0], batch[0].ws[index])


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["", "--xla_cpu_use_fusion_emitters=false"])
def test_a_picture_alone_gets_the_same_bits_as_people_run_it(flags):
    name = test_a_picture_alone_gets_the_same_bits.__name__
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *(f"{__file__}::{name}[{index}]" for index in (0, 3))],
        cwd=pathlib.Path(__file__).parents[2],
        env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout


def test_a_saved_state_is_gone_on_with(models, targets, batch):
    values = starts.mean(models, "w+", NUM)
    first = projector.init(models, values, KEY, CONFIG)
    steps = driver.iterate(models, targets, first, config=CONFIG, chunk=10)
    halfway, _ = next(steps)
    saved = jax.tree.map(lambda x: np.array(x), halfway)
    restored = jax.tree.map(jnp.asarray, saved)
    rest = list(driver.iterate(models, targets, restored, config=CONFIG, chunk=10))
    projection = projector.finish(models, rest[-1][0], config=CONFIG)
    np.testing.assert_array_equal(projection.ws, batch[0].ws)


def test_one_broken_picture_harms_no_other(models, targets, batch):
    projection, _ = run(models, targets.at[1].set(jnp.nan), CONFIG)
    assert projection.status.tolist() == [
        state.DIVERGED if index == 1 else state.RUNNING for index in range(NUM)
    ]
    others = np.array([0, 2, 3, 4])
    np.testing.assert_array_equal(projection.ws[others], batch[0].ws[others])
    assert np.isfinite(projection.images).all()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Fence(terms.Pixel):
    """A pixel term that has no number far from the target."""

    def compare(self, networks, a, b):
        distance = super().compare(networks, a, b)
        return jnp.where(distance > 0.5, jnp.nan, distance)


def test_a_step_too_far_is_taken_back(models, targets):
    config = dataclasses.replace(
        CONFIG, terms=(_Fence(),), optimizer_options=(("first_step", 1000.0),)
    )
    projection, curves = run(models, targets, config)
    assert (projection.status == state.RUNNING).all()
    assert jnp.isnan(curves.loss[1]).all()
    assert (projection.loss < 0.1 * curves.loss[0]).all()


def test_a_new_resolution_begins_at_the_best_without_history(models, targets):
    stages = (config_lib.Stage(share=0.5, resolution=4),)
    config = dataclasses.replace(CONFIG, stages=stages)
    values = starts.mean(models, "w+", NUM)
    first = projector.init(models, values, KEY, config)
    steps = driver.iterate(models, targets, first, config=config, chunk=15)
    coarse = jax.tree.map(jnp.copy, next(steps)[0])
    again = projector.restart(coarse, config)
    np.testing.assert_array_equal(again.variables.values, coarse.best.values)
    assert not again.opt_state.is_begun.any()
    assert (again.opt_state.history.inverses == 0).all()
    fine, curves = next(steps)
    assert (fine.best_step >= 15).all()
    assert (curves.loss[-5:].min(axis=0) < 0.3 * curves.loss[0]).all()


def test_noise_maps_join_the_search(models, targets):
    objective = (*CONFIG.terms, terms.NoiseRegularizer(weight=1.0))
    config = dataclasses.replace(CONFIG, noise="optimize", terms=objective)
    projection, curves = run(models, targets, config)
    assert (projection.loss < 0.2 * curves.loss[0]).all()
    for noise in projection.noises:
        np.testing.assert_allclose(noise.mean(axis=(1, 2)), 0.0, atol=1e-5)
        np.testing.assert_allclose(noise.var(axis=(1, 2)), 1.0, rtol=1e-4)
