import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.metrics import neighbors


@given(st.integers(0, 1000), st.integers(1, 6))
def test_agrees_with_all_distances(seed, num):
    rng = np.random.default_rng(seed)
    queries, data = rng.normal(size=(7, 4)), rng.normal(size=(20, 4))
    far = np.linalg.norm(queries[:, None] - data[None], axis=-1)
    distances, rows = neighbors.nearest(queries, data, num)
    np.testing.assert_array_equal(rows, np.argsort(far, axis=1)[:, :num])
    np.testing.assert_allclose(distances, np.sort(far, axis=1)[:, :num], atol=1e-4)


def test_a_row_is_not_its_own_neighbor_and_equal_rows_are():
    data = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 3, axis=0)
    distances, rows = neighbors.within(data, 2)
    assert (rows != np.arange(15)[:, None]).all()
    np.testing.assert_array_equal(
        np.sort(rows // 3, axis=1), [[k // 3] * 2 for k in range(15)]
    )
    np.testing.assert_allclose(distances, 0, atol=1e-3)


def test_refusals():
    with pytest.raises(ValueError, match="same network"):
        neighbors.nearest(np.ones((2, 3)), np.ones((2, 4)), 1)
    with pytest.raises(ValueError, match="two rows"):
        neighbors.within(np.ones((1, 3)), 1)
    assert neighbors.within(np.ones((3, 2)), 9)[0].shape == (3, 2)
