"""The bootstrap: who z names, what is compared, and that a step helps."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.avatars import face_attributes, regression
from jax_encoder.nn import stylegan2
from jax_encoder.training import pyramid

CONFIG = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=64, w_dim=8, channels=(8, 8), num_mapping_layers=1
)


def test_z_names_people_by_its_direction():
    z = jax.random.normal(jax.random.key(0), (3, 64))
    people = jax.jit(regression.people)
    np.testing.assert_allclose(people(z), people(2.5 * z), rtol=1e-4, atol=1e-5)
    assert people(z).shape == (3, face_attributes.NUM_ATTRIBUTES)


def test_the_second_parent_gives_the_finer_attributes():
    draw = jax.jit(regression.draw, static_argnums=(1, 2, 3))
    z, cutoff, attributes = draw(jax.random.key(1), 64, 64, 1.0)
    first, second = regression.people(z[0]), regression.people(z[1])
    hue, yaw, smile = map(face_attributes.index, ("clothes_hue", "yaw", "smile"))
    np.testing.assert_allclose(attributes[:, hue], second[:, hue], atol=1e-6)
    np.testing.assert_allclose(attributes[:, yaw], first[:, yaw], atol=1e-6)
    is_second = np.asarray(cutoff) == regression.MIDDLE_ROW
    wanted = np.where(is_second, second[:, smile], first[:, smile])
    np.testing.assert_allclose(attributes[:, smile], wanted, atol=1e-6)
    assert 0.2 < is_second.mean() < 0.8


def test_the_distance_is_zero_for_equals_and_sees_lines():
    images = jax.random.normal(jax.random.key(2), (2, 16, 16, 3))
    assert float(pyramid.distance(images, images)) == 0.0
    line = jnp.zeros((1, 16, 16, 3)).at[:, 5].set(1.0)
    flat = jnp.full((1, 16, 16, 3), 1.0 / 16.0)
    blank = jnp.zeros_like(line)
    assert pyramid.distance(line, blank) > 2 * pyramid.distance(flat, blank)


def test_steps_bring_the_generator_nearer():
    config = regression.RegressionConfig(batch_size=4, num_steps=40, num_cooldown=10)
    generator = stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(0))
    state = regression.init(generator, config)
    z = jax.random.normal(jax.random.key(3), (2, 4, 64))
    targets = jnp.tile(jnp.asarray([-0.5, 0.2, 0.6]), (4, 8, 8, 1))
    step = jax.jit(regression.step, static_argnames=("config", "resolution"))
    cutoff, values = jnp.full((4,), 1000), []
    for _ in range(40):
        state, value = step(
            state, generator, z, cutoff, targets, config=config, resolution=8
        )
        values.append(float(value))
    assert values[-1] < 0.5 * values[0]
    assert int(state.step) == 40
