"""Which pixels of a photograph a rendering replaces, and how far.

A mask's border is soft and lies inside of it: outside of the shape weights are 0.
"""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

from jax_encoder.alignment import frames, landmarks, quads
from jax_encoder.errors import InputError

SHAPES = ("ellipse", "hull", "frame")

Window = tuple[slice, slice]
"""Rows and columns of the photograph."""

# Center and half axes of the face in shares of an FFHQ crop: from above the brows to
# below the chin, and from cheek to cheek.
_ELLIPSE = (0.5, 0.55, 0.36, 0.43)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mask:
    """The shape of a mask.

    Attributes:
      shape: "ellipse" around the face, the convex "hull" of its landmarks, or the whole
        "frame".
      feather: width of the soft border, in shares of the frame's side.
      grow: how far the hull is grown, in shares of the frame's side; landmarks end at
        the brows.
    """

    shape: str = "ellipse"
    feather: float = 0.08
    grow: float = 0.08

    def __post_init__(self):
        if self.shape not in SHAPES:
            raise InputError(f"`shape` must be one of {SHAPES}, got {self.shape!r}.")
        if not (0 < self.feather <= 0.5 and 0 <= self.grow <= 0.5):
            raise InputError(
                "`feather` must be in (0, 0.5] and `grow` in [0, 0.5], got"
                f" {self.feather} and {self.grow}."
            )


def window(frame: frames.Frame) -> Window:
    """The part of the photograph in which a frame lies.

    Args:
      frame: any.

    Returns:
      Its rows and columns; empty where the frame lies outside.
    """
    corners = np.asarray(frame.quad)
    width, height = frame.photograph_size
    (left, upper), (right, lower) = corners.min(axis=0), corners.max(axis=0)
    rows = slice(max(math.floor(upper), 0), min(math.ceil(lower) + 1, height))
    columns = slice(max(math.floor(left), 0), min(math.ceil(right) + 1, width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return slice(0, 0), slice(0, 0)
    return rows, columns


def weights(frame: frames.Frame, mask: Mask, where: Window | None = None) -> np.ndarray:
    """The weight of the rendering in every pixel.

    Args:
      frame: where the rendering belongs.
      mask: shape and border.
      where: a part of the photograph; default: all of it.

    Returns:
      `[H, W]` float32 in [0, 1] of that part: 1 inside, 0 outside of the mask.

    Raises:
      ValueError: a hull of a frame without 68 or 478 landmarks.
    """
    width, height = frame.photograph_size
    where = where or (slice(0, height), slice(0, width))
    u, v = _unit_coordinates(frame, where)
    depth = np.minimum(np.minimum(u, 1.0 - u), np.minimum(v, 1.0 - v))
    if mask.shape == "ellipse":
        face = frame.of_face
        u, v = _unit_coordinates(face, where)
        x, y, half_x, half_y = _ellipse(face.method)
        radius = np.hypot((u - x) / half_x, (v - y) / half_y)
        inside = (1.0 - radius) * min(half_x, half_y) * (face.side / frame.side)
        depth = np.minimum(depth, inside)
    elif mask.shape == "hull":
        hull = _hull_depth(frame, where) / frame.side + mask.grow
        depth = np.minimum(depth, hull)
    ramp = np.clip(depth / mask.feather, 0.0, 1.0)
    return (ramp * ramp * (3.0 - 2.0 * ramp)).astype(np.float32)


def _unit_coordinates(frame: frames.Frame, where: Window):
    """Where every pixel lies in the frame, whose corners are 0 and 1."""
    y, x = np.mgrid[where].astype(np.float64)
    (a, b, c), (d, e, f), (g, h, i) = np.linalg.inv(frames.unit_homography(frame.quad))
    w = g * x + h * y + i
    return (a * x + b * y + c) / w, (d * x + e * y + f) / w


def _ellipse(method: str) -> tuple[float, float, float, float]:
    """The face's ellipse in shares of a crop."""
    x, y, half_x, half_y = _ELLIPSE
    if method != "vggface":
        return _ELLIPSE
    left, upper, right, lower = quads.VGGFACE_BOX
    width, height = right - left, lower - upper
    return (x - left) / width, (y - upper) / height, half_x / width, half_y / height


def _hull_depth(frame: frames.Frame, where: Window) -> np.ndarray:
    """How deep in the landmarks' hull every pixel lies, in pixels."""
    if len(frame.points) < 68:
        raise InputError(
            "A hull needs the 68 or 478 landmarks of the face, and this frame has"
            f" {len(frame.points)}: take the ellipse."
        )
    # Imported here since loading them takes a good part of a command's start.
    from scipy import ndimage, spatial

    rows, columns = where
    points = landmarks.check(np.array(frame.points))
    outline = points[spatial.ConvexHull(points).vertices]
    outline = outline - np.array([columns.start, rows.start])
    canvas = Image.new("1", (columns.stop - columns.start, rows.stop - rows.start))
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in outline.tolist()], fill=1)
    filled = np.asarray(canvas)
    if not filled.any():
        return np.full(filled.shape, -math.inf)
    inside = np.asarray(ndimage.distance_transform_edt(filled))
    return inside - np.asarray(ndimage.distance_transform_edt(~filled))
