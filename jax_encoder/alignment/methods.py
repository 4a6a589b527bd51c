"""The ways to align, by name: a photograph and a face to a picture and its frame.

`register` adds one; `align` runs any.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jax_encoder.alignment import crops, frames, landmarks, quads
from jax_encoder.errors import InputError

Cutter = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""(photograph, points `[K, 2]`, output size) -> the crop, and its quad `[4, 2]`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """A way to align.

    Attributes:
      name: unique; the frames carry it.
      cut: cuts the picture out.
      output_size: side of the picture in pixels, where nobody asks for another.
      needs_points: False of crops that look for no face; `cut` then gets no points.
    """

    name: str
    cut: Cutter
    output_size: int
    needs_points: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """An aligned picture.

    Attributes:
      picture: `[S, S, 3]` uint8.
      frame: where it lies in its photograph.
    """

    picture: np.ndarray
    frame: frames.Frame


_METHODS: dict[str, Method] = {}


def register(method: Method) -> None:
    """Adds a way to align; one with the same name is replaced."""
    _METHODS[method.name] = method


def get(name: str) -> Method:
    """A way to align by its name.

    Args:
      name: such as "ffhq".

    Returns:
      The method.

    Raises:
      ValueError: no method has this name.
    """
    if name not in _METHODS:
        raise InputError(
            f"No way to align is called {name!r}; there are {', '.join(names())}."
        )
    return _METHODS[name]


def names() -> tuple[str, ...]:
    """The names of all methods, in the order in which they were registered."""
    return tuple(_METHODS)


def align(
    photograph: np.ndarray,
    points: np.ndarray | None = None,
    *,
    method: str = "ffhq",
    output_size: int | None = None,
    path: str | None = None,
    face: int = 0,
) -> Aligned:
    """Aligns one face of a photograph.

    Args:
      photograph: `[H, W, 3]` uint8.
      points: `[K, 2]`, the face's landmarks; None for methods that need none.
      method: a registered name.
      output_size: side of the picture in pixels; default: the method's own.
      path: the photograph's, for the frame.
      face: which of the photograph's faces it is, for the frame.

    Returns:
      The picture and its frame.

    Raises:
      FaceError: the points make no face, or are missing.
      ValueError: no RGB picture, an unknown method, or a face outside the photograph.
    """
    way = get(method)
    height, width = crops.check_photograph(photograph)
    if way.needs_points and points is None:
        raise landmarks.FaceError(
            f"Alignment by {method!r} needs landmarks: give some."
        )
    found = np.zeros((0, 2)) if points is None else np.asarray(points, np.float64)
    size = output_size or way.output_size
    picture, quad = way.cut(photograph, found, size)
    frame = frames.Frame(
        quad=frames.as_quad(quad),
        output_size=size,
        method=method,
        photograph_size=(width, height),
        photograph=path,
        face=face,
        points=tuple((float(x), float(y)) for x, y in found),
    )
    return Aligned(picture=picture, frame=frame)


def leave(
    photograph: np.ndarray, points: np.ndarray, *, output_size: int, **options: Any
) -> Aligned:
    """Takes the centered square as it is, and notes where the face lies in it.

    For generators that move their own picture to the face (`transforms`).

    Args:
      photograph: `[H, W, 3]` uint8.
      points: `[K, 2]`, the face's landmarks.
      output_size: side of the picture in pixels.
      **options: of `align`.

    Returns:
      The picture and its frame, which also has the quad of the face.

    Raises:
      FaceError, ValueError: as `align`.
    """
    face = align(photograph, points, output_size=output_size, **options).frame
    picture, quad = crops.center(photograph, output_size)
    frame = dataclasses.replace(face, quad=frames.as_quad(quad), aligned=face.quad)
    return Aligned(picture=picture, frame=frame)


def _ffhq(photograph, points, output_size):
    options = crops.FfhqOptions(
        output_size=output_size,
        transform_size=max(output_size, crops.FfhqOptions().transform_size or 0),
    )
    return crops.ffhq(photograph, quads.ffhq(points), options)


def _vggface(photograph, points, output_size):
    return crops.vggface(photograph, quads.ffhq(points), output_size)


def _center(photograph, points, output_size):
    del points
    return crops.center(photograph, output_size)


register(Method(name="ffhq", cut=_ffhq, output_size=1024))
register(Method(name="vggface", cut=_vggface, output_size=224))
register(Method(name="center", cut=_center, output_size=1024, needs_points=False))
