"""Where an aligned picture lies in its photograph.

A `Frame` is what alignment leaves behind besides the picture: the four corners of the
area that the picture shows. It travels in the code file's metadata (`KEY`), so that any
rendering of the code finds its way back.

Coordinates are (x, y) in pixels, x right and y down, as landmark detectors give them:
the center of the upper left pixel is (0, 0), hence the photograph's own corners are
(-0.5, -0.5) and (width - 0.5, height - 0.5).
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import json_types

KEY = "frame"
"""The name of a frame among a code file's metadata."""

Corner = tuple[float, float]
Quad = tuple[Corner, Corner, Corner, Corner]

# In the order of a quad: upper left, lower left, lower right, upper right.
_UNIT = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
    """The area of a photograph that an aligned picture shows.

    Attributes:
      quad: its corners in the photograph: those that became the picture's upper left,
        lower left, lower right and upper right corner.
      output_size: side of the aligned picture in pixels.
      method: what made it: "ffhq", "vggface", "center", "demo"...
      photograph_size: (width, height) of the photograph in pixels.
      photograph: the photograph's path, where it came from a file.
      face: which of the photograph's faces it is, from 0, the largest first.
      points: the face's landmarks in the photograph, where there are any.
      aligned: of a picture that was left as it stands, for generators that move their
        own picture: the quad that its alignment would have taken.
    """

    quad: Quad
    output_size: int
    method: str
    photograph_size: tuple[int, int]
    photograph: str | None = None
    face: int = 0
    points: tuple[Corner, ...] = ()
    aligned: Quad | None = None

    def __post_init__(self):
        corners = np.asarray(self.quad, np.float64)
        if corners.shape != (4, 2) or not np.isfinite(corners).all():
            raise InputError(f"`quad` must be four finite (x, y), got {self.quad}.")
        if self.output_size < 1 or min(self.photograph_size) < 1:
            raise InputError(
                "`output_size` and `photograph_size` must be positive, got"
                f" {self.output_size} and {self.photograph_size}."
            )
        if not _is_convex(corners):
            raise InputError(
                "`quad` must go around a convex area, from its upper left corner over"
                f" the lower left one, got {self.quad}."
            )

    @property
    def of_face(self) -> "Frame":
        """The frame of the face as it would be aligned; of aligned ones itself."""
        if self.aligned is None:
            return self
        return dataclasses.replace(self, quad=self.aligned, aligned=None)

    @property
    def side(self) -> float:
        """The mean length of the quad's four sides, in the photograph's pixels."""
        corners = np.asarray(self.quad)
        sides = corners - np.roll(corners, 1, axis=0)
        return float(np.hypot(sides[:, 0], sides[:, 1]).mean())

    def matrix(self, size: int | None = None) -> np.ndarray:
        """The homography from the aligned picture's pixels to the photograph's.

        Args:
          size: side of the aligned picture, or of another rendering of it; default:
            `output_size`.

        Returns:
          `[3, 3]` float64; its inverse leads the other way. Of a parallelogram it is
          affine.
        """
        size = self.output_size if size is None else size
        to_unit = np.array([[1 / size, 0, 0.5 / size], [0, 1 / size, 0.5 / size]])
        return unit_homography(self.quad) @ np.vstack([to_unit, [0.0, 0.0, 1.0]])

    def to_photograph(self, points: np.ndarray) -> np.ndarray:
        """Maps `[..., 2]` points of the aligned picture into the photograph."""
        return apply(self.matrix(), points)

    def to_aligned(self, points: np.ndarray) -> np.ndarray:
        """Maps `[..., 2]` points of the photograph into the aligned picture."""
        return apply(np.linalg.inv(self.matrix()), points)

    def sub_frame(self, box: Sequence[float], **changes: object) -> "Frame":
        """The frame of a part of the aligned picture.

        Args:
          box: (left, upper, right, lower) edges in shares of the aligned picture.
          **changes: other fields of the new frame.

        Returns:
          The frame.
        """
        left, upper, right, lower = box
        spots = [(left, upper), (left, lower), (right, lower), (right, upper)]
        quad = apply(unit_homography(self.quad), np.array(spots))
        return dataclasses.replace(self, quad=as_quad(quad), **changes)

    def to_dict(self) -> dict[str, object]:
        """The frame as JSON values; `from_dict` reads them back to equality."""
        return dataclasses.asdict(self)


def from_dict(values: Mapping[str, json_types.Json]) -> Frame:
    """Reads a frame back from JSON values.

    Args:
      values: of `Frame.to_dict`.

    Returns:
      The frame.

    Raises:
      ValueError: a field is missing, unknown, or makes no sense.
    """
    try:
        width, height = values["photograph_size"]
        fields = {
            **values,
            "quad": as_quad(values["quad"]),
            "photograph_size": (int(width), int(height)),
            "points": _corners(values.get("points") or ()),
            "aligned": as_quad(values["aligned"]) if values.get("aligned") else None,
        }
        return Frame(**fields)
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"These are no values of a frame ({error}); align the photograph again."
        ) from error


def from_metadata(metadata: Mapping[str, json_types.Json]) -> Frame | None:
    """The frame in a code file's metadata.

    Args:
      metadata: of `codes.Codes`.

    Returns:
      The frame, or None of a code whose picture was not aligned here.

    Raises:
      ValueError: as `from_dict`.
    """
    values = metadata.get(KEY)
    return None if values is None else from_dict(values)


def as_quad(corners: Iterable[Iterable[float]]) -> Quad:
    """Four corners as plain floats.

    Args:
      corners: `[4, 2]` numbers.

    Returns:
      The quad.

    Raises:
      ValueError: another number of corners.
    """
    found = _corners(corners)
    if len(found) != 4:
        raise InputError(f"A quad has 4 corners, got {len(found)}.")
    return found[0], found[1], found[2], found[3]


def _corners(points: Iterable[Iterable[float]]) -> tuple[Corner, ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _is_convex(corners: np.ndarray) -> bool:
    """Whether a quad turns the same way, that of an unmirrored picture, everywhere."""
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return bool((turns < 0).all())


def unit_homography(quad: object) -> np.ndarray:
    """The homography that takes the unit square's corners to a quad's.

    Args:
      quad: `[4, 2]`: where (0, 0), (0, 1), (1, 1) and (1, 0) go, in this order.

    Returns:
      `[3, 3]` float64, whose last entry is 1.
    """
    corners = np.asarray(quad, np.float64)
    # x' (g x + h y + 1) = a x + b y + c, and likewise for y': linear in a to h.
    ones, zeros = np.ones((4, 1)), np.zeros((4, 3))
    points = np.hstack([_UNIT, ones])
    rows_x = np.hstack([points, zeros, -corners[:, :1] * _UNIT])
    rows_y = np.hstack([zeros, points, -corners[:, 1:] * _UNIT])
    values = np.concatenate([corners[:, 0], corners[:, 1]])
    solution = np.linalg.solve(np.vstack([rows_x, rows_y]), values)
    return np.append(solution, 1.0).reshape(3, 3)


def apply(matrix: np.ndarray, points: object) -> np.ndarray:
    """Maps points by a homography.

    Args:
      matrix: `[3, 3]`.
      points: `[..., 2]`.

    Returns:
      `[..., 2]` float64.
    """
    mapped = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that bring points closest to others.

    Args:
      source: `[K, 2]`, at least two different points.
      target: `[K, 2]`.

    Returns:
      `[3, 3]`: least squares, without a reflection.

    Raises:
      ValueError: the shapes differ, or all points of `source` are one.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[-1] != 2:
        raise InputError(
            "`source` and `target` must be [K, 2] alike, got"
            f" {source.shape=} and {target.shape=}."
        )
    # As complex numbers a similarity is z -> a z + b.
    z, w = source @ np.array([1.0, 1j]), target @ np.array([1.0, 1j])
    centered = z - z.mean()
    spread = np.vdot(centered, centered).real
    if not spread > 0:
        raise InputError("`source` must hold two different points at least.")
    a = np.vdot(centered, w) / spread
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag], [0, 0, 1]])
