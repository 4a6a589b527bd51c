import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.alignment import crops, frames, landmarks, methods, quads
from tests.alignment import published, synthetic


def _landmarks68(matrix):
    """68 points whose eyes and mouth are the synthetic face's."""
    points = np.full((68, 2), 0.5)
    ring = 0.03 * np.stack([np.cos(np.arange(6)), np.sin(np.arange(6))], axis=-1)
    ring = ring - ring.mean(axis=0)
    points[landmarks.LEFT_EYE] = synthetic.FOUR[0] + ring
    points[landmarks.RIGHT_EYE] = synthetic.FOUR[1] + ring
    points[[landmarks.LEFT_MOUTH, landmarks.RIGHT_MOUTH]] = synthetic.FOUR[2:]
    return frames.apply(matrix, points)


CASES = {
    "inside": (synthetic.place(0, 120, 200, 150), 64),
    "turned": (synthetic.place(33, 140, 210, 160), 128),
    "shrunk": (synthetic.place(-20, 190, 190, 160), 24),
    "over the corner": (synthetic.place(15, 230, 90, 70), 96),
    "over the right edge": (synthetic.place(-40, 200, 330, 200), 100),
    "larger than the picture": (synthetic.place(5, 600, 200, 150), 80),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("transform_size", [256, None])
def test_ffhq_is_the_published_recipe(case, transform_size):
    matrix, size = CASES[case]
    photograph, points = synthetic.smooth_picture(321, 400), _landmarks68(matrix)
    options = crops.FfhqOptions(output_size=size, transform_size=transform_size)
    ours, _ = crops.ffhq(photograph, quads.ffhq(points), options)
    theirs = published.crop(photograph, points, size, transform_size or size)
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.mean() <= 0.05, difference.mean()
    assert difference.max() <= 2


def test_ffhq_without_padding_is_black_outside():
    matrix, size = CASES["over the corner"]
    photograph, points = synthetic.smooth_picture(321, 400), _landmarks68(matrix)
    options = crops.FfhqOptions(
        output_size=size, transform_size=256, enable_padding=False
    )
    ours, _ = crops.ffhq(photograph, quads.ffhq(points), options)
    theirs = published.crop(photograph, points, size, 256, enable_padding=False)
    np.testing.assert_allclose(ours.astype(int), theirs.astype(int), atol=1)
    assert not ours[0, 0].any()


@pytest.mark.parametrize("case", CASES)
def test_every_set_of_points_gives_the_same_quad(case):
    full = _landmarks68(CASES[case][0])
    four = landmarks.to_four(full)
    five = np.insert(four, 2, full[30], axis=0)
    mesh = np.zeros((478, 2))
    mesh[list(landmarks.MESH_TO_68)] = full
    for points in (four, five, mesh, mesh[:468]):
        np.testing.assert_allclose(quads.ffhq(points), quads.ffhq(full), atol=1e-9)


@given(
    angle=st.floats(-180, 180),
    scale=st.floats(20, 2000),
    x=st.floats(-100, 4000),
    y=st.floats(-100, 4000),
)
def test_the_quad_follows_the_face(angle, scale, x, y):
    matrix = synthetic.place(angle, scale, x, y)
    moved = quads.ffhq(frames.apply(matrix, synthetic.FOUR))
    expected = frames.apply(matrix, quads.ffhq(synthetic.FOUR))
    np.testing.assert_allclose(moved, expected, atol=0.01)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("method", ["quick", "vggface", "center"])
def test_the_frame_tells_where_the_pixels_come_from(method, axis):
    up = np.mgrid[:600, :800][axis] * 0.3
    photograph = np.uint8(np.stack([up, 250 - up, up], axis=-1))
    points = frames.apply(synthetic.place(25, 320, 400, 300), synthetic.FOUR)
    aligned = methods.align(photograph, points, method=method, output_size=48)
    assert aligned.frame.method == method
    assert aligned.frame.photograph_size == (800, 600)
    rows, columns = np.mgrid[2:46, 2:46]
    spots = aligned.frame.to_photograph(np.stack([columns, rows], axis=-1))
    seen = 0.3 * spots[..., 1 - axis, None] * np.array([1, -1]) + np.array([0, 250])
    error = (aligned.picture[2:-2, 2:-2, :2] - seen).mean(axis=(0, 1))
    # Sampling in 8 bits darkens both ramps alike; a shift moves them apart, by 0.6
    # levels for every pixel of the photograph, of which a pixel of the crop shows 12.
    assert abs(error[0] - error[1]) < 0.06


def test_cut_is_exact_for_whole_pixels():
    photograph = synthetic.smooth_picture(60, 80)
    quad = np.array([[10, 20], [10, 52], [42, 52], [42, 20]]) - 0.5
    np.testing.assert_array_equal(
        crops.cut(photograph, quad, 32), photograph[20:52, 10:42]
    )
    assert crops.cut(photograph, quad - 100 + 75, 16).shape == (16, 16, 3)


def test_template_brings_the_points_to_the_standard_ones():
    standard = synthetic.FOUR - 0.5
    points = frames.apply(synthetic.place(20, 150), synthetic.FOUR)
    quad = quads.template(points, standard, face_factor=0.8, move=(0, 0.1), shift=0.05)
    into = np.linalg.inv(frames.unit_homography(quad))
    expected = (standard + np.array([0, 0.1])) * 0.8 + np.array([0.5, 0.55])
    np.testing.assert_allclose(frames.apply(into, points), expected, atol=1e-9)
    with pytest.raises(landmarks.FaceError, match="68 points, this one 4"):
        quads.template(points, np.zeros((68, 2)))


def test_vggface_is_its_box_of_the_ffhq_crop():
    left, upper, right, lower = (1024 * edge for edge in quads.VGGFACE_BOX)
    assert (upper, lower, left, right) == (210, 906, 164, 860)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (synthetic.FOUR[[1, 0, 3, 2]], "exchanged"),
        (synthetic.FOUR * np.array([0.2, 1.0]), "profile"),
        (np.ones((4, 2)), "lie together"),
        (np.ones((7, 2)), "4, 5, 68 or 478"),
        (synthetic.FOUR * np.nan, "NaN"),
    ],
)
def test_points_that_make_no_face(points, message):
    with pytest.raises(landmarks.FaceError, match=message):
        quads.ffhq(100 * points)


def test_what_cannot_be_cut():
    photograph = synthetic.smooth_picture(50, 60)
    points = frames.apply(synthetic.place(0, 40, 500, 500), synthetic.FOUR)
    with pytest.raises(ValueError, match="outside the picture of 60x50"):
        methods.align(photograph, points, output_size=32)
    with pytest.raises(ValueError, match=r"uint8, got float32 \(50, 60, 3\)"):
        methods.align(photograph.astype(np.float32), points)
    with pytest.raises(ValueError, match="there are ffhq, vggface, center"):
        methods.align(photograph, points, method="ffhg")
    with pytest.raises(landmarks.FaceError, match="needs landmarks"):
        methods.align(photograph)
    with pytest.raises(ValueError, match="positive"):
        crops.FfhqOptions(transform_size=-1)
