"""Space F: W+ first, then an offset of a feature map and the rows after it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.inversion import config as config_lib
from jax_encoder.inversion import (
    driver,
    projector,
    rendering,
    starts,
    state,
    terms,
)
from jax_encoder.latents import spaces, statistics
from jax_encoder.nn import stylegan2
from tests.inversion import stand_in

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 8), num_mapping_layers=2
)
CONFIG = config_lib.ProjectorConfig(
    space="f",
    num_steps=40,
    optimizer="lbfgs",
    optimizer_options=(("memory", 5),),
    terms=(terms.Pixel(weight=10.0), terms.Perceptual()),
    micro_batch=1,
)
KEY = jax.random.key(7)
NUM = 3


@pytest.fixture(scope="module")
def models():
    generator = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(0))
    return state.Models(
        generator=generator,
        networks={"lpips": stand_in.random()},
        statistics=statistics.estimate(generator, num_samples=500),
    )


@pytest.fixture(scope="module")
def targets():
    """Pictures that the generator cannot make."""
    return jnp.tanh(jax.random.normal(jax.random.key(1), (NUM, 16, 16, 3)))


def states(models, targets, first=None):
    if first is None:
        values = starts.mean(models, "f", len(targets))
        first = projector.init(models, values, KEY, CONFIG)
    steps = driver.iterate(models, targets, first, config=CONFIG, chunk=10)
    return [jax.tree.map(np.array, found) for found, _ in steps]


@pytest.fixture(scope="module")
def path(models, targets):
    return states(models, targets)


def test_first_the_rows_move_then_the_map(path):
    layer = spaces.get("f").feature_layer(GENERATOR)
    assert (layer.side, layer.num_rows) == (8, 3)
    middle, last = path[1], path[3]
    assert middle.step == CONFIG.feature_step == 20
    assert not middle.variables.features.any()
    assert last.best.features.any()
    before, after = middle.best.values, last.best.values
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any()
    assert (last.best_loss < 0.85 * middle.best_loss).all()


def test_the_distance_from_the_start_is_part_of_the_objective(path, models):
    assert CONFIG.names == ("pixel", "lpips", "feature_offset")
    own = dataclasses.replace(
        CONFIG, terms=(*CONFIG.terms, terms.FeatureOffsetPrior(weight=3.0))
    )
    assert own.objective == own.terms
    problem = projector.prepare(models, jnp.zeros((1, 16, 16, 3)), CONFIG)
    np.testing.assert_allclose(problem.weights[0], [10.0, 1.0, 0.01])


def test_a_saved_state_is_gone_on_with(models, targets, path):
    for index in (0, 1, 2):
        resumed = states(models, targets, jax.tree.map(jnp.asarray, path[index]))
        jax.tree.map(np.testing.assert_array_equal, resumed[-1], path[-1])


@pytest.mark.slow
def test_a_picture_alone_gets_the_same_bits(models, targets, path):
    alone = states(models, targets[1:2])[-1]
    np.testing.assert_array_equal(alone.best.values[0], path[-1].best.values[1])
    np.testing.assert_array_equal(alone.best.features[0], path[-1].best.features[1])


def test_the_result_is_rendered_again_from_its_code(models, path):
    last = jax.tree.map(jnp.asarray, path[-1])
    found = projector.finish(models, last, config=CONFIG)
    assert found.features is not None
    again = rendering.render(models.generator, found.ws, features=found.features)
    np.testing.assert_allclose(again, found.images, atol=1e-4)


def test_spaces_and_terms_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match='give space="f"'):
        dataclasses.replace(CONFIG, space="w+", terms=(terms.FeatureOffsetPrior(),))
    with pytest.raises(ValueError, match="`feature_start` is a share"):
        dataclasses.replace(CONFIG, feature_start=1.5)
    with pytest.raises(ValueError, match="one row of w per layer"):
        spaces.F(is_layered=False)
    with pytest.raises(ValueError, match="sides .4, 8., none of 32"):
        spaces.get("f32").feature_layer(GENERATOR)


def test_turns_divide_the_chunks():
    stages = (config_lib.Stage(share=0.25, resolution=8),)
    config = dataclasses.replace(CONFIG, stages=stages)
    assert config.plan(16, 15) == [(0, 10, 8), (10, 10, 16), (20, 15, 16), (35, 5, 16)]
    assert config.turns(16) == {10, 20}
    assert dataclasses.replace(config, space="w+").turns(16) == {10}
