"""The filtered leaky ReLU: the fast formulation against the plain one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import filtered_lrelu, filtered_lrelu_phases, lowpass

# up, down, taps, taps, padding, radial, clamp
CASES = {
    "same rate": (2, 2, 12, 12, (9, 8), False, None),
    "doubling": (4, 2, 24, 12, (-6, -9), False, 1.0),
    "radial": (2, 2, 12, 12, (11, 10), True, 2.0),
    "radial doubling": (4, 2, 24, 12, (-2, -5), True, None),
    "cropping": (2, 2, 12, 12, (-11, -12), False, None),
    "up only": (2, 1, 12, 6, (3, 4), False, None),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    up, down, up_taps, down_taps, padding, is_radial, clamp = request.param
    rng = np.random.default_rng(0)
    up_filter = rng.random(up_taps, np.float32)
    down_filter = rng.random((down_taps,) * (1 + is_radial), np.float32)
    options = filtered_lrelu.Resampling(up=up, down=down, padding=padding, clamp=clamp)
    x = rng.standard_normal((2, 30, 29, 3), np.float32)
    return x, up_filter / up_filter.sum(), down_filter / down_filter.sum(), options


@functools.partial(jax.jit, static_argnums=0)
def _value_and_gradient(function, x, gradient):
    """One program; operation by operation takes five times as long to compile."""
    value, pull = jax.vjp(function, x)
    return value, pull(gradient)[0]


def test_phases_equal_the_plain_formulation(case):
    x, up_filter, down_filter, options = case

    def fast(x):
        return filtered_lrelu_phases.filtered_lrelu_phases(
            x, up_filter, down_filter, options, (6, 7)
        )

    def plain(x):
        return filtered_lrelu.plain(x, up_filter, down_filter, options)

    shape = jax.eval_shape(plain, x).shape
    gradient = np.random.default_rng(1).standard_normal(shape, np.float32)
    wanted, wanted_gradient = _value_and_gradient(plain, x, gradient)
    got, got_gradient = _value_and_gradient(fast, x, gradient)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    wanted, got = wanted_gradient, got_gradient
    # A sample at the kink may fall on either side.
    is_far = np.abs(got - wanted) > 1e-5 * np.abs(wanted).max()
    assert is_far.mean() < 1e-3


def test_zero_insertion_and_gain_of_the_plain_formulation():
    """Against sums written out in NumPy."""
    rng = np.random.default_rng(0)
    x, up_filter = rng.standard_normal((5, 5)), rng.random(4)
    down_filter = rng.random((3, 3))
    options = filtered_lrelu.Resampling(up=2, down=2, padding=(2, 1), clamp=0.8)
    wide = np.zeros((13, 13))
    wide[2:12:2, 2:12:2] = x
    kernel = 4 * np.outer(up_filter, up_filter)
    tmp = np.array(
        [
            [np.sum(wide[i : i + 4, j : j + 4] * kernel[::-1, ::-1]) for j in range(10)]
            for i in range(10)
        ]
    )
    tmp = np.clip(np.where(tmp < 0, 0.2 * tmp, tmp) * 2**0.5, -0.8, 0.8)
    wanted = [
        [
            np.sum(tmp[i : i + 3, j : j + 3] * down_filter[::-1, ::-1])
            for j in range(0, 8, 2)
        ]
        for i in range(0, 8, 2)
    ]
    got = filtered_lrelu.plain(
        jnp.asarray(x[None, :, :, None], jnp.float32),
        jnp.asarray(up_filter, jnp.float32),
        jnp.asarray(down_filter, jnp.float32),
        options,
    )
    np.testing.assert_allclose(got[0, :, :, 0], wanted, rtol=1e-4, atol=1e-5)


def test_half_precision_is_computed_in_single(case):
    x, up_filter, down_filter, options = case
    half = filtered_lrelu_phases.filtered_lrelu_phases(
        jnp.asarray(x, jnp.bfloat16), up_filter, down_filter, options, (6, 7)
    )
    assert half.dtype == jnp.bfloat16
    wanted = filtered_lrelu.plain(x, up_filter, down_filter, options)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(
        half.astype(np.float32), wanted, rtol=0, atol=0.02 * scale
    )


def test_refuses_what_it_does_not_cover():
    x, taps = jnp.zeros((1, 8, 8, 1)), jnp.ones((12,)) / 12
    with pytest.raises(ValueError, match="multiple of `down`"):
        filtered_lrelu_phases.filtered_lrelu_phases(
            x, taps, taps, filtered_lrelu.Resampling(up=2, down=4)
        )
    small = filtered_lrelu.Resampling(up=2, down=2, padding=(-9, -9))
    with pytest.raises(ValueError, match="too small"):
        filtered_lrelu.plain(x, taps, taps, small)
    with pytest.raises(ValueError, match="must be positive"):
        filtered_lrelu.Resampling(up=0)


def test_filters_pass_low_and_stop_high_frequencies():
    for is_radial in (False, True):
        taps = lowpass.design(
            24, cutoff=4.0, width=6.0, sampling_rate=64.0, radial=is_radial
        )
        if not is_radial:
            taps = np.outer(taps, taps)
        np.testing.assert_allclose(taps, taps.T)
        np.testing.assert_allclose(taps, taps[::-1])
        response = np.abs(np.fft.fft2(taps, (64, 64)))
        assert abs(response[0, 0] - 1) < 1e-12
        assert abs(response[0, 4] - 0.5) < 0.1
        assert response[0, 12:32].max() < 0.02


def test_odd_radial_filters_have_a_finite_center():
    taps = lowpass.design(5, cutoff=1.0, width=2.0, sampling_rate=8.0, radial=True)
    assert np.isfinite(taps).all()
    assert taps.argmax() == 12


def test_refuses_a_cutoff_beyond_half_the_rate():
    with pytest.raises(ValueError, match="sampling_rate / 2"):
        lowpass.design(12, cutoff=5.0, width=1.0, sampling_rate=8.0)
