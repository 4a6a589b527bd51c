import json
import sys
import types

import numpy as np
import pytest

from jax_encoder.alignment import detectors, landmarks
from tests.alignment import synthetic

FOUR = (100 * synthetic.FOUR).tolist()
PICTURE = np.zeros((100, 100, 3), np.uint8)


def _write(tmp_path, content, name="points.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    ("content", "num"),
    [
        (FOUR, 1),
        ([FOUR, FOUR], 2),
        ({"a.jpg": FOUR, "b.jpg": [FOUR, FOUR]}, 1),
        ({"a": [FOUR, FOUR, FOUR]}, 3),
        ({"some/a.jpg": FOUR}, 1),
        ({"a.jpg": []}, 0),
    ],
)
def test_json_of_one_face_of_several_and_by_picture(tmp_path, content, num):
    detector = detectors.make(_write(tmp_path, content))
    assert isinstance(detector, landmarks.LandmarkDetector)
    found = detector.detect(PICTURE, "some/a.jpg")
    assert len(found) == num
    for face in found:
        np.testing.assert_array_equal(face.points, FOUR)


@pytest.mark.parametrize("count", [4, 5, 68, 468, 478])
def test_csv_has_a_line_for_every_face(tmp_path, count):
    points = np.random.default_rng(0).uniform(0, 90, (2, count, 2)).round(3)
    lines = ["file,x0,y0"]
    lines += ["a.jpg," + ",".join(map(str, face.ravel())) for face in points]
    found = detectors.make(_write(tmp_path, "\n".join(lines), "p.CSV"))
    faces = found.detect(PICTURE, "a.jpg")
    np.testing.assert_array_equal([face.points for face in faces], points)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no landmarks: Expecting"),
        ("7", "expected a list, got int"),
        ([[1, 2, 3]], r"expected points \[x, y\]"),
        ([[1, 2], [3, "x"]], r"expected points \[x, y\]"),
        ({"a": [[1, 2]] * 6}, "a: Landmarks are 4, 5, 68 or 478 points"),
        ("[[1, 2], [NaN, 1], [2, 2], [3, 3]]", "NaN or infinite"),
        ("[" * 100_000, "no landmarks"),
    ],
)
def test_damaged_json(tmp_path, content, message):
    path = _write(tmp_path, content)
    with pytest.raises(landmarks.FaceError, match=message):
        detectors.make(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,1,2,3", "line 1: 3 numbers are no"),
        ("a,1,2\n", "line 1: Landmarks are"),
        ("file,x\na,one,2", "line 2: expected numbers"),
    ],
)
def test_damaged_csv(tmp_path, content, message):
    with pytest.raises(landmarks.FaceError, match=message):
        detectors.make(_write(tmp_path, content, "points.csv"))


def test_pictures_that_the_file_does_not_name(tmp_path):
    detector = detectors.make(_write(tmp_path, {"a.jpg": FOUR}))
    with pytest.raises(
        landmarks.FaceError, match=r"no points of 'c.jpg' in .* names a.jpg"
    ):
        detector.detect(PICTURE, "folder/c.jpg")
    with pytest.raises(landmarks.FaceError, match="No such file"):
        detectors.make(str(tmp_path / "none.json"))


def test_names_that_nobody_knows():
    with pytest.raises(detectors.DetectorError, match="take dlib, mediapipe, or a"):
        detectors.make("dlid")


@pytest.mark.parametrize(
    ("name", "extra"), [("dlib", "align"), ("mediapipe", "align-mediapipe")]
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, name, extra):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(detectors.DetectorError, match=rf"jax_encoder\[{extra}\]"):
        detectors.make(name)


def test_mediapipe_needs_a_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", types.ModuleType("mediapipe"))
    with pytest.raises(detectors.DetectorError, match=r"mediapipe:PATH \(got nothing"):
        detectors.make("mediapipe")
    with pytest.raises(detectors.DetectorError, match="got nowhere.task"):
        detectors.make("mediapipe:nowhere.task")


def test_one_more_detector_is_one_line(monkeypatch):
    monkeypatch.setattr(detectors, "_FACTORIES", dict(detectors._FACTORIES))

    class Center:
        name = "center"

        def __init__(self, argument):
            self.scale = float(argument or 50)

        def detect(self, image, picture):
            points = synthetic.FOUR * self.scale
            return [landmarks.Detection(points=points)]

    detectors.register("center", Center)
    (face,) = detectors.make("center:80").detect(PICTURE, "")
    np.testing.assert_array_equal(face.points, 80 * synthetic.FOUR)
