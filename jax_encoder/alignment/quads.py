"""From the points of a face to the quad that a crop takes.

Coordinates and corner order are those of `frames`.
"""

import numpy as np

from jax_encoder.alignment import frames, landmarks

VGGFACE_BOX = (164 / 1024, 210 / 1024, 860 / 1024, 906 / 1024)
"""The face in an FFHQ crop (left, upper, right, lower), as VGGFace2 was trained on."""

_PROFILE = 0.3
"""Eyes nearer than this share of their distance to the mouth: the head is turned by
more than about 70 degrees, and the quad would say nothing."""


def ffhq(points: np.ndarray) -> np.ndarray:
    """The quad of FFHQ (Karras et al. 2019, arXiv:1812.04948, Appendix C).

    A square along the mean direction of the eyes' line and of the normal of the line
    from the eyes to the mouth, a little below the eyes.

    Args:
      points: `[K, 2]` of a known set.

    Returns:
      `[4, 2]` float64: upper left, lower left, lower right, upper right.

    Raises:
      FaceError: no known set of points, a profile, or left and right exchanged.
    """
    eyes, mouth, across, down = _axes(points)
    right = across + np.array([down[1], -down[0]])
    right = right / np.hypot(*right)
    right = right * max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down))
    below = np.array([-right[1], right[0]])
    center = eyes + 0.1 * down
    return np.stack(
        [
            center - right - below,
            center - right + below,
            center + right + below,
            center + right - below,
        ]
    )


def _axes(points):
    """Centers of the eyes and of the mouth; the lines between the eyes and to it."""
    left, right, left_mouth, right_mouth = landmarks.to_four(points)
    eyes, mouth = 0.5 * (left + right), 0.5 * (left_mouth + right_mouth)
    across, down = right - left, mouth - eyes
    width, height = np.hypot(*across), np.hypot(*down)
    if not (width > 0 and height > 0):
        raise landmarks.FaceError(
            f"All points lie together: eyes {width:.1f} pixels apart, the mouth"
            f" {height:.1f} from them."
        )
    if across[0] * down[1] - across[1] * down[0] < 0:
        raise landmarks.FaceError(
            "Left and right are exchanged: the first eye and the first corner of the"
            " mouth must be those on the left of the upright picture."
        )
    if width < _PROFILE * height:
        raise landmarks.FaceError(
            f"A profile: the eyes are only {width:.0f} pixels apart, {height:.0f} from"
            " the mouth; take a picture that shows the face from the front."
        )
    return eyes, mouth, across, down


def center(width: int, height: int) -> np.ndarray:
    """The largest square in the middle of a picture.

    Args:
      width: of the picture, in pixels.
      height: of the picture, in pixels.

    Returns:
      `[4, 2]`.
    """
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    corners = np.array([[0, 0], [0, side], [side, side], [side, 0]], np.float64)
    return corners + np.array([left, top]) - 0.5


def template(
    points: np.ndarray,
    standard: np.ndarray,
    *,
    face_factor: float = 0.8,
    move: tuple[float, float] = (0.0, 0.25),
    shift: float = 20 / 224,
) -> np.ndarray:
    """The quad in which a face lies on a standard one as closely as it can.

    The way of HD-CelebA-Cropper, with the constants that crops for VGGFace2 use: a
    similarity, fitted by least squares to all points.

    Args:
      points: `[K, 2]` in the photograph.
      standard: `[K, 2]`: the same points of the standard face, around (0, 0), in shares
        of the crop's side over `face_factor`.
      face_factor: how much of the crop the standard face takes; larger is closer.
      move: (x, y), added to `standard`.
      shift: how far down the face is moved after that, in shares of the crop.

    Returns:
      `[4, 2]`.

    Raises:
      FaceError: `points` and `standard` are not the same set.
    """
    points = landmarks.check(points)
    standard = np.asarray(standard, np.float64)
    if standard.shape != points.shape:
        raise landmarks.FaceError(
            f"The standard face has {len(standard)} points, this one {len(points)}."
        )
    placed = (standard + np.asarray(move)) * face_factor + np.array([0.5, 0.5 + shift])
    matrix = frames.fit_similarity(placed, points)
    return frames.apply(matrix, [[0, 0], [0, 1], [1, 1], [1, 0]])


def side(quad: np.ndarray) -> float:
    """The length of the sides of a square, `[4, 2]` corners in pixels."""
    return float(np.hypot(*(np.asarray(quad)[3] - np.asarray(quad)[0])))


def share_outside(quad: np.ndarray, width: int, height: int) -> float:
    """How much of a quad lies beyond the picture's edges.

    Args:
      quad: `[4, 2]`.
      width: of the picture, in pixels.
      height: of the picture, in pixels.

    Returns:
      A share in [0, 1], to about one hundredth.
    """
    steps = (np.arange(100) + 0.5) / 100
    u, v = np.meshgrid(steps, steps)
    spots = np.stack([u.ravel(), v.ravel()], axis=-1)
    x, y = frames.apply(frames.unit_homography(quad), spots).T + 0.5
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    return float(1.0 - inside.mean())
