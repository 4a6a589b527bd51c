import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.inversion import objectives

SHAPES = {
    "mse": (2, 4, 5, 3),
    "l1": (2, 4, 5, 3),
    "log_cosh": (2, 4, 5, 3),
    "feature_distance": (2, 4, 5, 3),
    "squared_distance": (2, 4, 5, 3),
    "latent_loss": (2, 4, 5, 3),
    "identity_angle": (2, 6),
    "identity_l1": (2, 6),
    "identity_cosine": (2, 6),
    "ms_ssim": (2, 22, 23, 3),
    "landmark_mse": (2, 68, 2),
    "histogram": (2, 5, 4, 3),
}
NAMES = sorted(SHAPES)


def _histogram(images, targets):
    histograms = [objectives.soft_histogram(x, sigma=0.1) for x in (images, targets)]
    return objectives.histogram_emd(*histograms)


def _function(name):
    return _histogram if name == "histogram" else getattr(objectives, name)


def _random(name, seed, dtype=np.float64):
    uniform = np.random.default_rng(seed).uniform
    return uniform(-1, 1, SHAPES[name]).astype(dtype)


def _edges(name):
    signs = np.random.default_rng(3).integers(0, 2, SHAPES[name]) * 2 - 1
    return signs.astype(np.float32)


@functools.cache
def _compiled(name):
    def total(images, targets):
        values = _function(name)(images, targets)
        return jnp.sum(values), values

    return jax.jit(jax.value_and_grad(total, has_aux=True))


def _evaluate(name, images, targets):
    (_, values), gradient = _compiled(name)(images, targets)
    return np.asarray(values), np.asarray(gradient)


@pytest.mark.parametrize("name", NAMES)
def test_is_zero_with_zero_gradient_on_equal_pictures(name):
    images = _random(name, 0, np.float32)
    value, gradient = _evaluate(name, images, images)
    assert value.shape == (2,)
    np.testing.assert_allclose(value, 0, atol=3e-6)
    np.testing.assert_allclose(gradient, 0, atol=3e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_finite_on_constant_pictures_and_at_the_edges(name):
    shape = SHAPES[name]
    samples = [np.full(shape, c, np.float32) for c in (-1.0, 0.0, 1.0)]
    samples += [_edges(name), -_edges(name), _random(name, 1, np.float32)]
    for images in samples:
        for targets in samples:
            value, gradient = _evaluate(name, images, targets)
            assert np.isfinite(value).all()
            assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_equals_finite_differences(name):
    with jax.enable_x64(True):
        images, targets = _random(name, 4), _random(name, 5)
        if name == "ms_ssim":
            # Correlated, so that no scale is clamped.
            targets = 0.8 * images + 0.2 * targets
        _, gradient = _evaluate(name, images, targets)
        rng = np.random.default_rng(6)
        for _ in range(4):
            direction = rng.standard_normal(images.shape)
            plus, _ = _evaluate(name, images + 1e-6 * direction, targets)
            minus, _ = _evaluate(name, images - 1e-6 * direction, targets)
            slope = np.sum(plus - minus) / 2e-6
            np.testing.assert_allclose(
                np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-8
            )


@pytest.mark.parametrize("name", NAMES)
def test_no_picture_sees_the_others(name):
    images, targets = _random(name, 7, np.float32), _random(name, 8, np.float32)
    together, _ = _evaluate(name, images, targets)
    targets[1] = images[1]
    changed, _ = _evaluate(name, images, targets)
    assert changed[0] == together[0]
    assert changed[1] != together[1]


@given(st.floats(-1e4, 1e4))
def test_log_cosh_is_exact_for_small_and_large_differences(difference):
    images = np.full((1, 1), difference, np.float32)
    value = objectives.log_cosh(images, np.zeros_like(images))
    exact = np.logaddexp(np.float64(images), -np.float64(images)) - np.log(2)
    if abs(difference) < 1e-3:
        exact = np.square(np.float64(images)) / 2
    np.testing.assert_allclose(value, exact[0], rtol=2e-6, atol=1e-37)


@jax.jit
def _reference_losses(fa, fb, dl, dl_avg):
    first = fa[:1], fb[:1]
    plain = objectives.latent_loss(*first)
    return {
        "loss_features": objectives.latent_loss(fa, fb),
        "latents": objectives.latent_loss(*first, dl, dl_avg) - plain,
        "logcosh": objectives.log_cosh(fa, fb),
        "l1": objectives.l1(fa, fb),
        "identity": objectives.identity_angle(*first),
    }


def test_losses_of_the_reference(golden):
    with np.load(golden / "net_ml1652" / "io.npz") as io:
        losses = _reference_losses(*(io[k] for k in ("fa", "fb", "dl", "dl_avg")))
        expected = dict(io)
    expected["latents"] = expected["loss_with_latents"] - expected["loss_features"]
    for name, loss in losses.items():
        np.testing.assert_allclose(np.mean(loss), expected[name].squeeze(), rtol=1e-5)


def test_mse_of_the_reference(golden):
    with np.load(golden / "algo_e4e_losses" / "io.npz") as io:
        value = objectives.mse(io["y_hat"], io["y"])
        np.testing.assert_allclose(value.mean(), io["stage0/l2"], rtol=1e-5)


def test_small_angles_are_accurate():
    angles = np.float32([1e-6, 1e-4, 1e-2, 1.0, 3.0, np.pi])
    u = np.tile(np.float32([[3.0, 0.0]]), (len(angles), 1))
    v = np.stack([np.cos(np.float64(angles)), np.sin(np.float64(angles))], axis=1)
    value = objectives.identity_angle(u, 2 * v.astype(np.float32))
    np.testing.assert_allclose(value, angles, rtol=1e-6)


def test_feature_maps_are_weighted_and_summed():
    rng = np.random.default_rng(9)
    maps = {k: rng.standard_normal((2, k, 3)).astype(np.float32) for k in (2, 4)}
    zeros = jax.tree.map(np.zeros_like, maps)
    value = objectives.feature_distance(maps, zeros, weights=(2.0, 0.5))
    expected = [
        2 * np.square(maps[2][i]).mean() + 0.5 * np.square(maps[4][i]).mean()
        for i in (0, 1)
    ]
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    value = objectives.squared_distance(maps, zeros)
    expected = [sum(np.square(maps[k][i]).sum() for k in (2, 4)) for i in (0, 1)]
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_histograms_count_pixels_in_bins():
    levels = np.float32([[10, 30, 30, 240], [100, 100, 100, 100]]) / 127.5 - 1
    images = np.repeat(levels.reshape(2, 2, 2, 1), 3, axis=3)
    histograms = np.asarray(objectives.soft_histogram(images))
    np.testing.assert_allclose(
        histograms[0, 1, [0, 1, 9]], [0.25, 0.5, 0.25], atol=0.01
    )
    np.testing.assert_allclose(histograms[1, 2, 3], 1, atol=0.03)
    # From the bins 0, 1 and 9 to bin 3; the same in all three colors.
    emd = objectives.histogram_emd(histograms[:1], histograms[1:])
    np.testing.assert_allclose(emd, [3 * (0.25 * 3 + 0.5 * 2 + 0.25 * 6)], rtol=0.03)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        objectives.mse(np.zeros((2, 3, 3, 3)), np.zeros((1, 3, 3, 3)))
    with pytest.raises(ValueError, match="same arrays"):
        objectives.feature_distance([np.zeros((1, 2))], [])
    with pytest.raises(ValueError, match="one entry for each"):
        objectives.feature_distance(np.zeros((1, 2)), np.zeros((1, 2)), weights=[1, 2])
    with pytest.raises(ValueError, match="136"):
        objectives.landmark_mse(np.zeros((1, 5, 2)), np.zeros((1, 5, 2)))
