import numpy as np
import pytest

from jax_encoder.alignment import faces, frames, landmarks, point_files
from tests.alignment import synthetic

PHOTOGRAPH = np.zeros((480, 640, 3), np.uint8)


def _at(x, y, scale=120.0, points=synthetic.FOUR):
    return frames.apply(synthetic.place(0, scale, x, y), points)


def _find(*points, **options):
    detector = point_files.PointFile({}, of_any=points)
    return faces.find(PHOTOGRAPH, detector, **options)


def test_the_largest_face_comes_first():
    points = [_at(100, 200, 90), _at(300, 240, 150), _at(520, 200, 120)]
    found = _find(*points, which="all")
    assert [face.index for face in found] == [0, 1, 2]
    np.testing.assert_array_equal(found[0].points, points[1])
    np.testing.assert_array_equal(found[2].points, points[0])
    assert found[0].side > found[1].side > found[2].side
    (largest,) = _find(*points)
    np.testing.assert_array_equal(largest.points, points[1])
    assert largest.notes[0].startswith(
        "3 faces were seen; the largest is taken, 168 pixels"
    )
    (second,) = _find(*points, which=1)
    np.testing.assert_array_equal(second.points, points[2])
    assert not second.notes
    with pytest.raises(landmarks.FaceError, match="no face 3: 3 faces were seen"):
        _find(*points, which=3)


def test_a_single_face_needs_no_word():
    (face,) = _find(_at(320, 240))
    assert face.notes == ()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "No face was found by points in 640x480 pixels"),
        ([_at(320, 240, points=synthetic.FOUR * [0.2, 1.0])], "A profile: .* only 7"),
        ([_at(600, 240, 200)[[0, 1, 2, 3]] + [40, 0]], "at the border"),
        ([_at(320, 240, 8)], "too small to align: .* 2.2 pixels"),
        ([_at(320, 240)[[1, 0, 3, 2]]], "Left and right are exchanged"),
        (
            [_at(320, 240, 8), _at(620, 240, 200)],
            "2 faces were seen, none of use: .*small.*border",
        ),
    ],
)
def test_what_was_seen_instead_is_said(points, message):
    with pytest.raises(landmarks.FaceError, match=message):
        _find(*points)


def test_unusable_faces_are_counted_beside_a_good_one():
    (face,) = _find(_at(320, 240), _at(100, 100, 5))
    assert face.notes[0].startswith(
        "2 faces were seen; the largest is taken, 134 pixels"
    )


def test_a_crop_beyond_the_edge_is_told():
    (face,) = _find(_at(60, 240, 160))
    (note,) = face.notes
    assert "of the crop lies beyond the picture's edge" in note
    assert 5 <= int(note.split("%")[0]) <= 25


def test_a_picture_of_one_pixel():
    detector = point_files.PointFile({"a.png": []})
    picture = np.zeros((1, 1, 3), np.uint8)
    with pytest.raises(landmarks.FaceError, match="in 1x1 pixels"):
        faces.find(picture, detector, picture="folder/a.png")


def test_impossible_choices():
    for which in ("smallest", -1, 0.5):
        with pytest.raises(ValueError, match="'largest', 'all' or an index"):
            _find(_at(320, 240), which=which)
