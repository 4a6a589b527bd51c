import jax
import numpy as np
import pytest

from jax_encoder.alignment import landmarks
from jax_encoder.avatars import face_attributes, face_landmarks, face_rendering

SIZE = 96


@pytest.fixture(scope="module")
def people():
    return face_attributes.sample(jax.random.key(11), 6)


def test_a_frontal_face_is_symmetric_and_aligned():
    (points,) = np.asarray(face_landmarks.points(face_attributes.default()))
    four = landmarks.to_four(points)
    np.testing.assert_allclose(four[0] * [-1, 1], four[1], atol=1e-6)
    np.testing.assert_allclose(four[2] * [-1, 1], four[3], atol=1e-6)
    np.testing.assert_allclose(points[[36, 39], 1].mean(), -0.05, atol=0.02)
    mirrored = points[:17][::-1] * [-1, 1]
    np.testing.assert_allclose(mirrored, points[:17], atol=1e-6)


def test_pixels_begin_at_the_center_of_the_first():
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(
        face_landmarks.to_pixels(corners, 64), [[-0.5, -0.5], [63.5, 63.5]]
    )


def test_the_iris_lies_between_the_lids(people):
    """Pupils are the darkest spots of the eyes, wherever the head turns."""
    bare = people.at[:, face_attributes.index("glasses")].set(0.0)
    pictures = np.asarray(face_rendering.render(bare, SIZE)).mean(axis=-1)
    points = np.asarray(face_landmarks.to_pixels(face_landmarks.points(bare), SIZE))
    for picture, face in zip(pictures, points, strict=True):
        for eye in (face[landmarks.LEFT_EYE], face[landmarks.RIGHT_EYE]):
            x, y = np.rint(eye.mean(axis=0)).astype(int)
            left, right = eye[0], eye[3]
            patch = picture[y - 3 : y + 4, x - 5 : x + 6]
            row, column = np.unravel_index(patch.argmin(), patch.shape)
            assert left[0] < x - 5 + column < right[0]
            assert eye[[1, 2], 1].min() - 1 < y - 3 + row < eye[[4, 5], 1].max() + 1


def test_the_lips_are_where_the_points_say(people):
    """Painting the lips changes pixels inside of their outline, and there only."""
    column = face_attributes.index("lip_color")
    shaved = people.at[:, face_attributes.index("beard")].set(0.0)
    pale = np.asarray(face_rendering.render(shaved.at[:, column].set(0.0), SIZE))
    painted = np.asarray(face_rendering.render(shaved.at[:, column].set(1.0), SIZE))
    changed = np.abs(painted - pale).max(axis=-1) > 0.04
    points = np.asarray(face_landmarks.to_pixels(face_landmarks.points(shaved), SIZE))
    for mask, face in zip(changed, points, strict=True):
        y, x = np.nonzero(mask)
        lips = face[48:60]
        np.testing.assert_allclose(
            [x.min(), x.max(), y.min(), y.max()],
            [*lips[[0, 6], 0], lips[:, 1].min(), lips[:, 1].max()],
            atol=1.6,
        )


def test_the_chin_follows_the_pose():
    turned = face_attributes.named(yaw=0.5, pitch=-0.2)
    (points,) = np.asarray(face_landmarks.points(turned))
    (front,) = np.asarray(face_landmarks.points(face_attributes.default()))
    assert abs(points[8, 0]) > 0.02
    assert not np.allclose(points[8], front[8], atol=0.02)
    with pytest.raises(ValueError, match="attributes.shape"):
        face_landmarks.points(np.zeros((2, 3)))
