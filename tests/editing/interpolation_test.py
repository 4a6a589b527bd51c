import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.editing import interpolation
from jax_encoder.latents import statistics

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(3, 16)).astype(np.float32)
WS = RNG.normal(size=(3, 4, 8)).astype(np.float32)


@pytest.mark.parametrize("space", interpolation.SPACES)
@pytest.mark.parametrize("easing", interpolation.EASINGS)
def test_paths_go_through_the_codes(space, easing):
    values = WS if space.endswith("+") else Z
    found = interpolation.path(values, np.arange(4), space=space, easing=easing)
    np.testing.assert_allclose(found, values[[0, 1, 2, 0]], rtol=1e-4, atol=1e-5)


def test_z_keeps_to_the_sphere():
    z = Z / np.linalg.norm(Z, axis=1, keepdims=True) * 4.0
    found = interpolation.path(z, np.linspace(0, 2, 9), space="z")
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 4.0, rtol=1e-5)
    half = z[0] + z[1]
    np.testing.assert_allclose(found[2], half * 4 / np.linalg.norm(half), rtol=1e-4)


def test_p_goes_straight_before_the_activation():
    found = interpolation.path(WS, np.array([0.25]), space="p+")
    p = np.asarray(statistics.w_to_p(WS))
    expected = statistics.p_to_w(0.75 * p[:1] + 0.25 * p[1:2])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@given(st.integers(2, 5), st.integers(2, 60))
def test_places(num_codes, num_frames):
    line = interpolation.places(num_codes, num_frames)
    assert (line[0], line[-1]) == (0, num_codes - 1)
    loop = interpolation.places(num_codes, num_frames, is_loop=True)
    steps = np.diff(np.append(loop, num_codes))
    np.testing.assert_allclose(steps, num_codes / num_frames)


@pytest.mark.parametrize("easing", interpolation.EASINGS)
def test_easings_grow_from_0_to_1(easing):
    found = interpolation.ease(np.linspace(0, 1, 101), easing)
    assert (np.diff(found) >= 0).all()
    np.testing.assert_allclose(found[[0, 50, 100]], [0, 0.5, 1], atol=1e-12)


def test_films_go_back_and_forth():
    found = interpolation.back_and_forth(8)
    np.testing.assert_allclose(found[1:], found[1:][::-1], atol=1e-12)
    assert (found[0], found[4]) == (0, 1)


def test_coarse_rows_go_first():
    rows = interpolation.schedule("coarse-first", 4, overlap=0.4)
    np.testing.assert_allclose(rows[0], [0, 0.4])
    np.testing.assert_allclose(rows[-1], [0.6, 1])
    found = interpolation.path(WS, np.array([0.4]), space="w+", rows=rows)[0]
    np.testing.assert_allclose(found[0], WS[1, 0], rtol=1e-5)
    np.testing.assert_allclose(found[3], WS[0, 3], rtol=1e-5)
    last = interpolation.schedule("fine-first", 4, overlap=0.4)
    np.testing.assert_allclose(last, rows[::-1])


def test_bad_paths_are_refused():
    for call, message in (
        (lambda: interpolation.places(1, 5), "two codes"),
        (lambda: interpolation.ease(np.zeros(1), "fast"), "easing"),
        (lambda: interpolation.schedule("x", 4), "schedule"),
        (lambda: interpolation.schedule("together", 4, overlap=0), "overlap"),
        (lambda: interpolation.path(Z, np.zeros(1), space="q"), "space"),
        (
            lambda: interpolation.path(
                Z, np.zeros(1), space="w", rows=np.zeros((1, 2))
            ),
            "several rows",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_shape_and_color_travel_apart():
    values = np.arange(3 * 4 * 2, dtype=np.float32).reshape(3, 4, 2)
    found = interpolation.at(values, 0.0, 2.0)
    np.testing.assert_array_equal(found[:2], values[0, :2])
    np.testing.assert_array_equal(found[2:], values[2, 2:])
    middle = interpolation.at(values, 0.5, 0.5)
    np.testing.assert_allclose(middle, (values[0] + values[1]) / 2)
    with pytest.raises(ValueError, match="Places lie"):
        interpolation.at(values, 0.0, 2.5)
    with pytest.raises(ValueError, match="several rows"):
        interpolation.at(values[:, 0], 0.0, 0.0)
