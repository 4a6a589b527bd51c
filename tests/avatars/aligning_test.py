import jax
import numpy as np
import pytest

from jax_encoder.alignment import frames, landmarks, methods
from jax_encoder.avatars import (
    aligning,
    face_attributes,
    face_landmarks,
    face_rendering,
)
from tests.alignment import synthetic

CORNERS = [[0, 0], [0, 1], [1, 1], [1, 0]]


@pytest.fixture(scope="module")
def people():
    return face_attributes.sample(jax.random.key(7), 10)


@pytest.fixture(scope="module")
def points(people):
    """`[10, 68, 2]` in shares of the picture."""
    return np.asarray(face_landmarks.points(people), np.float64) * 0.5 + 0.5


def _places():
    rng = np.random.default_rng(3)
    return [
        synthetic.place(angle, scale, 300, 250)
        for angle, scale in zip(
            rng.uniform(-40, 40, 10), rng.uniform(80, 300, 10), strict=True
        )
    ]


def test_the_frame_is_exact_for_the_renderers_landmarks(points):
    for face, place in zip(points, _places(), strict=True):
        found = aligning.quad(frames.apply(place, face))
        expected = frames.apply(place, CORNERS)
        np.testing.assert_allclose(found, expected, atol=0.1)


@pytest.mark.parametrize(("count", "share"), [(4, 0.05), (5, 0.04)])
def test_fewer_landmarks_come_close(points, count, share):
    errors = []
    for face, place in zip(points, _places(), strict=True):
        few = aligning._choice(count)[:count] @ face
        found = aligning.quad(frames.apply(place, few))
        expected = frames.apply(place, CORNERS)
        side = np.hypot(*(expected[1] - expected[0]))
        errors.append(np.abs(found - expected).max() / side)
    assert np.median(errors) < share


def test_a_rendering_is_cut_out_as_it_was(people, points):
    size = 96
    pictures = np.asarray(face_rendering.render(people[:3], size))
    for picture, face in zip(pictures, points, strict=False):
        drawn = np.uint8(np.rint(picture * 127.5 + 127.5))
        photograph = np.full((180, 170, 3), 90, np.uint8)
        photograph[50 : 50 + size, 30 : 30 + size] = drawn
        where = face * size - 0.5 + np.array([30, 50])
        aligned = methods.align(photograph, where, method="demo", output_size=size)
        error = aligned.picture.astype(float) - drawn
        # Sampling in 8 bits cuts fractions off.
        assert np.abs(error).mean() < 1.0
        np.testing.assert_allclose(aligned.frame.quad[0], [29.5, 49.5], atol=0.1)


def test_what_is_no_face_is_refused():
    with pytest.raises(landmarks.FaceError, match="profile"):
        aligning.quad(100 * synthetic.FOUR * np.array([0.1, 1.0]))
