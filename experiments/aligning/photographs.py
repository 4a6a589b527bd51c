"""Folders of photographs, face by face: aligned pictures and a file of their frames."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

from jax_encoder.alignment import detectors, faces, methods
from jax_encoder.alignment import frames as frame_lib
from jax_encoder.alignment.landmarks import LandmarkDetector
from jax_encoder.avatars import aligning as _  # noqa: F401 (registers "demo")
from jax_encoder.errors import InputError
from jax_encoder.io import files, images, json_types, loading

FRAMES = "frames.json"
"""The file of the frames, beside the aligned pictures."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignmentSettings:
    """How photographs are aligned.

    Attributes:
      method: the name of one of `alignment.methods`.
      landmarks: what finds the landmarks, as of `detectors.make`.
      face: "largest", "all", or an index from 0, the largest.
      is_unaligned: take the centered square, and only note where the face lies.
    """

    method: str = "ffhq"
    landmarks: str = "dlib"
    face: str | int = "largest"
    is_unaligned: bool = False

    def detector(self) -> LandmarkDetector | None:
        """What finds the landmarks, or None where the method needs none."""
        if not methods.get(self.method).needs_points:
            return None
        return detectors.make(self.landmarks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignedPhotographs:
    """What became of photographs.

    Attributes:
      pictures: the aligned pictures that were written; a photograph without a usable
        face stands for itself.
      frames: of the aligned pictures, by name.
      refused: photographs without a usable face, with the reasons.
      notes: what else was seen, by the aligned picture's name.
    """

    pictures: tuple[pathlib.Path, ...]
    frames: Mapping[str, frame_lib.Frame] = dataclasses.field(default_factory=dict)
    refused: Mapping[pathlib.Path, str] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)


def align(
    paths: Sequence[pathlib.Path],
    folder: pathlib.Path,
    settings: AlignmentSettings,
    *,
    output_size: int | None = None,
    tell: Callable[[str], None] = print,
) -> AlignedPhotographs:
    """Aligns photographs and writes `<name>.png` and `frames.json`.

    Args:
      paths: the photographs.
      folder: where to write; made if missing.
      settings: how.
      output_size: side of the pictures in pixels; default: the method's own.
      tell: is told of every photograph that fails or holds something unexpected.

    Returns:
      What became of them.

    Raises:
      DetectorError: the detector cannot be made.
      ValueError: an unknown method or choice of faces.
      WriteError: the disk is full or read-only.
    """
    detector = settings.detector()
    files.make_directory(folder)
    pictures: list[pathlib.Path] = []
    found: dict[str, frame_lib.Frame] = {}
    refused: dict[pathlib.Path, str] = {}
    notes: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        try:
            aligned = _align_one(path, settings, detector, output_size)
            names = _names(path, settings, len(aligned), found)
        except InputError as error:
            refused[path] = _reason(error)
            tell(f"{path.name}: {refused[path]}")
            pictures.append(path)
            continue
        for name, (result, remarks) in zip(names, aligned, strict=True):
            pictures.append(folder / f"{name}.png")
            images.write(pictures[-1], result.picture)
            found[name] = result.frame
            if remarks:
                notes[name] = "; ".join(remarks)
                tell(f"{path.name}: {notes[name]}.")
    outcome = AlignedPhotographs(
        pictures=tuple(pictures), frames=found, refused=refused, notes=notes
    )
    _write(folder, outcome, settings)
    return outcome


def _align_one(path, settings, detector, output_size):
    """Every wanted face of a photograph, with what there is to say about it."""
    photograph = images.to_uint8(images.decode(path))
    options = {"method": settings.method, "output_size": output_size, "path": str(path)}
    if detector is None:
        return [(methods.align(photograph, **options), ())]
    seen = faces.find(photograph, detector, which=settings.face, picture=str(path))
    cut = methods.leave if settings.is_unaligned else methods.align
    return [
        (cut(photograph, face.points, face=face.index, **options), face.notes)
        for face in seen
    ]


def _names(path, settings, num, taken) -> list[str]:
    """The names of a photograph's aligned pictures."""
    is_all = settings.face == "all"
    names = [f"{path.stem}_{i}" if is_all else path.stem for i in range(num)]
    known = {name.casefold() for name in taken}
    for name in names:
        if name.casefold() in known:
            raise InputError(f"another picture is called {name} already; rename one.")
    return names


def _reason(error: Exception) -> str:
    if isinstance(error, images.PictureError):
        return f"{error.reason}; {error.remedy}."
    return str(error)


def _write(
    folder: pathlib.Path, outcome: AlignedPhotographs, settings: AlignmentSettings
) -> None:
    content = {
        "settings": dataclasses.asdict(settings),
        "frames": {name: frame.to_dict() for name, frame in outcome.frames.items()},
        "refused": {str(path): reason for path, reason in outcome.refused.items()},
        "notes": dict(outcome.notes),
        "pictures": [str(path) for path in outcome.pictures],
    }
    files.write_json(folder / FRAMES, content)


def read(folder: pathlib.Path) -> AlignedPhotographs:
    """Reads what `align` wrote.

    Args:
      folder: with a `frames.json`.

    Returns:
      What became of the photographs.

    Raises:
      ValueError: it is missing or damaged.
    """
    path = folder / FRAMES
    try:
        content: json_types.Row = loading.read_json(path)
        return AlignedPhotographs(
            pictures=tuple(pathlib.Path(p) for p in content["pictures"]),
            frames={k: frame_lib.from_dict(v) for k, v in content["frames"].items()},
            refused={pathlib.Path(k): v for k, v in content["refused"].items()},
            notes=content["notes"],
        )
    except Exception as error:  # a foreign file holds anything
        raise InputError(
            f"{path}: damaged ({error}); align the photographs again."
        ) from error


def known_frames(paths: Sequence[pathlib.Path]) -> dict[str, frame_lib.Frame]:
    """The frames of pictures that were aligned earlier, where their folder has them.

    Args:
      paths: pictures.

    Returns:
      Frames by the picture's name; empty for pictures from elsewhere.

    Raises:
      ValueError: a damaged `frames.json`.
    """
    found: dict[str, frame_lib.Frame] = {}
    folders = {path.parent for path in paths if (path.parent / FRAMES).is_file()}
    outcomes = {folder: read(folder) for folder in folders}
    for path in paths:
        if path.parent in outcomes and path.stem in outcomes[path.parent].frames:
            found[path.stem] = outcomes[path.parent].frames[path.stem]
    return found
