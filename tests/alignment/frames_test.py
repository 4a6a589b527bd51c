import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.alignment import frames
from tests.alignment import synthetic

angles = st.floats(-180, 180)
scales = st.floats(2, 3000)


@given(angle=angles, scale=scales, x=st.floats(-500, 5000), y=st.floats(-500, 5000))
def test_a_frame_survives_json_and_maps_both_ways(angle, scale, x, y):
    matrix = synthetic.place(angle, scale, x, y)
    frame = synthetic.frame(matrix, 64, (640, 480), points=((1.0, 2.5),) * 4)
    again = frames.from_dict(json.loads(json.dumps(frame.to_dict())))
    assert again == frame
    spots = np.array([[0.0, 0.0], [63.0, 0.0], [10.5, 60.25]])
    np.testing.assert_allclose(
        frame.to_aligned(frame.to_photograph(spots)), spots, atol=1e-6
    )
    assert frame.side == pytest.approx(scale)


def test_pixel_centers_lie_half_a_pixel_inside():
    # A crop of 4 pixels that covers the pixels 10 to 17 of a photograph.
    corners = np.array([[9.5, 19.5], [9.5, 27.5], [17.5, 27.5], [17.5, 19.5]])
    frame = frames.Frame(
        quad=frames.as_quad(corners),
        output_size=4,
        method="center",
        photograph_size=(40, 40),
    )
    np.testing.assert_allclose(frame.to_photograph([0, 0]), [10.5, 20.5])
    np.testing.assert_allclose(frame.to_photograph([-0.5, -0.5]), [9.5, 19.5])
    np.testing.assert_allclose(frame.matrix(8)[:2, 2], [10, 20])


def test_the_homography_of_any_quad_takes_corners_to_corners():
    quad = np.array([[0, 0], [1, 7], [9, 11], [6, -2]], np.float64)
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    matrix = frames.unit_homography(quad)
    np.testing.assert_allclose(frames.apply(matrix, corners), quad, atol=1e-12)
    assert abs(matrix[2, 0]) > 1e-3  # a real perspective


def test_a_part_of_a_frame_lies_in_it():
    frame = synthetic.frame(synthetic.place(30, 100), 100, (512, 512))
    part = frame.sub_frame((0.25, 0.5, 0.75, 1.0), output_size=50)
    np.testing.assert_allclose(
        part.to_photograph([3.0, 4.0]), frame.to_photograph([28.0, 54.0])
    )


@given(angle=angles, scale=scales, shift=st.floats(-1000, 1000))
def test_fit_similarity_finds_what_was_done(angle, scale, shift):
    matrix = synthetic.place(angle, scale, shift, -shift)
    moved = frames.apply(matrix, synthetic.FOUR)
    found = frames.fit_similarity(synthetic.FOUR, moved)
    np.testing.assert_allclose(found, matrix, atol=1e-6 * scale)


def test_fit_similarity_never_mirrors():
    mirrored = synthetic.FOUR * np.array([-1.0, 1.0])
    found = frames.fit_similarity(synthetic.FOUR, mirrored)
    assert np.linalg.det(found) > 0
    with pytest.raises(ValueError, match="two different points"):
        frames.fit_similarity(np.ones((4, 2)), synthetic.FOUR)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quad": [[0, 0], [1, 1]]}, "4 corners, got 2"),
        ({"quad": [[0, 0], [0, 1], [1, 1], [float("nan"), 0]]}, "finite"),
        ({"quad": [[0, 0], [1, 0], [1, 1], [0, 1]]}, "convex"),
        ({"output_size": 0}, "must be positive"),
        ({"nonsense": 1}, "align the photograph again"),
        ({"photograph_size": None}, "align the photograph again"),
    ],
)
def test_damaged_values_are_refused(changes, message):
    values = synthetic.frame(synthetic.place(), 64, (640, 480)).to_dict()
    with pytest.raises(ValueError, match=message):
        frames.from_dict({**values, **changes})


def test_a_frame_is_found_in_a_codes_metadata():
    frame = synthetic.frame(synthetic.place(), 64, (640, 480))
    assert frames.from_metadata({"preset": "default"}) is None
    assert frames.from_metadata({frames.KEY: frame.to_dict()}) == frame
