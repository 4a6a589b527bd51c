"""What the points of a face mean: sets of 4, 5, 68 and 478 of them.

All are `[K, 2]` (x, y) in pixels, the center of the upper left pixel being (0, 0), and
"left" and "right" are those of the upright picture, not of the person:

* 4: the centers of the left and the right eye, the left and the right mouth corner;
* 5: left eye, right eye, tip of the nose, left and right mouth corner;
* 68: the iBUG 300-W order, as dlib's shape predictor gives them;
* 478 (or 468, without irises): MediaPipe's face mesh.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import numpy as np

from jax_encoder.errors import InputError

COUNTS = (4, 5, 68, 468, 478)

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
LEFT_MOUTH, RIGHT_MOUTH = 48, 54
NOSE_TIP = 30

# Which vertex of MediaPipe's mesh is which of the 68 points.
_JAW = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454)
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_NOSE = (168, 197, 5, 4, 75, 97, 2, 326, 305)
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)
MESH_TO_68 = (*_JAW, 389, *_BROWS, *_NOSE, *_EYES, *_LIPS, *_INNER_LIPS)


class FaceError(InputError):
    """A picture without a usable face; the message says what was seen instead."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Detection:
    """One face as a detector sees it.

    Attributes:
      points: `[K, 2]` float64, K one of `COUNTS`.
      score: the detector's confidence; higher is surer.
    """

    points: np.ndarray
    score: float = 1.0


@runtime_checkable
class LandmarkDetector(Protocol):
    """Finds the faces of a picture."""

    name: str

    def detect(self, image: np.ndarray, picture: str) -> list[Detection]:
        """Finds faces.

        Args:
          image: `[H, W, 3]` uint8 RGB.
          picture: its file name, for detectors that look it up.

        Returns:
          Every face, in any order.
        """
        ...


def check(points: np.ndarray) -> np.ndarray:
    """Makes sure of a set of points.

    Args:
      points: `[K, 2]`.

    Returns:
      It as float64.

    Raises:
      FaceError: another shape or number, or values that are not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) not in COUNTS:
        raise FaceError(
            f"Landmarks are 4, 5, 68 or 478 points (x, y), got shape {points.shape}."
        )
    if not np.isfinite(points).all():
        raise FaceError("The landmarks hold NaN or infinite values.")
    return points


def to_68(points: np.ndarray) -> np.ndarray:
    """The 68 points among those of a mesh.

    Args:
      points: `[68, 2]`, `[468, 2]` or `[478, 2]`.

    Returns:
      `[68, 2]`.

    Raises:
      FaceError: fewer points.
    """
    points = check(points)
    if len(points) < 68:
        raise FaceError(f"This needs 68 or 478 landmarks, got {len(points)}.")
    return points if len(points) == 68 else points[list(MESH_TO_68)]


def to_four(points: np.ndarray) -> np.ndarray:
    """The four points that alignment needs.

    Args:
      points: `[K, 2]` of any known set.

    Returns:
      `[4, 2]`: the centers of the eyes and the corners of the mouth, left before right.

    Raises:
      FaceError: no known set of points.
    """
    points = check(points)
    if len(points) == 4:
        return points
    if len(points) == 5:
        return points[[0, 1, 3, 4]]
    points = to_68(points)
    eyes = points[LEFT_EYE].mean(axis=0), points[RIGHT_EYE].mean(axis=0)
    return np.stack([*eyes, points[LEFT_MOUTH], points[RIGHT_MOUTH]])
