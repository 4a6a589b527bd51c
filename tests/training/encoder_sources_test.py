import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.training import encoder_sources
from tests.training import tiny_encoder as tiny


def test_samples_are_what_their_codes_render():
    generator = tiny.generator()
    batch = encoder_sources.sampled(generator, jax.random.key(0))(3, 4)
    rendered = jnp.clip(generator.synthesis(batch.ws), -1, 1)
    np.testing.assert_allclose(batch.images, rendered, atol=1e-5)
    again = encoder_sources.sampled(generator, jax.random.key(0))(3, 4)
    jax.tree.map(np.testing.assert_array_equal, batch, again)
    other = encoder_sources.sampled(generator, jax.random.key(0))(4, 4)
    assert not np.array_equal(batch.images, other.images)


def _flat(value, is_known):
    def draw(step, num):
        return encoder_sources.Batch(
            images=jnp.full((num, 8, 8, 3), value),
            ws=jnp.zeros((num, 4, 8)),
            is_known=jnp.full(num, is_known),
        )

    return draw


def test_a_mixture_keeps_its_shares():
    source = encoder_sources.mixed([(_flat(0.5, 0.0), 0.7), (_flat(-0.5, 1.0), 0.3)])
    batch = source(0, 10)
    np.testing.assert_array_equal(batch.is_known, [0.0] * 7 + [1.0] * 3)
    np.testing.assert_array_equal(batch.images[:, 0, 0, 0], [0.5] * 7 + [-0.5] * 3)
    whole = encoder_sources.mixed([(_flat(0.5, 0.0), 1.0), (_flat(-0.5, 1.0), 0.0)])(
        0, 10
    )
    assert not whole.is_known.any()
    with pytest.raises(ValueError, match=r"add up to one: got \[0.5, 0.1\]"):
        encoder_sources.mixed([(_flat(0.0, 0.0), 0.5), (_flat(0.0, 0.0), 0.1)])


def test_pictures_have_no_codes():
    generator = tiny.generator()
    source = encoder_sources.pictures(
        lambda step, num: jnp.ones((num, 8, 8, 3)), generator
    )
    batch = source(0, 3)
    assert batch.ws.shape == (3, generator.config.num_ws, 8)
    assert not batch.is_known.any()


def test_the_metric_predicts_how_pictures_change():
    generator = tiny.generator()
    metric = encoder_sources.code_metric(
        generator, jax.random.key(0), num=4096, batch_size=512, ridge=0.0
    )
    np.testing.assert_allclose(metric, metric.T, rtol=1e-4, atol=1e-9)
    num_ws = generator.config.num_ws
    z, step = jax.random.normal(jax.random.key(1), (2, 512, 8))
    w = generator.mapping(z)

    def render(w):
        return generator.synthesis(jnp.repeat(w[:, None], num_ws, axis=1))

    step = 1e-2 * step
    change = jnp.mean(jnp.square(render(w + step) - render(w)))
    predicted = jnp.mean(jnp.einsum("ni,ij,nj->n", step, metric, step))
    np.testing.assert_allclose(predicted, change, rtol=0.25)


def test_batches_are_trees():
    batch = _flat(0.0, 1.0)(0, 2)
    assert len(jax.tree.leaves(batch)) == len(dataclasses.fields(batch))
