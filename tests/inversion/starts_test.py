"""Starts, the pool of seeds, weight grids and colors."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.networks import pool_files
from jax_encoder.inversion import colors as colors
from jax_encoder.inversion import config as config_lib
from jax_encoder.inversion import schedules, starts, state, terms, weighting
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2
from tests.inversion import stand_in

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 8), num_mapping_layers=2
)
CONFIG = config_lib.ProjectorConfig(
    space="z",
    num_steps=5,
    terms=(terms.Pixel(), terms.Perceptual(), terms.LatentPrior()),
    schedule=schedules.Constant(learning_rate=0.02),
)


@pytest.fixture(scope="module")
def models():
    generator = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(0))
    return state.Models(
        generator=generator,
        networks={"lpips": stand_in.random()},
        statistics=statistics.estimate(generator, num_samples=500, with_p=True),
    )


@pytest.fixture(scope="module")
def pool(models):
    return starts.make_pool(models, CONFIG, num_seeds=20, seed=4, side=8)


def test_the_pool_finds_its_own_pictures(models, pool):
    chosen = jnp.asarray([17, 0, 5])
    ws = starts.from_z(models, "w+", pool.z[chosen])
    targets = models.generator.synthesis(ws)
    z, distances = starts.nearest(models, pool, targets, CONFIG)
    np.testing.assert_array_equal(z, pool.z[chosen])
    assert distances.shape == (3, 20)
    np.testing.assert_allclose(distances.min(axis=1), 0.0, atol=1e-3)


def test_the_pool_survives_a_file(models, pool, tmp_path):
    pool_files.save(pool, tmp_path / "pool.npz")
    loaded = pool_files.load(tmp_path / "pool.npz", models, CONFIG)
    jax.tree.map(np.testing.assert_array_equal, pool, loaded)
    other = dataclasses.replace(CONFIG, terms=(terms.Pixel(),))
    with pytest.raises(ValueError, match="features of other terms"):
        pool_files.load(tmp_path / "pool.npz", models, other)


def test_mean_and_zeros(models):
    mean = starts.mean(models, "w+", 3)
    assert mean.shape == (3, GENERATOR.num_ws, GENERATOR.w_dim)
    np.testing.assert_array_equal(mean[2, 1], models.statistics.w_avg)
    assert not starts.zeros(models, "w", 3).any()
    assert starts.zeros(models, "p+", 2).shape == mean[:2].shape
    with pytest.raises(ValueError, match="start an inversion in Z"):
        starts.mean(models, "z", 1)
    with pytest.raises(ValueError, match="`seeds` or `random`"):
        starts.zeros(models, "z_sphere", 1)


def test_codes_of_other_generators_are_refused(models):
    with pytest.raises(ValueError, match=r"got \(1, 18, 512\)"):
        starts.from_ws(models, "w+", jnp.zeros((1, 18, 512)))


def test_the_grid_leaves_out_nothing_at_all():
    grid = weighting.grid((0.0, 10.0, 30.0), (0.0, 5.0, 10.0))
    assert grid.shape == (8, 2)
    assert grid.sum(axis=1).min() > 0


def test_every_picture_gets_its_best_weights(models):
    config = dataclasses.replace(
        CONFIG, space="w+", terms=(terms.Pixel(), terms.Perceptual())
    )
    values = starts.mean(models, "w+", 2)
    z = jax.random.normal(jax.random.key(9), (2, 8))
    targets = models.generator.synthesis(starts.from_z(models, "w+", z))
    grid = weighting.grid((0.0, 1.0), (0.0, 1.0))
    weights, better = weighting.choose(
        models,
        targets,
        values,
        jax.random.key(0),
        config=config,
        candidates=grid,
        num_steps=5,
    )
    assert weights.shape == (2, 2)
    assert all(any((row == g).all() for g in grid) for row in weights)
    assert better.shape == values.shape
    old = jnp.mean(jnp.square(models.generator.synthesis(values) - targets))
    new = jnp.mean(jnp.square(models.generator.synthesis(better) - targets))
    assert new < old


def test_colors_move_and_return():
    images = jax.random.uniform(jax.random.key(0), (3, 8, 8, 3)) * 0.3
    own = colors.of_each(images)
    wanted = colors.of_all(jax.random.normal(jax.random.key(1), (5, 8, 8, 3)))
    moved = colors.move(images, own, wanted)
    np.testing.assert_allclose(
        colors.of_each(moved).mean, jnp.broadcast_to(wanted.mean, (3, 3)), atol=1e-5
    )
    np.testing.assert_allclose(
        colors.of_each(moved).std, jnp.broadcast_to(wanted.std, (3, 3)), atol=1e-5
    )
    np.testing.assert_allclose(colors.move(moved, wanted, own), images, atol=1e-5)
