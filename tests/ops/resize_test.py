import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import resize

METHODS = {
    "area": resize.adaptive_average,
    "bilinear": resize.bilinear,
    "bilinear_corners": lambda x, size: resize.bilinear(x, size, align_corners=True),
    "bilinear_antialias": lambda x, size: resize.bilinear(x, size, antialias=True),
    "bicubic": resize.bicubic,
    "bicubic_antialias": lambda x, size: resize.bicubic(x, size, antialias=True),
}
SIZES = {"down": (5, 4), "up": (17, 23), "mixed": (7, 25)}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_equals_torch(golden, method, size):
    with np.load(golden / "resize.npz") as arrays:
        got = METHODS[method](arrays["images"], SIZES[size])
        expected = arrays[f"{method}/{size}"]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_keeps_constants_and_identity(method, variant):
    images = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype(np.float32)
    resized = variant(METHODS[method], static_argnums=1)
    np.testing.assert_array_equal(resized(images, 6), images)
    np.testing.assert_allclose(resized(jnp.ones((1, 8, 8, 1)), 5), 1.0, rtol=1e-6)


def test_box_is_the_mean_of_blocks():
    images = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    got = resize.box(images, 2)[0, :, :, 0]
    np.testing.assert_array_equal(got, [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(
        resize.adaptive_average(images, 2), got[None, ..., None]
    )


def test_at_most_only_shrinks():
    images = jnp.ones((1, 8, 8, 3))
    assert resize.at_most(images, 4).shape == (1, 4, 4, 3)
    assert resize.at_most(images, 16) is images


def test_the_area_of_an_enlarged_picture_is_a_repetition():
    images = np.random.default_rng(0).normal(size=(1, 3, 3, 1)).astype(np.float32)
    expected = np.repeat(np.repeat(images, 4, axis=1), 4, axis=2)
    np.testing.assert_allclose(resize.adaptive_average(images, 12), expected, rtol=1e-6)


def test_gradient_is_the_transpose():
    images = jnp.ones((1, 6, 5, 1))
    gradient = jax.grad(lambda x: jnp.sum(resize.adaptive_average(x, (4, 3))))(images)
    assert float(jnp.sum(gradient)) == pytest.approx(12.0)


def test_bad_arguments():
    images = jnp.ones((1, 6, 6, 1))
    with pytest.raises(ValueError, match="divide height and width"):
        resize.box(images, 4)
    with pytest.raises(ValueError, match="must be positive"):
        resize.bilinear(images, 0)
    with pytest.raises(ValueError, match="not defined with `align_corners`"):
        resize.bilinear(images, 3, align_corners=True, antialias=True)
    with pytest.raises(ValueError, match="N, H, W, C"):
        resize.box(images[0], 2)
