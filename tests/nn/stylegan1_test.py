"""Properties of StyleGAN1 and of its upsampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.nn import stylegan1
from jax_encoder.ops import convolution, upscale

CONFIG = stylegan1.StyleGAN1Config(
    resolution=16, z_dim=6, w_dim=5, channels=(8, 7, 6, 4), num_mapping_layers=3
)


@pytest.fixture(scope="module")
def generator():
    module = stylegan1.StyleGAN1Generator(CONFIG, rngs=nnx.Rngs(0))
    for k in range(CONFIG.num_ws):
        layer = getattr(module.synthesis, f"layer{k}")
        layer.noise_weight[...] = jnp.full(layer.noise_weight.shape, 0.3)
    return module


def random(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


def test_a_picture_does_not_depend_on_its_batch(generator):
    ws = random(3, CONFIG.num_ws, CONFIG.w_dim)
    together = generator.synthesis(ws)
    alone = jnp.concatenate([generator.synthesis(ws[k : k + 1]) for k in range(3)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_noise_maps_may_differ_between_samples(generator):
    ws = jnp.repeat(random(1, CONFIG.num_ws, CONFIG.w_dim), 2, axis=0)
    noise = [random(2, *shape, seed=k) for k, shape in enumerate(CONFIG.noise_shapes)]
    images = generator.synthesis(ws, noise=noise)
    first = generator.synthesis(ws[:1], noise=[plane[0] for plane in noise])
    np.testing.assert_allclose(images[:1], first, atol=1e-5)
    assert np.abs(images[0] - images[1]).max() > 1e-3


def test_fractional_detail_blends_two_levels(generator):
    ws = random(2, CONFIG.num_ws, CONFIG.w_dim)
    fine, coarse = (generator.synthesis(ws, lod=k) for k in (1, 2))
    between = generator.synthesis(ws, lod=1.25)
    np.testing.assert_allclose(between, 0.75 * fine + 0.25 * coarse, atol=1e-5)
    blocks = coarse.reshape(2, 4, 4, 4, 4, 3)
    np.testing.assert_array_equal(
        blocks, blocks[:, :, :1, :, :1].repeat(4, 2).repeat(4, 4)
    )


def test_refuses_what_does_not_fit(generator):
    ws = random(1, CONFIG.num_ws, CONFIG.w_dim)
    with pytest.raises(ValueError, match="`ws` must be"):
        generator.synthesis(ws[:, 1:])
    with pytest.raises(ValueError, match="`lod` must be"):
        generator.synthesis(ws, lod=3)
    with pytest.raises(ValueError, match="`noise` must hold 6 maps"):
        generator.synthesis(ws, noise=[jnp.zeros((4, 4))])
    with pytest.raises(ValueError, match="`noise` must be"):
        generator.synthesis(ws, noise="random")
    with pytest.raises(ValueError, match="takes no labels"):
        generator.mapping(jnp.zeros((1, 6)), jnp.zeros((1, 2)))
    with pytest.raises(ValueError, match="`z` must be"):
        generator.mapping(jnp.zeros((1, 5)))


def test_published_architecture():
    channels = stylegan1.paper_channels(1024)
    assert channels == (512, 512, 512, 512, 512, 256, 128, 64, 32, 16)
    config = stylegan1.StyleGAN1Config(resolution=1024, channels=channels)
    assert config.num_ws == 18
    assert [r for r in config.resolutions if config.is_fused(r)] == [
        128,
        256,
        512,
        1024,
    ]


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_upscaling_is_enlarging_then_convolving(height, width, seed):
    x = random(2, height, width, 3, seed=seed)
    kernel = random(3, 3, 3, 2, seed=seed + 1)
    wanted = convolution.conv2d(upscale.enlarge(x), kernel)
    got = upscale.upscale_conv2d(x, kernel, fused=False)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_fused_upscaling_is_a_transposed_convolution():
    x, kernel = np.asarray(random(1, 3, 4, 2)), np.asarray(random(3, 3, 2, 5, seed=1))
    padded = np.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    summed = padded[1:, 1:] + padded[:-1, 1:] + padded[1:, :-1] + padded[:-1, :-1]
    wanted = np.zeros((1, 8, 10, 5))
    for i in range(3):
        for j in range(4):
            spread = np.einsum("i,hwio->hwo", x[0, i, j], summed)
            wanted[0, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += spread
    got = upscale.upscale_conv2d(jnp.asarray(x), jnp.asarray(kernel), fused=True)
    np.testing.assert_allclose(got, wanted[:, 1:-1, 1:-1], atol=1e-5)
