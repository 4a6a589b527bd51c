"""Pictures that visitors send: checked, read by the guarded reader, aligned."""

import importlib.util
import pathlib
import secrets
import shutil
import tempfile

import numpy as np

from experiments.aligning import photographs
from experiments.studio_page import safety
from experiments.studio_page.visits import Upload, Visit
from experiments.studio_page.workshop import Workshop
from jax_encoder import demo
from jax_encoder.alignment import methods
from jax_encoder.io import images

EXAMPLES = demo.DIRECTORY / "examples"


def example_names() -> list[str]:
    """The pictures that come with the package."""
    return [path.name for path in images.find(EXAMPLES)]


def receive(
    content: bytes,
    name: str,
    visit: Visit,
    workshop: Workshop,
    limits: safety.VisitorLimits,
) -> Upload:
    """Takes a picture in.

    Args:
      content: of the file.
      name: as the visitor has it.
      visit: whose it is.
      workshop: of the generator that is to draw it.
      limits: of a visitor.

    Returns:
      The picture, cropped to its centered square.

    Raises:
      Refusal: too many, too large, or no picture that can be read; says why.
    """
    shown = safety.shown_name(name)
    if len(visit.uploads) >= limits.max_pictures:
        raise safety.Refusal(
            f"{shown}: there are {limits.max_pictures} pictures already; remove some."
        )
    path = visit.folder / f"picture{secrets.token_hex(8)}{_suffix(shown)}"
    path.write_bytes(content)
    try:
        upload = _read(path, shown, visit.number(), limits)
        fit(upload, workshop)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, images.PictureError):
            told = safety.sentence(error, {path.name: shown})
            raise safety.Refusal(told) from error
        raise
    with visit.lock:
        visit.uploads[upload.id] = upload
        visit.changed()
    return upload


def _suffix(name: str) -> str:
    """The ending, which tells a reader nothing: files are known by their content."""
    suffix = pathlib.PurePath(name).suffix.lower()
    return suffix if suffix in images.EXTENSIONS else ""


def _read(path: pathlib.Path, shown: str, number: str, limits) -> Upload:
    """Checks the size before anything is decoded, then decodes once."""
    size = images.size(path)
    if size is not None and size[0] * size[1] > limits.max_pixels:
        raise images.PictureError(
            path,
            f"{size[0]}x{size[1]} pixels are too many",
            f"make it smaller than {limits.max_pixels // 1_000_000} megapixels",
        )
    picture = images.decode(path)
    size = (picture.shape[1], picture.shape[0])
    return Upload(id=number, name=shown, path=path, size=size)


def from_example(name: str, visit: Visit, workshop: Workshop, limits) -> Upload:
    """Takes one of the pictures that come with the package.

    Raises:
      Refusal: there is none of this name.
    """
    if name not in example_names():
        raise safety.Refusal(f"There is no example {name[:40]!r}.")
    content = (EXAMPLES / name).read_bytes()
    return receive(content, name, visit, workshop, limits)


def from_seed(seed: int, visit: Visit, workshop: Workshop, limits) -> Upload:
    """Takes the picture that the generator draws from a seed."""
    sampler = workshop.sampler()
    (picture,) = sampler.render(sampler.ws([seed]))
    with tempfile.TemporaryDirectory(dir=visit.folder) as place:
        path = pathlib.Path(place) / f"seed{seed:04}.png"
        images.write(path, np.clip(picture, -1.0, 1.0))
        content = path.read_bytes()
    return receive(content, f"seed{seed:04}.png", visit, workshop, limits)


def fit(upload: Upload, workshop: Workshop) -> None:
    """Makes a picture what its inversion sees, as `encode_image` does.

    Args:
      upload: changed in place; without an alignment it is cropped to its center.
      workshop: of the generator.
    """
    config = workshop.config
    channels = getattr(config, "image_channels", 3)
    picture = images.decode(upload.picture or upload.path, channels)
    upload.target = images.fit(picture, config.resolution, "center")


def align(upload: Upload, method: str, visit: Visit, workshop: Workshop) -> None:
    """Aligns a photograph, or goes back to its centered square.

    Args:
      upload: changed in place.
      method: one of `alignments`; "" for the centered square.
      visit: whose it is.
      workshop: of the generator.

    Raises:
      Refusal: no face that could be used, or no such method.
    """
    if method and method not in alignments():
        raise safety.Refusal(f"There is no alignment {method[:40]!r} here.")
    _forget(upload)
    try:
        if method:
            _align(upload, method, visit, workshop)
        fit(upload, workshop)
    finally:
        visit.changed()


def _align(upload: Upload, method: str, visit: Visit, workshop: Workshop) -> None:
    folder = pathlib.Path(tempfile.mkdtemp(dir=visit.folder))
    settings = photographs.AlignmentSettings(method=method)
    size = workshop.config.resolution
    told: list[str] = []
    outcome = photographs.align(
        [upload.path], folder, settings, output_size=size, tell=told.append
    )
    if upload.path in outcome.refused:
        shutil.rmtree(folder, ignore_errors=True)
        upload.problem = safety.sentence(
            ValueError(outcome.refused[upload.path]), {upload.path.name: upload.name}
        )
        raise safety.Refusal(f"{upload.name}: {upload.problem}")
    (upload.picture,) = outcome.pictures
    upload.align = method
    upload.frame = outcome.frames[upload.path.stem].to_dict()


def _forget(upload: Upload) -> None:
    if upload.picture is not None:
        shutil.rmtree(upload.picture.parent, ignore_errors=True)
    upload.picture, upload.frame = None, None
    upload.align, upload.problem = "", ""


def alignments() -> tuple[str, ...]:
    """The ways to align that work here: without dlib, those that need no landmarks."""
    return tuple(
        name
        for name in methods.names()
        if not methods.get(name).needs_points or _has_detector()
    )


def _has_detector() -> bool:
    return all(map(importlib.util.find_spec, ("dlib", "face_recognition_models")))


def remove(upload_id: str, visit: Visit) -> None:
    """Removes a picture and its files."""
    with visit.lock:
        upload = visit.uploads.pop(upload_id, None)
        visit.changed()
    if upload is not None:
        _forget(upload)
        upload.path.unlink(missing_ok=True)
