"""Real landmarks of a real photograph: `make test-align` installs what these need."""

import numpy as np
import pytest

from jax_encoder.alignment import crops, detectors, faces, landmarks, methods, quads
from tests.alignment import published

pytestmark = pytest.mark.align


@pytest.fixture(scope="module")
def dlib():
    return detectors.make("dlib")


@pytest.fixture(scope="module")
def astronaut():
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="module")
def face(dlib, astronaut):
    (found,) = faces.find(astronaut, dlib)
    return found


def test_the_astronauts_quad(face):
    expected = [[142.3, 15.5], [133.7, 189.0], [307.1, 197.6], [315.7, 24.1]]
    np.testing.assert_allclose(quads.ffhq(face.points), expected, atol=0.06)
    assert face.side == pytest.approx(173.7, abs=0.1)
    # dlib takes a patch on the space suit for a face as well.
    assert face.notes[0].startswith("2 faces were seen")


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_the_crop_is_the_published_recipes(astronaut, face, size):
    aligned = methods.align(astronaut, face.points, output_size=size)
    expected = published.crop(astronaut, face.points, size)
    difference = np.abs(aligned.picture.astype(float) - expected)
    assert difference.mean() <= 1.0
    assert difference.max() <= 3.0


def test_points_do_not_depend_on_what_lies_around(dlib, astronaut, face):
    """A photograph four times as large is searched at a reduced size."""
    large = np.pad(astronaut, ((700, 700), (900, 700), (0, 0)), mode="edge")
    (found,) = faces.find(large, dlib)
    moved = found.points - np.array([900, 700])
    error = np.abs(quads.ffhq(moved) - quads.ffhq(face.points)).max()
    assert error < 0.06 * face.side


def test_pictures_without_a_face(dlib):
    for shape in ((1, 1, 3), (300, 200, 3)):
        with pytest.raises(landmarks.FaceError, match="No face was found by dlib"):
            faces.find(np.full(shape, 128, np.uint8), dlib)


def test_files_that_are_no_predictor(tmp_path):
    with pytest.raises(detectors.DetectorError, match="no such file"):
        detectors.make(f"dlib:{tmp_path}/none.dat")
    (tmp_path / "bad.dat").write_bytes(b"no predictor")
    with pytest.raises(detectors.DetectorError, match="no shape predictor"):
        detectors.make(f"dlib:{tmp_path}/bad.dat")


def test_black_beyond_the_edge_without_padding(astronaut, face):
    options = crops.FfhqOptions(
        output_size=64, transform_size=256, enable_padding=False
    )
    shifted = np.ascontiguousarray(astronaut[:, 180:])
    quad = quads.ffhq(face.points - np.array([180, 0]))
    picture, _ = crops.ffhq(shifted, quad, options)
    assert not picture[30, 0].any()
    assert picture[30, 40].any()
