"""The faces of a photograph: which there are, which are taken, and what was seen."""

import dataclasses

import numpy as np

from jax_encoder.alignment import crops, landmarks, quads
from jax_encoder.errors import InputError

_SMALLEST = 4.0
"""Pixels from the eyes to the mouth, below which there is nothing to align."""

_BORDER = 0.02
"""A crop that leaves the picture by less than this share is not worth a word."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """One usable face.

    Attributes:
      index: its place among the photograph's faces, the largest being 0.
      points: `[K, 2]` landmarks.
      side: of its FFHQ quad, in pixels.
      notes: what a person may want to know about it, a sentence each.
    """

    index: int
    points: np.ndarray
    side: float
    notes: tuple[str, ...] = ()


def find(
    photograph: np.ndarray,
    detector: landmarks.LandmarkDetector,
    *,
    which: str | int = "largest",
    picture: str = "",
) -> list[Face]:
    """Finds the faces of a photograph.

    Args:
      photograph: `[H, W, 3]` uint8.
      detector: what finds the landmarks.
      which: "largest", "all", or an index; 0 is the largest.
      picture: the photograph's file name, for detectors that look it up.

    Returns:
      The wanted faces, the largest first; one, unless `which` is "all".

    Raises:
      FaceError: no usable face, or none with this index; the message says what was
        seen.
      ValueError: no RGB picture, or another `which`.
    """
    height, width = crops.check_photograph(photograph)
    if not (which in ("largest", "all") or (isinstance(which, int) and which >= 0)):
        raise InputError(
            f"`which` must be 'largest', 'all' or an index, got {which!r}."
        )
    seen = detector.detect(photograph, picture)
    if not seen:
        raise landmarks.FaceError(
            f"No face was found by {detector.name} in {width}x{height} pixels; a face"
            " must look at the camera and be 40 pixels wide or more."
        )
    usable, problems = _sort_out(seen, width, height)
    if not usable:
        raise landmarks.FaceError(_refusal(problems))
    if isinstance(which, int):
        if which >= len(usable):
            raise landmarks.FaceError(
                f"There is no face {which}: {_count(len(usable))} seen, from 0 to"
                f" {len(usable) - 1}."
            )
        return [usable[which]]
    if which == "all":
        return usable
    return [_with_notes(usable, problems)]


def _sort_out(seen, width, height):
    """The usable faces, the largest first, and why the others are not."""
    usable, problems = [], []
    for detection in seen:
        try:
            usable.append(_usable(detection.points, width, height))
        except landmarks.FaceError as error:
            problems.append(str(error))
    usable.sort(key=lambda face: -face.side)
    usable = [dataclasses.replace(face, index=i) for i, face in enumerate(usable)]
    return usable, problems


def _usable(points: np.ndarray, width: int, height: int) -> Face:
    """A face that can be aligned; refuses any other."""
    four = landmarks.to_four(points)
    quad = quads.ffhq(points)
    reach = float(np.hypot(*(four[2:].mean(axis=0) - four[:2].mean(axis=0))))
    if reach < _SMALLEST:
        raise landmarks.FaceError(
            f"A face too small to align: its mouth is {reach:.1f} pixels from its eyes."
        )
    x, y = four.T
    if ((x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)).any():
        raise landmarks.FaceError(
            "A face at the border: an eye or a corner of its mouth lies outside the"
            f" picture of {width}x{height} pixels."
        )
    outside = quads.share_outside(quad, width, height)
    notes = ()
    if outside > _BORDER:
        notes = (f"{outside:.0%} of the crop lies beyond the picture's edge",)
    return Face(index=0, points=points, side=quads.side(quad), notes=notes)


def _refusal(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return f"{_count(len(problems))} seen, none of use: " + " ".join(problems)


def _with_notes(usable: list[Face], problems: list[str]) -> Face:
    """The largest face, with a word on those that are not taken."""
    largest = usable[0]
    others = len(usable) - 1 + len(problems)
    if not others:
        return largest
    taken = (
        f"{_count(others + 1)} seen; the largest is taken, {largest.side:.0f} pixels"
    )
    return dataclasses.replace(largest, notes=(taken, *largest.notes))


def _count(number: int) -> str:
    return "1 face was" if number == 1 else f"{number} faces were"
