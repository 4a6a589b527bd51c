import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.metrics import pairs
from jax_encoder.ops import ssim


def _pictures(seed, shape=(2, 40, 44, 3)):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1, 1, (shape[0], 4, 4, shape[3]))
    smooth = coarse.repeat(shape[1] // 4, axis=1).repeat(shape[2] // 4, axis=2)
    return (0.8 * smooth + 0.2 * rng.uniform(-1, 1, shape)).astype(np.float32)


def _slow_ssim(x, y, data_range):
    """Eq. 13 of Wang et al. 2004, window by window: similarity and contrast means."""
    offsets = np.arange(11) - 5.0
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a = (window * (a - mean_a) ** 2).sum()
            var_b = (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            contrast = (2 * covariance + c2) / (var_a + var_b + c2)
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            found.append((luminance * contrast, contrast))
    return np.mean(found, axis=0)


def _halve(x):
    """Means of 2 x 2 boxes; an odd last row or column is dropped."""
    x = x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2]
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def test_ssim_equals_the_formula_window_by_window():
    images, targets = _pictures(0), _pictures(1)
    targets = 0.5 * (images + targets)
    expected = [
        np.mean([_slow_ssim(x[..., c], y[..., c], 2.0)[0] for c in range(3)])
        for x, y in zip(images.astype(np.float64), targets, strict=True)
    ]
    found = jax.jit(pairs.ssim)(images, targets)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_ms_ssim_equals_the_formula_scale_by_scale():
    images, targets = _pictures(2, (1, 44, 56, 1)), _pictures(3, (1, 44, 56, 1))
    x, y = np.float64(images[0, ..., 0]), np.float64(0.9 * images + 0.1 * targets)
    y = y[0, ..., 0]
    weights = np.float64([0.0448, 0.2856, 0.3001])
    expected, start = 1.0, (x[None, ..., None], y[None, ..., None])
    for scale, weight in enumerate(weights / weights.sum()):
        similarity, contrast = _slow_ssim(x, y, 2.0)
        expected *= (similarity if scale == 2 else contrast) ** weight
        x, y = (_halve(a) for a in (x, y))
    found = jax.jit(ssim.ms_ssim)(*(jnp.asarray(a, jnp.float32) for a in start))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_equal_pictures():
    images = _pictures(4)
    expected = {"mse": 0, "psnr": np.inf, "ssim": 1, "ms_ssim": 1}
    for name, value in expected.items():
        found = jax.jit(getattr(pairs, name))(images, images)
        np.testing.assert_allclose(found, [value, value], rtol=1e-6)


def test_psnr_is_that_of_8_bit_pictures():
    rng = np.random.default_rng(5)
    a, b = (rng.integers(0, 256, (2, 8, 8, 3)) for _ in range(2))
    expected = 10 * np.log10(255**2 / np.square(a - b).mean(axis=(1, 2, 3)))
    images, targets = (np.float32(x / 127.5 - 1) for x in (a, b))
    np.testing.assert_allclose(pairs.psnr(images, targets), expected, rtol=1e-5)


class _Identity:
    def embed(self, images):
        return jnp.mean(images, axis=(1, 2))


def test_identity_similarity_is_the_cosine():
    images = np.ones((1, 4, 4, 3), np.float32)
    targets = images * np.float32([1, 0, 0])[None, None, None]
    found = pairs.identity_similarity(_Identity(), images, targets)
    np.testing.assert_allclose(found, [3**-0.5], rtol=1e-6)


def test_bad_pictures_are_refused():
    images = _pictures(6)
    with pytest.raises(ValueError, match="same shape"):
        pairs.mse(images, images[:1])
    with pytest.raises(ValueError, match="must lie in"):
        pairs.psnr(images * 3, images)
    with pytest.raises(ValueError, match="at least 11"):
        pairs.ssim(images[:, :8], images[:, :8])
    with pytest.raises(ValueError, match="at least 176"):
        ssim.ms_ssim(images, images, num_scales=5)
    with pytest.raises(ValueError, match="1 to 5"):
        ssim.ms_ssim(images, images, num_scales=6)
