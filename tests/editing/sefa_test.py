import numpy as np
import pytest

import converters
from jax_encoder.editing import moves, sefa


@pytest.fixture(scope="module")
def generator(request):
    golden = request.path.parent.parent / "golden"
    return converters.load(golden / "sg2_rosinality_r32" / "checkpoint.pt")


def _check(found, vectors, values):
    """Compares eigenvectors up to sign where neighbors differ by one per mille."""
    np.testing.assert_allclose(found.values, values, rtol=1e-4)
    gaps = np.abs(np.diff(values)) / values[0]
    is_apart = np.minimum(np.append(gaps, 1), np.append(1, gaps)) > 1e-3
    assert is_apart.sum() > len(values) / 2
    cosines = np.abs(np.sum(found.directions * vectors, axis=1))
    assert cosines[is_apart].min() >= 1 - 1e-4


@pytest.mark.parametrize(("name", "layers"), [("all", None), ("some", [0, 1, 3, 4])])
def test_factors_of_the_sefa_editing(golden, generator, name, layers):
    found = sefa.factorize(sefa.affine_weights(generator, layers))
    with np.load(golden / "algo_sefa" / "io.npz") as io:
        _check(found, io[f"sefa_{name}/vectors"], io[f"sefa_{name}/values"])


def test_factors_of_the_closed_form_factorization(golden, generator):
    weights = sefa.affine_weights(generator)
    # This reference counts the first RGB layer, too.
    weights.append(np.asarray(generator.synthesis.b4.torgb.affine.weight[...]))
    found = sefa.factorize(weights, normalize=False)
    with np.load(golden / "algo_sefa" / "io.npz") as io:
        _check(found, io["eigvec"].T, np.square(io["singular_values"]))


def test_the_first_direction_changes_the_styles_most():
    weights = np.random.default_rng(0).standard_normal((5, 9))
    factors = sefa.factorize([weights[:, :4], weights[:, 4:]], normalize=False)
    changes = np.sum(np.square(factors.directions @ weights), axis=1)
    np.testing.assert_allclose(changes, factors.values, rtol=1e-5)
    assert (np.diff(factors.values) <= 0).all()


def test_bad_weights_are_refused(generator):
    with pytest.raises(ValueError, match="one at least"):
        sefa.factorize([])
    with pytest.raises(ValueError, match="must lie in 0 to 6"):
        sefa.affine_weights(generator, [7])


def test_moves_add_up_and_keep_to_their_rows():
    ws = np.random.default_rng(1).standard_normal((2, 4, 3)).astype(np.float32)
    direction = np.float32([1, 0, 2])
    moved = moves.move(ws, direction, np.float32([1.0, -2.0]), rows=[0, 3])
    expected = ws.copy()
    expected[0, [0, 3]] += direction
    expected[1, [0, 3]] -= 2 * direction
    np.testing.assert_allclose(moved, expected, rtol=1e-6)
    back = moves.move(moved, direction, np.float32([-1.0, 2.0]), rows=[0, 3])
    np.testing.assert_allclose(back, ws, atol=1e-6)
    per_row = np.tile(direction, (4, 1)) * np.float32([[1], [0], [0], [1]])
    np.testing.assert_allclose(moves.move(ws, per_row, 1.0)[0], expected[0], rtol=1e-6)


def test_bad_moves_are_refused():
    ws = np.zeros((2, 4, 3))
    for match, arguments in {
        "direction": (np.zeros(4), 1.0),
        "strength": (np.zeros(3), np.zeros(3)),
        "rows": (np.zeros(3), 1.0, [4]),
    }.items():
        with pytest.raises(ValueError, match=match):
            moves.move(ws, *arguments)
