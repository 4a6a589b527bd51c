"""Properties of StyleGAN3 and of its table of layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import stylegan3

CONFIG = stylegan3.StyleGAN3Config(
    resolution=16,
    z_dim=6,
    w_dim=5,
    channel_base=64,
    channel_max=8,
    num_layers=5,
    first_cutoff=2.0,
    margin_size=4,
)


@pytest.fixture(scope="module")
def generator():
    module = stylegan3.StyleGAN3Generator(CONFIG, rngs=nnx.Rngs(0))
    weight = module.synthesis.input.affine.weight
    weight[...] = 0.3 * jax.random.normal(jax.random.key(1), weight.shape)
    return module


@pytest.fixture(scope="module")
def ws():
    return jax.random.normal(jax.random.key(2), (3, CONFIG.num_ws, CONFIG.w_dim))


@jax.jit
def render(generator, ws, transform=None):
    return generator.synthesis(ws, transform=transform)


def test_a_picture_does_not_depend_on_its_batch(generator, ws):
    # The scale of a neighbor's styles is what the official normalization mixes in.
    ws = ws * jnp.array([1.0, 30.0, 0.1])[:, None, None]
    together = render(generator, ws)
    alone = jnp.concatenate([render(generator, ws[k : k + 1]) for k in range(3)])
    scale = np.abs(together).max()
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5 * scale)


def test_transforms_may_differ_between_samples(generator, ws):
    shift = jnp.eye(3).at[0, 2].set(0.25)
    both = jnp.stack([jnp.eye(3), shift, shift])
    images = render(generator, ws, both)
    np.testing.assert_allclose(images[:1], render(generator, ws[:1]), atol=1e-5)
    shifted = render(generator, ws[1:], shift)
    np.testing.assert_allclose(images[1:], shifted, atol=1e-5)
    assert np.abs(shifted - render(generator, ws[1:])).max() > 1e-3


def test_gradients_reach_every_row(generator, ws):
    gradient = jax.jit(jax.grad(lambda ws: jnp.sum(jnp.square(render(generator, ws)))))
    norms = np.linalg.norm(gradient(ws), axis=2)
    assert np.isfinite(norms).all()
    assert norms.min() > 0


def test_refuses_what_does_not_fit(generator, ws):
    with pytest.raises(ValueError, match="`ws` must be"):
        generator.synthesis(ws[:, 1:])
    with pytest.raises(ValueError, match="`transform` must be"):
        generator.synthesis(ws, transform=jnp.eye(2))
    with pytest.raises(ValueError, match="`noise` must hold 0 maps"):
        generator.synthesis(ws, noise=[jnp.zeros((4, 4))])
    with pytest.raises(ValueError, match="power of two"):
        stylegan3.StyleGAN3Config(resolution=48)
    with pytest.raises(ValueError, match="`num_critical`"):
        stylegan3.StyleGAN3Config(resolution=64, num_layers=2)


def test_published_layers_of_1024_pixels():
    config = stylegan3.StyleGAN3Config(resolution=1024)
    assert [spec.name for spec in config.layers] == [
        "L0_36_512",
        "L1_36_512",
        "L2_52_512",
        "L3_52_512",
        "L4_84_512",
        "L5_148_512",
        "L6_148_512",
        "L7_276_323",
        "L8_276_203",
        "L9_532_128",
        "L10_1044_81",
        "L11_1044_51",
        "L12_1044_32",
        "L13_1024_32",
        "L14_1024_3",
    ]
    assert config.num_ws == 16


def test_configuration_r_is_radial_except_where_critically_sampled():
    layers = stylegan3.config_r(256).layers
    assert [spec.is_radial for spec in layers] == [True] * 12 + [False] * 3
    assert {spec.kernel_size for spec in layers} == {1}
    assert layers[0].out_channels == 1024
