"""Landmarks from JSON and CSV files: a detector that needs no library.

JSON holds either one face, `[[x, y], ...]`; or several, a list of such; or both by
picture: `{"a.jpg": [[x, y], ...], "b.jpg": [[[x, y], ...], ...]}`. CSV has a line for
every face: the picture's name, then x, y, x, y... (a header is skipped). A picture is
known by its file name, with or without the extension. Points are of any set that
`landmarks` describes.
"""

import csv
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

import numpy as np

from jax_encoder.alignment import landmarks
from jax_encoder.errors import InputError

EXTENSIONS = (".json", ".csv")
_MAX_BYTES = 2**25
_MAX_LINE = 2**17


class PointFile:
    """The faces of pictures as a file names them."""

    name = "points"

    def __init__(
        self,
        faces: Mapping[str, Sequence[np.ndarray]],
        *,
        of_any: Sequence[np.ndarray] | None = None,
        source: str = "the points",
    ):
        """Keeps the points.

        Args:
          faces: `[K, 2]` points of every face, by the picture's file name.
          of_any: faces of pictures that `faces` does not name; None: such pictures are
            an error.
          source: what to call the file in messages.
        """
        self._faces = dict(faces)
        self._of_any = of_any
        self._source = source

    def detect(self, image: np.ndarray, picture: str) -> list[landmarks.Detection]:
        """Looks a picture up; see `LandmarkDetector.detect`.

        Raises:
          FaceError: the file does not name this picture.
        """
        del image
        path = pathlib.PurePath(picture)
        for name in (str(path), path.name, path.stem):
            if name in self._faces:
                return [landmarks.Detection(points=p) for p in self._faces[name]]
        if self._of_any is None:
            known = ", ".join(sorted(self._faces)[:3]) or "none"
            raise landmarks.FaceError(
                f"There are no points of {path.name!r} in {self._source}, which names"
                f" {known}..."
            )
        return [landmarks.Detection(points=p) for p in self._of_any]


def read(path: str | os.PathLike) -> PointFile:
    """Reads a file of points.

    Args:
      path: JSON or CSV, by its extension.

    Returns:
      A detector that looks pictures up in it.

    Raises:
      FaceError: missing, damaged, or no landmarks in it.
    """
    path = pathlib.Path(path)
    try:
        if path.stat() and not path.is_file():  # a pipe would be waited for
            raise InputError("no regular file")
        if path.suffix.lower() == ".csv":
            with open(path, encoding="utf-8-sig", newline="") as file:
                return PointFile(_from_csv(file), source=str(path))
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"larger than {_MAX_BYTES} bytes; a .csv may be larger")
        values = json.loads(path.read_text("utf-8-sig"))
        if isinstance(values, Mapping):
            faces = {str(name): _faces(v, str(name)) for name, v in values.items()}
            return PointFile(faces, source=str(path))
        return PointFile({}, of_any=_faces(values, "its faces"), source=str(path))
    except OSError as error:
        raise landmarks.FaceError(f"{path}: {error.strerror or error}.") from error
    except (ArithmeticError, ValueError, RecursionError, csv.Error) as error:
        raise landmarks.FaceError(
            f"{path}: no landmarks: {error}; see `alignment.point_files` for the form."
        ) from error


def _faces(values: object, name: str) -> list[np.ndarray]:
    """One face or a list of faces as `[K, 2]` each."""
    if not isinstance(values, list):
        raise InputError(f"{name}: expected a list, got {type(values).__name__}")
    if not values:
        return []
    is_face = all(_is_point(value) for value in values)
    faces = [values] if is_face else values
    for face in faces:
        if not (isinstance(face, list) and all(_is_point(point) for point in face)):
            raise InputError(f"{name}: expected points [x, y], got {str(face)[:60]}")
    return [_check(np.array(face, np.float64), name) for face in faces]


def _is_point(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    )


def _check(points: np.ndarray, name: str) -> np.ndarray:
    try:
        return landmarks.check(points)
    except landmarks.FaceError as error:
        raise InputError(f"{name}: {error}") from None


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file, none of which may be endless."""
    while line := file.readline(_MAX_LINE + 1):
        if len(line) > _MAX_LINE:
            raise InputError(f"a line of more than {_MAX_LINE} characters")
        yield line


def _from_csv(file: TextIO) -> dict[str, list[np.ndarray]]:
    """A name and numbers in every line."""
    faces: dict[str, list[np.ndarray]] = {}
    for number, row in enumerate(csv.reader(_lines(file)), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        try:
            values = np.array([float(cell) for cell in cells[1:] if cell])
        except ValueError:
            if number == 1:
                continue  # a header
            raise InputError(
                f"line {number}: expected numbers after the name"
            ) from None
        if values.size % 2 or not values.size:
            raise InputError(
                f"line {number}: {values.size} numbers are no (x, y) pairs"
            )
        points = _check(values.reshape(-1, 2), f"line {number}")
        faces.setdefault(cells[0], []).append(points)
    return faces
