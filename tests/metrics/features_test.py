import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.metrics import features


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
