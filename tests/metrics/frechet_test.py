import numpy as np
import pytest

from jax_encoder.metrics import features, frechet


def _statistics(rows, num_batches=3):
    return features.statistics(np.array_split(rows, num_batches))


@pytest.fixture
def io(golden):
    with np.load(golden / "algo_metrics" / "io.npz") as archive:
        return dict(archive)


def test_statistics_of_the_references(io):
    for name in ("real", "gen"):
        statistics = _statistics(io[name])
        biased = statistics.covariance(unbiased=False)
        np.testing.assert_allclose(statistics.mean, io[f"nv/mu_{name}"], rtol=1e-9)
        np.testing.assert_allclose(biased, io[f"nv/sigma_{name}"], rtol=1e-9)
    unbiased = _statistics(io["real"]).covariance(unbiased=True)
    np.testing.assert_allclose(unbiased, io["pt/sigma_real"], rtol=1e-9)


def test_distances_of_the_references(io):
    real, generated = _statistics(io["real"]), _statistics(io["gen"])
    biased = frechet.frechet_distance(real, generated)
    np.testing.assert_allclose(biased, io["nv/fid"], rtol=1e-9)
    unbiased = frechet.frechet_distance(real, generated, unbiased=True)
    np.testing.assert_allclose(unbiased, io["pt/fid"], rtol=1e-9)


def test_covariances_of_deficient_rank(io):
    few = [_statistics(io[name][:12], 1) for name in ("real", "gen")]
    distance = frechet.frechet_distance(*few, unbiased=True)
    np.testing.assert_allclose(distance, io["pt/fid_rank_deficient"], rtol=1e-5)


@pytest.mark.parametrize("num", [3, 40, 400])
def test_a_set_is_at_distance_zero_from_itself(num):
    rng = np.random.default_rng(num)
    rows = 5 + rng.standard_normal((num, 64)) * np.logspace(1, -4, 64)[None]
    statistics = _statistics(rows)
    shuffled = _statistics(rng.permutation(rows), 2)
    assert frechet.frechet_distance(statistics, statistics) < 1e-9
    assert frechet.frechet_distance(statistics, shuffled) < 1e-9


def test_shifted_and_scaled_gaussians():
    rows = np.random.default_rng(1).standard_normal((500, 5))
    statistics = _statistics(rows)
    shifted = _statistics(rows + np.float64([[1, 0, 2, 0, 0]]))
    np.testing.assert_allclose(frechet.frechet_distance(statistics, shifted), 5)
    # (s - 3 s)^2 summed over the axes, plus the shift of the mean.
    expected = 4 * np.trace(statistics.covariance(unbiased=False))
    expected += 4 * np.sum(statistics.mean**2)
    scaled = frechet.frechet_distance(statistics, _statistics(3 * rows))
    np.testing.assert_allclose(scaled, expected)


def test_different_features_are_refused():
    a, b = (_statistics(np.eye(4)[:, :d]) for d in (3, 4))
    with pytest.raises(ValueError, match="same network"):
        frechet.frechet_distance(a, b)
