"""Prepared networks are the networks."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.nn import frozen, stylegan2, vgg
from jax_encoder.ops import backends

CONFIG = stylegan2.StyleGAN2Config(
    resolution=32, z_dim=8, w_dim=8, channels=(64,) * 4, num_mapping_layers=1
)


def _networks():
    config = vgg.VGGConfig(channels=((64, 64),))
    return {
        "generator": stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(0)),
        "vgg": vgg.VGG(config, rngs=nnx.Rngs(1)),
        "number": jnp.ones(()),
    }


def _loss(networks, ws):
    images = networks["generator"].synthesis(ws)
    features = networks["vgg"].features(images)
    return sum(jnp.sum(jnp.square(feature)) for feature in features.values())


def test_has_the_value_and_the_gradient_of_the_plain_network(monkeypatch):
    networks = _networks()
    ws = jax.random.normal(jax.random.key(2), (2, CONFIG.num_ws, CONFIG.w_dim))

    @jax.jit
    def ours(networks, ws):
        return jax.value_and_grad(_loss, 1)(frozen.prepare(networks), ws)

    value, gradient = ours(networks, ws)
    monkeypatch.setattr(backends, "BACKENDS", {})
    expected, slope = jax.jit(jax.value_and_grad(_loss, 1))(networks, ws)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    atol = 3e-4 * float(jnp.max(jnp.abs(slope)))
    np.testing.assert_allclose(gradient, slope, rtol=0, atol=atol)


def test_transforms_copies_only_where_the_backend_gains(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    networks = _networks()
    prepared = frozen.prepare(networks)
    for name in ("generator", "vgg"):
        assert _num_transformed(networks[name]) == 0
        assert len(jax.tree.leaves(networks[name])) + _num_transformed(
            prepared[name]
        ) == len(jax.tree.leaves(prepared[name]))
    assert _num_transformed(prepared["generator"]) == 4  # conv1 of every block.
    assert _num_transformed(prepared["vgg"]) == 1  # The first sees three channels.
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert _num_transformed(frozen.prepare(networks)["generator"]) == 0


def _num_transformed(network):
    layers = [layer for _, layer in nnx.iter_modules(network)]
    return sum(getattr(layer, "transformed", None) is not None for layer in layers)
