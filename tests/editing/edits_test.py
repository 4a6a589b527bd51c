import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.editing import boundaries, directions, edits

RNG = np.random.default_rng(0)
UNIT = RNG.normal(size=(3, 8))
UNIT = (UNIT / np.linalg.norm(UNIT, axis=1, keepdims=True)).astype(np.float32)
WS = RNG.normal(size=(5, 4, 8)).astype(np.float32)


def direction(k=0, **options):
    return directions.Direction(name="abc"[k], vector=UNIT[k], **options)


def edit(*parts):
    return edits.Edit(parts=parts)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_the_two_meanings_of_interfacegan(space):
    values = WS if space == "w+" else WS[:, 0]
    found = edits.walk(
        values,
        edit((direction(), 1.0)),
        np.linspace(-3, 3, 5),
        meaning=edits.published_meaning(space),
    )
    for code, moved in zip(values, found, strict=True):
        expected = boundaries.linear_interpolate(code[None], UNIT[:1], num_steps=5)
        np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-6)


def test_distances_of_components_are_those_of_encoder4editing():
    origin, std = RNG.normal(size=8).astype(np.float32), 0.7
    component = directions.Direction(
        name="pc", vector=UNIT[0] * std, unit="sd", origin=origin
    )
    found = edits.walk(WS, edit((component, 1.0)), [2.0], meaning="distance")
    for code, (moved,) in zip(WS, found, strict=True):
        coordinate = np.sum((code[0] - origin) * UNIT[0]) / std
        expected = code + (2.0 - coordinate) * UNIT[0] * std
        np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-5)


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=2), st.floats(-2, 2))
def test_several_directions_add_up(amounts, position):
    parts = ((direction(0), amounts[0]), (direction(1, rows=(1, 3)), amounts[1]))
    found = edits.walk(WS, edit(*parts), [position])[:, 0]
    expected = WS + position * amounts[0] * UNIT[0]
    expected[:, 1:3] += position * amounts[1] * UNIT[1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@given(st.floats(-4, 4))
def test_an_edit_and_its_inverse_cancel(amount):
    there = edits.walk(WS, edit((direction(), amount)), [1.0])[:, 0]
    back = edits.walk(there, edit((direction(), -amount)), [1.0])[:, 0]
    np.testing.assert_allclose(back, WS, atol=1e-5)


def test_names_and_spaces():
    both = edit((direction(0), 2.0), (direction(1), -1.5), (direction(2), 1.0))
    assert (both.name, both.space) == ("a=2,b=-1.5,c", "w")
    assert edit((direction(rows=(0, 1)), 1.0)).space == "w+"
    assert edit((direction(space="z"), 1.0)).space == "z"


def test_edits_that_mean_nothing_are_refused():
    apart, other = direction(rows=(0, 2)), direction(1)
    wide = directions.Direction(name="wide", vector=np.ones(9))
    for call, message in (
        (lambda: edit(), "needs a direction"),
        (lambda: edit((direction(space="z"), 1.0), (other, 1.0)), "cannot be added"),
        (lambda: edits.walk(WS[:, 0], edit((apart, 1.0)), [1]), "moves rows apart"),
        (lambda: edits.walk(WS, edit((wide, 1.0)), [1]), "has 9 entries"),
        (
            lambda: edits.walk(
                WS, edit((apart, 1.0), (other, 1.0)), [1], meaning="distance"
            ),
            "defined for one direction",
        ),
    ):
        with pytest.raises(directions.DirectionError, match=message):
            call()


@pytest.mark.parametrize("unit", ["length", "sd"])
def test_conditional_directions_are_orthogonal(unit):
    primal = direction(0, unit=unit)
    found = edits.conditional(primal, [direction(1), direction(2)])
    np.testing.assert_allclose(UNIT[1:] @ found.vector, 0, atol=1e-6)
    along = found.vector @ UNIT[0] if unit == "sd" else np.linalg.norm(found.vector)
    np.testing.assert_allclose(along, 1, rtol=1e-5)
    assert found.provenance["conditional"] == ["b", "c"]


def test_conditions_may_move_rows_apart():
    rows = directions.Direction(name="r", vector=WS[0], space="w+")
    found = edits.conditional(direction(0), [rows])
    assert (found.space, found.vector.shape) == ("w+", (4, 8))
    assert abs(np.sum(found.vector * WS[0])) < 1e-5


def test_impossible_conditions_are_refused():
    with pytest.raises(directions.DirectionError, match="nothing is left"):
        edits.conditional(direction(0), [direction(0)])
    with pytest.raises(directions.DirectionError, match="same space"):
        edits.conditional(direction(0), [direction(1, space="z")])
