"""Feature maps: offsets, pictures from a map, edits carried into it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import feature_maps, stylegan2, stylegan3, stylegan3_config

SIZES = {"z_dim": 4, "w_dim": 6, "num_mapping_layers": 1}


def skip():
    config = stylegan2.StyleGAN2Config(resolution=16, channels=(8, 6, 4), **SIZES)
    return stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))


def residual():
    config = stylegan2.StyleGAN2Config(
        resolution=16, channels=(8, 6, 4), architecture="resnet", **SIZES
    )
    return stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))


def alias_free():
    config = stylegan3_config.StyleGAN3Config(
        resolution=32, num_layers=6, channel_base=256, channel_max=8, **SIZES
    )
    return stylegan3.StyleGAN3Generator(config, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module", params=[skip, residual, alias_free])
def network(request):
    return request.param()


def codes(network, seed=1):
    config = network.config
    return jax.random.normal(
        jax.random.key(seed), (2, config.num_ws, config.w_dim), jnp.float32
    )


def offsets(layer):
    return jax.random.normal(jax.random.key(3), (2, *layer.shape))


def close(ours, theirs):
    scale = np.max(np.abs(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5 * scale)


def test_the_layers_are_those_of_the_network(network):
    ws = codes(network)
    layers = network.config.feature_layers
    assert [x.side for x in layers] == sorted({x.side for x in layers})
    assert layers[-1].side < network.config.resolution

    @jax.jit
    def maps(synthesis, ws):
        return [feature_maps.feature_map(synthesis, ws, layer) for layer in layers]

    for index, layer in enumerate(layers):
        own = maps(network.synthesis, ws)[index]
        assert own.shape == (2, *layer.shape)
        # The rows after the map do not reach it; the last one before it does.
        late = ws.at[:, layer.num_rows :].add(1.0)
        moved = maps(network.synthesis, late)[index]
        np.testing.assert_array_equal(moved, own)
        early = ws.at[:, layer.num_rows - 1].add(1.0)
        moved = maps(network.synthesis, early)[index]
        assert np.abs(moved - own).max() > 0


def test_an_offset_changes_the_picture(network):
    ws, layer = codes(network), network.config.feature_layers[-1]
    render = jax.jit(lambda ws, features: network.synthesis(ws, features=features))
    plain = network.synthesis(ws)
    close(render(ws, jnp.zeros((2, *layer.shape))), plain)
    changed = render(ws, offsets(layer))
    assert np.abs(changed - plain).max() > 0.01 * np.abs(plain).max()
    own = feature_maps.feature_map(network.synthesis, ws, layer)
    found = feature_maps.synthesis_from(network.synthesis, own + offsets(layer), ws)
    close(found, changed)


def test_an_edit_is_carried_by_the_difference_of_the_maps(network):
    ws, layer = codes(network), network.config.feature_layers[0]
    edited = ws + 0.5 * codes(network, 5)
    features = offsets(layer) + feature_maps.feature_map(network.synthesis, ws, layer)
    carried = feature_maps.carry_edit(network.synthesis, features, ws, edited)
    close(
        feature_maps.synthesis_from(network.synthesis, carried, edited),
        network.synthesis(edited, features=offsets(layer)),
    )


def test_maps_that_no_layer_has_are_refused(network):
    with pytest.raises(ValueError, match="`features` must have the shape of a feature"):
        network.synthesis(codes(network), features=jnp.zeros((2, 5, 5, 3)))
    with pytest.raises(ValueError, match="feature maps of the sides .* none of 12"):
        feature_maps.find_layer(network.config, 12)
    limited = feature_maps.find_layer(network.config, 4096, is_limit=True)
    assert limited == network.config.feature_layers[-1]


def test_generators_without_such_maps_say_so():
    with pytest.raises(ValueError, match="no feature map that can be changed"):
        feature_maps.find_layer(object(), 16)
