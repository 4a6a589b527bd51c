import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.editing import boundaries, linear_svm

CASES = {
    "all": {"chosen": 0.25, "split_ratio": 1.0, "invalid_value": -9999.0},
    "num": {"chosen": 40, "split_ratio": 1.0, "invalid_value": -9999.0},
    "noinvalid": {"chosen": 0.1, "split_ratio": 1.0},
    "split": {"chosen": 0.3, "split_ratio": 0.7, "invalid_value": -9999.0},
}


@pytest.fixture
def io(golden):
    with np.load(golden / "algo_interfacegan" / "io.npz") as archive:
        return dict(archive)


def _unit(seed, num=1, dim=6):
    x = np.random.default_rng(seed).standard_normal((num, dim))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("name", sorted(CASES))
def test_trained_boundaries_of_the_reference(io, name):
    trained = boundaries.train_boundary(
        io["latent_codes"],
        io["scores"],
        rng=np.random.RandomState(1234),  # noqa: NPY002
        **CASES[name],
    )
    found = trained.boundary
    np.testing.assert_allclose(np.linalg.norm(found), 1, rtol=1e-6)
    assert np.sum(found * io[f"train_tight/{name}"]) >= 1 - 1e-6
    assert np.sum(found * io[f"train/{name}"]) >= 1 - 1e-4
    has_validation = name == "split"
    assert np.isfinite(trained.validation_accuracy) == has_validation
    assert 0 <= trained.remaining_accuracy <= 1


def test_projected_boundaries_of_the_reference(io):
    others = [io[f"boundary{k}"] for k in range(1, 4)]
    for num in range(4):
        found = boundaries.project_boundary(io["boundary0"], *others[:num])
        expected = io[f"project/{num}cond"]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_interpolations_of_the_reference(io):
    boundary = io["boundary0"]
    options = {"start": -2, "stop": 5, "num_steps": 7}
    found = {
        "z": boundaries.linear_interpolate(io["code_z"], boundary),
        # The fixture's text does not say so, but this case takes boundary1.
        "z_custom": boundaries.linear_interpolate(
            io["code_z"], io["boundary1"], **options
        ),
        "wp": boundaries.linear_interpolate(io["code_wp"], boundary),
    }
    for name, codes in found.items():
        np.testing.assert_allclose(codes, io[f"interp/{name}"], rtol=1e-6, atol=1e-6)


@given(st.integers(0, 4), st.integers(0, 99))
def test_a_projected_boundary_leaves_the_conditions_alone(num, seed):
    conditions = [_unit(seed + 100 + k) for k in range(num)]
    found = boundaries.project_boundary(_unit(seed), *conditions)
    np.testing.assert_allclose(np.linalg.norm(found), 1, rtol=1e-9)
    for condition in conditions:
        np.testing.assert_allclose(np.sum(found * condition), 0, atol=1e-6)


def test_dependent_conditions_count_once():
    a, b = _unit(0), _unit(1)
    once = boundaries.project_boundary(a, b)
    np.testing.assert_allclose(boundaries.project_boundary(a, b, b), once, rtol=1e-9)
    with pytest.raises(ValueError, match="nothing is left"):
        boundaries.project_boundary(a, b, a)


def test_accuracies_count_the_samples_that_were_not_trained_on():
    codes = np.linspace(-1, 1, 100)[:, None] + 5
    trained = boundaries.train_boundary(codes, codes, chosen=0.2)
    np.testing.assert_allclose(trained.boundary, [[1.0]])
    assert trained.validation_accuracy == trained.remaining_accuracy == 1.0
    mixed = np.where(np.arange(100) % 2 > 0, codes[:, 0], 10 - codes[:, 0])
    trained = boundaries.train_boundary(codes, mixed, chosen=0.2)
    assert trained.remaining_accuracy < 0.8


def test_the_machine_fulfils_its_optimality_conditions():
    rng = np.random.default_rng(3)
    positive = rng.standard_normal((60, 4)) + 0.4
    negative = rng.standard_normal((45, 4)) - 0.4
    normal, intercept = linear_svm.fit(positive, negative, penalty=0.7)
    samples = np.concatenate([positive, negative])
    signs = np.repeat([1.0, -1.0], [60, 45])

    def objective(normal, intercept):
        margins = signs * (samples @ normal + intercept)
        return normal @ normal / 2 + 0.7 * np.maximum(0, 1 - margins).sum()

    best = objective(normal, intercept)
    for _ in range(200):
        step = 1e-3 * rng.standard_normal(5)
        assert objective(normal + step[:4], intercept + step[4]) >= best - 1e-9


def test_separable_sets_are_separated_in_the_middle():
    x = np.float64([[1, 0], [2, 1], [3, -1]])
    normal, intercept = linear_svm.fit(x, -x, penalty=100.0)
    np.testing.assert_allclose(normal, [1, 0], atol=1e-6)
    np.testing.assert_allclose(intercept, 0, atol=1e-6)


def test_bad_input_is_refused():
    code, boundary = np.zeros((1, 3)), np.zeros((1, 4))
    with pytest.raises(ValueError, match="`boundary`"):
        boundaries.linear_interpolate(code, boundary)
    with pytest.raises(ValueError, match=r"\[1, 3\]"):
        boundaries.project_boundary(code, boundary)
    with pytest.raises(ValueError, match="No samples"):
        boundaries.train_boundary(np.zeros((10, 3)), np.zeros(10))
    with pytest.raises(ValueError, match="one row"):
        boundaries.train_boundary(np.zeros((10, 2, 3)), np.zeros(10))
    with pytest.raises(ValueError, match="Both sets"):
        linear_svm.fit(np.zeros((0, 3)), np.zeros((2, 3)))
