import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.metrics import features
from jax_encoder.nn import lpips


@given(st.integers(1, 9), st.floats(0, 1e6))
def test_statistics_do_not_depend_on_the_batches(num_batches, offset):
    rows = np.random.default_rng(0).standard_normal((20, 3)) + offset
    statistics = features.statistics(np.array_split(rows, num_batches))
    assert statistics.num == 20
    np.testing.assert_allclose(statistics.mean, rows.mean(axis=0), rtol=1e-12)
    covariance = np.cov(rows - offset, rowvar=False)
    unbiased = statistics.covariance(unbiased=True)
    np.testing.assert_allclose(unbiased, covariance, rtol=1e-7, atol=1e-8)


def test_statistics_of_two_hosts_merge():
    rows = np.random.default_rng(0).standard_normal((30, 4))
    parts = [features.statistics([part]) for part in (rows[:7], rows[7:])]
    merged, whole = parts[0].merge(parts[1]), features.statistics([rows])
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-12)


def test_bad_features_are_refused():
    with pytest.raises(ValueError, match="no features"):
        features.statistics([])
    with pytest.raises(ValueError, match="finite"):
        features.statistics([np.full((2, 2), np.nan)])
    with pytest.raises(ValueError, match=r"\[n, D\]"):
        features.statistics([np.zeros(3)])
    with pytest.raises(ValueError, match="more pictures"):
        features.statistics([np.ones((1, 2))]).covariance(unbiased=True)


def test_every_picture_is_extracted_once_and_compiled_once():
    traces = []

    def apply(scale, images):
        traces.append(images.shape)
        return scale * jnp.mean(images, axis=(1, 2))

    images = np.random.default_rng(0).uniform(-1, 1, (11, 4, 4, 3)).astype(np.float32)
    batches = [images[:4], images[4:8], images[8:]]
    found = list(features.extract(apply, jnp.float32(2), batches, batch_size=4))
    assert [len(batch) for batch in found] == [4, 4, 3]
    expected = 2 * images.mean(axis=(1, 2))
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-5, atol=1e-6)
    assert len(traces) == 1


def test_a_batch_larger_than_announced_is_refused():
    images = np.zeros((3, 4, 4, 3))
    with pytest.raises(ValueError, match="at most 2"):
        list(features.extract(lambda _, x: x, 0.0, [images], batch_size=2))


def test_networks_describe_pictures_by_vectors():
    channels = ((4,), (6, 5))
    config = lpips.LPIPSConfig(channels=channels, preprocessing="none")
    distance = lpips.LPIPS(config, rngs=nnx.Rngs(0))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
    found = features.describe(distance, images)
    assert found.shape == (2, 9)
    taps = distance.trunk.features(images, ["relu1_1", "relu2_2"])
    means = [taps[name].mean(axis=(1, 2)) for name in ("relu1_1", "relu2_2")]
    np.testing.assert_allclose(found, np.concatenate(means, axis=1), rtol=1e-5)
    np.testing.assert_allclose(features.describe(distance.trunk, images), found)


_SHARDED = """
import jax, numpy as np
from jax_encoder.metrics import features
assert len(jax.devices()) == 4
images = np.random.default_rng(0).uniform(-1, 1, (11, 4, 4, 3)).astype(np.float32)
batches = [{"x": images[k : k + 6]} for k in (0, 6)]
def apply(scale, batch):
    return scale * batch["x"].mean(axis=(1, 2))
found = list(features.extract(apply, np.float32(2), batches, batch_size=6))
assert [len(rows) for rows in found] == [6, 5]
np.testing.assert_allclose(np.concatenate(found), 2 * images.mean((1, 2)), atol=1e-6)
"""


def test_batches_are_split_over_the_devices():
    flags = "--xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", _SHARDED], env=environment, check=True)
