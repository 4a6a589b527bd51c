import numpy as np
import pytest

from jax_encoder.metrics import kernel, manifold


@pytest.fixture
def io(golden):
    with np.load(golden / "algo_metrics" / "io.npz") as archive:
        return dict(archive)


def test_kernel_distance_of_the_reference(io):
    value = kernel.kernel_distance(io["real"], io["gen"], subsets=io["kid/subsets"])
    np.testing.assert_allclose(value, io["kid/value"], rtol=1e-5)


def test_kernel_distance_is_unbiased_and_repeatable():
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal((300, 4)) for _ in range(3))
    options = {"num_subsets": 20, "subset_size": 100}
    same = kernel.kernel_distance(a, b, **options)
    other = kernel.kernel_distance(a, c + 1, **options)
    assert abs(same) < 0.1 * other
    assert other == kernel.kernel_distance(a, c + 1, **options)


def test_precision_and_recall_of_the_reference(io):
    precision, recall = manifold.precision_recall(io["real"], io["gen"])
    np.testing.assert_allclose(precision, io["pr/precision"], atol=2 / 280)
    np.testing.assert_allclose(recall, io["pr/recall"], atol=2 / 300)


def test_precision_and_recall_equal_a_loop_over_all_pairs():
    rng = np.random.default_rng(2)
    real, generated = rng.standard_normal((48, 3)), 0.5 * rng.standard_normal((32, 3))

    def share(points, probes):
        gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
        radii = np.sort(gaps, axis=1)[:, 2]
        reach = np.linalg.norm(probes[:, None] - points[None], axis=-1) <= radii[None]
        return reach.any(axis=1).mean()

    found = manifold.precision_recall(real, generated, num_neighbors=2, block_size=16)
    expected = share(real, generated), share(generated, real)
    np.testing.assert_allclose(found, expected)
    assert expected[1] < expected[0]


def test_bad_features_are_refused():
    with pytest.raises(ValueError, match="same network"):
        kernel.kernel_distance(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="two pictures"):
        kernel.kernel_distance(np.zeros((1, 2)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="more than 3"):
        manifold.precision_recall(np.zeros((3, 2)), np.zeros((5, 2)))
