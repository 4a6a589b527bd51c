"""A grown generator draws what the old one drew, and all of it can learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import stylegan2
from jax_encoder.ops import upfirdn
from jax_encoder.training import growing


def _generator(architecture="skip"):
    config = stylegan2.StyleGAN2Config(
        resolution=8,
        z_dim=8,
        w_dim=8,
        channels=(6, 4),
        num_mapping_layers=2,
        architecture=architecture,
    )
    return stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(3))


@pytest.mark.parametrize("channels", [(4,), (4, 3)])
def test_a_grown_generator_draws_the_old_pictures_enlarged(channels):
    old = _generator()
    grown = growing.grow(old, channels)
    assert grown.config.channels == (6, 4, *channels)
    w = old.mapping(jax.random.normal(jax.random.key(0), (2, 8)))
    np.testing.assert_array_equal(
        w, grown.mapping(jax.random.normal(jax.random.key(0), (2, 8)))
    )

    def draw(network):
        rows = jnp.broadcast_to(w[:, None], (2, network.config.num_ws, 8))
        return jax.jit(lambda g, ws: g.synthesis(ws))(network, rows)

    enlarged = draw(old)
    for _ in channels:
        enlarged = upfirdn.upsample2d(enlarged, old.config.taps)
    np.testing.assert_allclose(draw(grown), enlarged, atol=1e-6)


def test_the_new_block_learns_and_the_old_generator_stays():
    old = _generator()
    before = jax.tree.map(jnp.copy, nnx.state(old))
    grown = growing.grow(old, (4,))
    graphdef, params, rest = nnx.split(grown, nnx.Param, ...)
    ws = jax.random.normal(jax.random.key(1), (2, 6, 8))

    def loss(params):
        return jnp.mean(nnx.merge(graphdef, params, rest).synthesis(ws) ** 2)

    gradient = jax.jit(jax.grad(loss))(params)
    assert jnp.any(gradient["synthesis"]["b16"]["torgb"]["weight"][...] != 0)
    grown.synthesis.b8.conv1.bias[...] += 1.0
    jax.tree.map(np.testing.assert_array_equal, before, nnx.state(old))


def test_says_what_does_not_grow():
    with pytest.raises(ValueError, match='"resnet"'):
        growing.grow(_generator("resnet"), (4,))
    with pytest.raises(ValueError, match="every new block"):
        growing.grow(_generator(), ())
