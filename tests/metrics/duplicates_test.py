import numpy as np
import pytest

from jax_encoder.metrics import duplicates, oddity


def _pictures(num=6, side=32):
    """Smooth random pictures."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(-1, 1, (num, 6, 6, 3))
    rows = np.linspace(0, 5, side)
    low = np.minimum(rows.astype(int), 4)
    share = rows - low
    for axis in (1, 2):
        shape = [1] * 4
        shape[axis] = side
        weight = share.reshape(shape)
        coarse = (
            np.take(coarse, low, axis) * (1 - weight)
            + np.take(coarse, low + 1, axis) * weight
        )
    return coarse.astype(np.float32)


def test_color_and_a_shift_of_one_pixel_count_for_nothing():
    pictures = _pictures()
    mixed = pictures @ np.array([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4], [0.3, 0.2, -0.6]])
    for other in (0.5 * pictures + 0.2, mixed, np.roll(pictures, 1, axis=2)):
        assert duplicates.unexplained(pictures, other).max() < 0.05
    assert duplicates.unexplained(pictures, pictures[::-1]).min() > 0.2
    assert len(duplicates.unexplained(pictures[:0], pictures[:0])) == 0


def test_it_is_symmetric():
    a, b = _pictures()[:3], _pictures()[3:]
    found = duplicates.unexplained(a, b), duplicates.unexplained(b, a)
    np.testing.assert_allclose(*found, atol=1e-3)


def test_candidates_are_near_and_each_pair_comes_once():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 5))
    rows[20:] = rows[:20] + 1e-3
    pairs, far = duplicates.candidates(rows)
    wanted = {(k, k + 20) for k in range(20)}
    found = set(map(tuple, pairs.tolist()))
    assert len(found) == len(pairs)
    assert len(found & wanted) >= 10
    assert all(a < b for a, b in found)
    assert far.max() <= 1.3


def test_of_what_is_the_same_the_first_in_order_is_kept():
    pairs = np.array([[0, 1], [3, 4], [1, 6]])
    found = duplicates.thin(pairs, [1, 4, 0, 2, 3, 5, 6])
    assert found.tolist() == [1, -1, -1, 4, -1, -1, 1]
    # Nothing goes without being the same as what is kept itself.
    assert duplicates.thin(pairs, range(7)).tolist() == [-1, 0, -1, -1, 3, -1, -1]


def test_outliers_that_are_alike_do_not_hide_each_other():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(600, 8))
    rows[:5] = 12 + 0.01 * rng.normal(size=(5, 8))
    found = oddity.deviations(rows)
    assert (found[:5] > 6).all()
    assert (found[5:] < 6).all()
    with pytest.raises(ValueError, match="8 pictures"):
        oddity.deviations(rows[:4])


def test_robust_deviations_ignore_a_few_values():
    values = np.random.default_rng(3).normal(5, 2, 1000)
    values[:10] = 1e6
    found = oddity.robust(values)[10:]
    assert abs(found.mean()) < 0.2
    assert found.std() == pytest.approx(1, abs=0.2)
