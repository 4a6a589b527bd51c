import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jax_encoder.metrics import normality


def _draw(seed, num=4000, dim=3):
    return np.random.default_rng(seed).normal(size=(num, dim))


def test_agrees_with_scipy():
    samples = np.exp(_draw(0) / 2)
    found = normality.measure(samples)
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(samples, axis=0))
    np.testing.assert_allclose(found.skewness, stats.skew(samples, axis=0))


def test_normal_samples_have_nothing():
    found = normality.measure(_draw(1, 20_000))
    assert np.abs(found.kurtosis).max() < 0.15
    assert found.mardia == pytest.approx(1.0, abs=0.03)
    assert "kurtosis" in found.sentence()


def test_uniform_samples_are_flat_and_long_tails_are_not():
    rng = np.random.default_rng(2)
    flat = normality.measure(rng.uniform(size=(20_000, 2)))
    assert flat.kurtosis == pytest.approx(-1.2, abs=0.05)
    assert normality.measure(rng.laplace(size=(20_000, 2))).mardia > 1.3


@given(st.integers(0, 2**16))
def test_mardia_ignores_rotation_scale_and_axes_that_do_not_vary(seed):
    samples = np.exp(_draw(seed, 300))
    matrix = np.random.default_rng(seed).normal(size=(3, 3)) + 3 * np.eye(3)
    moved = np.concatenate([samples @ matrix + 5, np.ones((300, 1))], axis=1)
    expected = normality.measure(samples).mardia
    assert normality.measure(moved).mardia == pytest.approx(expected, rel=1e-6)
    assert normality.measure(moved).kurtosis[3] == 0


@pytest.mark.parametrize("shape", [(3, 3), (5,)])
def test_refuses_too_few(shape):
    with pytest.raises(ValueError, match="N above D"):
        normality.measure(np.ones(shape))
