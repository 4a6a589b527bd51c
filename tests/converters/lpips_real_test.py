"""The published LPIPS heads and SqueezeNet (JAX_ENCODER_REAL_DATA)."""

import functools
import os
import pathlib

import jax
import numpy as np
import pytest

import converters

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder():
    return pathlib.Path(os.environ["JAX_ENCODER_REAL_DATA"])


@pytest.fixture(scope="module")
def distance(folder):
    trunk = folder / "squeezenet/squeezenet1_1_torchvision_fp16as32.npz"
    network = converters.load_lpips(trunk, folder / "lpips/squeeze.pth")
    compiled = jax.jit(lambda network, a, b: network(a, b))
    return functools.partial(compiled, network)


@pytest.fixture(scope="module")
def pattern():
    y, x = np.mgrid[0:64, 0:64] / 63.0
    waves = [np.sin(9 * x), np.cos(7 * y), 2 * x * y - 1]
    return np.stack(waves, axis=-1)[None].astype(np.float32)


@pytest.mark.parametrize("trunk", ["vgg", "alex", "squeeze"])
def test_heads_are_read_whatever_device_wrote_them(folder, trunk):
    heads = converters.load(folder / f"lpips/{trunk}.pth")
    assert heads.config.trunk == trunk
    assert 0 <= float(np.min(heads.lin0[...])) < float(np.max(heads.lin0[...]))


def test_a_mirrored_pattern_is_as_far_as_torch_says(distance, pattern):
    # 0.11698287: the same arithmetic written with torch.nn.functional.
    got = distance(pattern, pattern[:, :, ::-1])
    np.testing.assert_allclose(got, 0.11698287, rtol=1e-5)


def test_more_noise_is_further_away(distance, pattern):
    noise = np.random.default_rng(0).normal(size=pattern.shape).astype(np.float32)
    noisy = [np.clip(pattern + s * noise, -1, 1) for s in (0.0, 0.05, 0.2, 0.8)]
    batch = np.concatenate(noisy)
    distances = distance(batch, np.repeat(pattern, 4, axis=0))
    assert float(distances[0]) == 0
    assert np.all(np.diff(distances) > 0.01)
