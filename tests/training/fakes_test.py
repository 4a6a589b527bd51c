"""Fakes of known parents, and the lesson that goes with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import stylegan2
from jax_encoder.training import fakes, pyramid

_NUM = 4


@pytest.fixture(scope="module")
def generator():
    config = stylegan2.StyleGAN2Config(
        resolution=8, channels=(8, 8), z_dim=8, w_dim=8, num_mapping_layers=2
    )
    return stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def lesson():
    z_key, key = jax.random.split(jax.random.key(3))
    return fakes.Lesson(
        z=jax.random.normal(z_key, (_NUM, 8)),
        targets=jax.random.uniform(key, (_NUM, 8, 8, 3), minval=-1.0),
    )


def draw(generator, lesson, probability):
    def run(generator, z):
        key = jax.random.key(5)
        return fakes.draw(generator, key, _NUM, mixing_probability=probability, z=z)

    return jax.jit(run)(generator, lesson.z)


def test_one_parent_is_the_lessons(generator, lesson):
    drawn = draw(generator, lesson, 0.0)
    assert drawn.is_single.all()
    np.testing.assert_allclose(drawn.w, generator.mapping(lesson.z), atol=1e-5)
    error = fakes.lesson_error(drawn, lesson)
    expected = pyramid.distance(drawn.images, lesson.targets)
    np.testing.assert_allclose(error, expected, rtol=1e-6)
    assert error > 0.1


def test_of_two_parents_nothing_is_asked(generator, lesson):
    drawn = draw(generator, lesson, 1.0)
    assert not drawn.is_single.any()
    slope = jax.grad(lambda images: _error(drawn, images, lesson))(drawn.images)
    assert fakes.lesson_error(drawn, lesson) == 0.0
    assert not slope.any()


def test_only_the_single_ones_feel_it(generator, lesson):
    drawn = draw(generator, lesson, 0.5)
    assert drawn.is_single.any()
    assert not drawn.is_single.all()
    slope = jax.grad(lambda images: _error(drawn, images, lesson))(drawn.images)
    np.testing.assert_array_equal(jnp.any(slope != 0, axis=(1, 2, 3)), drawn.is_single)
    single = drawn.is_single
    alone = pyramid.distance(drawn.images[single], lesson.targets[single])
    error = fakes.lesson_error(drawn, lesson)
    np.testing.assert_allclose(error, alone * jnp.mean(single), rtol=1e-5)


def _error(drawn, images, lesson):
    changed = fakes.Fakes(images=images, w=drawn.w, is_single=drawn.is_single)
    return fakes.lesson_error(changed, lesson)
