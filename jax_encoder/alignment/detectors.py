"""Landmark detectors by name: dlib, MediaPipe, and files of points.

`make("dlib")`, `make("mediapipe:face_landmarker.task")`, `make("points.json")`;
`register` adds one. The libraries are imported when a detector is made, not before.
"""

import importlib
import importlib.util
import pathlib
from collections.abc import Callable
from types import ModuleType

import numpy as np
from PIL import Image

from jax_encoder.alignment import landmarks, point_files
from jax_encoder.errors import InputError

_DLIB_FILE = "shape_predictor_68_face_landmarks.dat"
_MAX_SIDE = 1600
"""Faces are looked for in at most this many pixels of width and height."""

Factory = Callable[[str], landmarks.LandmarkDetector]
"""Makes a detector; takes what follows the name's colon, "" for nothing."""

_FACTORIES: dict[str, Factory] = {}


class DetectorError(InputError):
    """A detector cannot be made; the message says what is missing and what to do."""


def register(name: str, factory: Factory) -> None:
    """Adds a detector under a name; one with the same name is replaced."""
    _FACTORIES[name] = factory


def make(text: str) -> landmarks.LandmarkDetector:
    """Makes a detector.

    Args:
      text: a registered name, alone or with a file after a colon
        ("dlib:shape_predictor_68_face_landmarks.dat"), or the name of a JSON or CSV
        file of points.

    Returns:
      The detector.

    Raises:
      DetectorError: an unknown name, a library or a file that is missing.
      FaceError: a file of points that cannot be understood.
    """
    name, _, rest = text.partition(":")
    if name in _FACTORIES:
        return _FACTORIES[name](rest)
    if pathlib.Path(text).suffix.lower() in point_files.EXTENSIONS:
        return point_files.read(text)
    known = ", ".join(_FACTORIES)
    raise DetectorError(
        f"No landmark detector is called {text!r}: take {known}, or a .json or .csv"
        " file of points."
    )


class Dlib:
    """dlib's frontal face detector and its 68-point shape predictor.

    The predictor's file was trained on 300-W, whose license excludes commercial use.
    """

    name = "dlib"

    def __init__(self, path: str = ""):
        """Loads the predictor.

        Args:
          path: of its file; default: the one in the package face_recognition_models.

        Raises:
          DetectorError: dlib or the file is missing, or the file is no predictor.
        """
        dlib = _import("dlib", "align")
        file = pathlib.Path(path) if path else _packaged_predictor()
        if not file.is_file():
            raise DetectorError(f"{file}: no such file; name dlib's {_DLIB_FILE}.")
        try:
            self._predict = dlib.shape_predictor(str(file))
        except RuntimeError as error:
            raise DetectorError(f"{file}: no shape predictor ({error}).") from error
        self._find = dlib.get_frontal_face_detector()
        self._rectangle = dlib.rectangle

    def detect(self, image: np.ndarray, picture: str) -> list[landmarks.Detection]:
        """Finds faces of about 40 pixels and more; see `LandmarkDetector.detect`."""
        del picture
        height, width = image.shape[:2]
        ratio = max(height, width) / _MAX_SIDE
        small = _reduce(image, ratio)
        boxes, scores, _ = self._find.run(small, 1)
        return [
            self._shape(image, box, score, max(ratio, 1.0))
            for box, score in zip(boxes, scores, strict=True)
        ]

    def _shape(self, image, box, score, ratio):
        """The points in the full picture, whatever the size that the box was found at.

        A predictor that sees another number of points is the caller's: `check` tells.
        """
        edges = (box.left(), box.top(), box.right(), box.bottom())
        found = self._predict(
            image, self._rectangle(*(round(e * ratio) for e in edges))
        )
        points = [(part.x, part.y) for part in found.parts()]
        return landmarks.Detection(points=np.array(points, np.float64), score=score)


def _reduce(image: np.ndarray, ratio: float) -> np.ndarray:
    if ratio <= 1.0:
        return np.ascontiguousarray(image)
    size = round(image.shape[1] / ratio), round(image.shape[0] / ratio)
    reduced = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(reduced)


def _packaged_predictor() -> pathlib.Path:
    """Found without importing the package, which fails beside new setuptools."""
    found = importlib.util.find_spec("face_recognition_models")
    folders = list(found.submodule_search_locations or ()) if found else []
    if not folders:
        raise DetectorError(
            f"dlib's {_DLIB_FILE} is missing: `pip install face_recognition_models`,"
            " or name the file, as in dlib:PATH."
        )
    return pathlib.Path(folders[0]) / "models" / _DLIB_FILE


class MediaPipe:
    """MediaPipe's face landmarker: 478 points, in pictures of any pose."""

    name = "mediapipe"

    def __init__(self, path: str = "", *, num_faces: int = 16):
        """Loads the model.

        Args:
          path: of `face_landmarker.task`, which the package does not bring.
          num_faces: the most that are looked for.

        Raises:
          DetectorError: MediaPipe or the file is missing, or the file is no model.
        """
        self._library = _import("mediapipe", "align-mediapipe")
        if not path or not pathlib.Path(path).is_file():
            raise DetectorError(
                f"MediaPipe needs its model: name a face_landmarker.task, as in"
                f" mediapipe:PATH (got {path or 'nothing'})."
            )
        tasks = importlib.import_module("mediapipe.tasks.python")
        vision = importlib.import_module("mediapipe.tasks.python.vision")
        options = vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(path)),
            num_faces=num_faces,
        )
        try:
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise DetectorError(f"{path}: no face landmarker ({error}).") from error

    def detect(self, image: np.ndarray, picture: str) -> list[landmarks.Detection]:
        """Finds faces; see `LandmarkDetector.detect`."""
        del picture
        mediapipe = self._library
        data = np.ascontiguousarray(image)
        packed = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=data)
        size = np.array([image.shape[1], image.shape[0]])
        found = self._landmarker.detect(packed).face_landmarks
        # Its coordinates are shares of the picture, from edge to edge.
        return [
            landmarks.Detection(points=np.array([(p.x, p.y) for p in f]) * size - 0.5)
            for f in found
        ]


def _import(module: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DetectorError(
            f"{module} cannot be imported ({error}): `pip install"
            f" 'jax_encoder[{extra}]'`, or give the points in a .json or .csv file."
        ) from error


register("dlib", Dlib)
register("mediapipe", MediaPipe)
