import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import pooling


@pytest.mark.parametrize(
    ("name", "options"),
    [("floor", {}), ("padded", {"padding": 1}), ("ceil", {"ceil_mode": True})],
)
def test_max_pool_equals_torch(golden, name, options):
    with np.load(golden / "resize.npz") as arrays:
        got = pooling.max_pool(arrays["images"], 3, 2, **options)
        np.testing.assert_array_equal(got, arrays[f"max_pool/{name}"])


def test_average_pool_equals_torch(golden):
    with np.load(golden / "resize.npz") as arrays:
        got = pooling.average_pool_3x3(arrays["images"])
        expected = arrays["average_pool/inside"]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_max_pool_2x2_gives_ties_to_the_first_as_torch_does(golden, variant):
    with np.load(golden / "resize.npz") as arrays:
        images, weights = arrays["ties/images"], arrays["ties/weights"]
        expected = arrays["ties/gradient"]

    def weighted(images):
        return jnp.sum(pooling.max_pool_2x2(images) * weights)

    np.testing.assert_array_equal(variant(jax.grad(weighted))(images), expected)


def test_max_pool_2x2_is_a_windowed_maximum():
    images = np.random.default_rng(0).normal(size=(2, 9, 6, 3)).astype(np.float32)
    expected = pooling.max_pool(images, 2, 2)
    np.testing.assert_array_equal(pooling.max_pool_2x2(images), expected)
