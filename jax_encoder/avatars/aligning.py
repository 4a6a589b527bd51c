"""Alignment for generators of drawn faces: the renderer's own crop.

The renderer knows where it puts every landmark of a face, whatever its pose and shape.
So the crop is found by fitting: the pose, the shape and the place in the photograph
that explain the landmarks best, with the renderer's own people as the prior. Importing
this module registers the method "demo".
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.alignment import crops, frames, landmarks, methods, quads
from jax_encoder.avatars import face_attributes, face_landmarks

RESOLUTION = 64
"""Side of the crop in pixels, where nobody asks for another."""

_SHAPE = (
    "yaw",
    "pitch",
    "face_width",
    "jaw",
    "eye_size",
    "eye_spacing",
    "eye_tilt",
    "brow_tilt",
    "brow_height",
    "nose_width",
    "nose_length",
    "smile",
    "mouth_opening",
    "mouth_width",
    "lip_fullness",
)
_COLUMNS = np.array([face_attributes.index(name) for name in _SHAPE])
_NOISE = 1e-3
"""How far off landmarks are expected to be, in shares of half the picture."""


def quad(points: np.ndarray) -> np.ndarray:
    """The quad that the renderer would have filled with a face.

    Args:
      points: `[K, 2]` of a known set, in the photograph; exact for 68 points as the
        renderer has them, the likeliest for fewer.

    Returns:
      `[4, 2]`: upper left, lower left, lower right, upper right.

    Raises:
      FaceError: no known set of points, a profile, or left and right exchanged.
    """
    # Imported here since loading it takes a good part of a command's start.
    from scipy import optimize

    start = quads.ffhq(points)  # near enough to begin with; refuses what is no face
    points = landmarks.check(points)
    if len(points) > 68:
        points = landmarks.to_68(points)
    place = frames.fit_similarity(np.array(_CORNERS), start)
    inverse = np.linalg.inv(place)
    choice, observed = _choice(len(points)), np.zeros((68, 2))
    observed[: len(points)] = frames.apply(inverse, points)
    given = jax.tree.map(jnp.float32, (choice, observed, *_prior()))
    mean, spread = _prior()
    first = np.concatenate([np.array([1.0, 0.0, 0.0, 0.0]), mean])

    def jacobian(theta):
        return np.asarray(_jacobian(theta, *given), np.float64)

    fitted = optimize.least_squares(
        lambda theta: np.asarray(_residuals(theta, *given), np.float64),
        first,
        jac=jacobian,  # type: ignore[arg-type]
        x_scale=np.concatenate([np.full(4, 0.1), spread]),
    )
    a, b, x, y = fitted.x[:4]
    found = place @ np.array([[a, -b, x], [b, a, y], [0.0, 0.0, 1.0]])
    return frames.apply(found, _CORNERS)


_CORNERS = ((-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0))


@functools.cache
def _prior() -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the shape attributes among the renderer's people."""
    people = face_attributes.sample(jax.random.key(0), 4096)
    shape = np.asarray(people)[:, _COLUMNS]
    return shape.mean(axis=0), shape.std(axis=0)


@functools.cache
def _choice(num_points: int) -> np.ndarray:
    """`[68, 68]`: a set of points as means of the 68; rows beyond it are 0."""
    if num_points == 68:
        return np.eye(68)
    rows = np.zeros((68, 68))
    rows[0, landmarks.LEFT_EYE] = rows[1, landmarks.RIGHT_EYE] = 1.0 / 6.0
    corners = (2, 3) if num_points == 4 else (3, 4)
    rows[corners, (landmarks.LEFT_MOUTH, landmarks.RIGHT_MOUTH)] = 1.0
    if num_points == 5:
        rows[2, landmarks.NOSE_TIP] = 1.0
    return rows


@jax.jit
def _residuals(theta, choice, observed, mean, spread):
    """What a place and a shape leave unexplained, in standard deviations."""
    a, b, x, y = jnp.asarray(theta[:4], jnp.float32)
    shape = jnp.asarray(theta[4:], jnp.float32)
    attributes = face_attributes.default().at[0, _COLUMNS].set(shape)
    drawn = choice @ face_landmarks.points(attributes)[0]
    placed = drawn @ jnp.array([[a, b], [-b, a]]) + jnp.array([[x, y]])
    is_given = jnp.sum(choice, axis=1, keepdims=True)
    missed = is_given * (placed - observed) / _NOISE
    return jnp.concatenate([missed.ravel(), (shape - mean) / spread])


_jacobian = jax.jit(jax.jacfwd(_residuals))


def _cut(photograph, points, output_size):
    found = quad(points)
    return crops.cut(photograph, found, output_size, pad="reflect"), found


methods.register(methods.Method(name="demo", cut=_cut, output_size=RESOLUTION))
