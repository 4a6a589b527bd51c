"""Morphs: a path through codes as a sheet and a film."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from experiments.editing import edit_pasting, editing_run
from experiments.editing.code_sets import Code
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line
from jax_encoder.editing import interpolation
from jax_encoder.errors import InputError
from jax_encoder.io import contact_sheet, files, films, images

_COLUMNS = 8


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Morph:
    """How a path is shown.

    Attributes:
      renderer: makes pictures.
      space: "z", "w", "w+", "p" or "p+".
      easing: within every stretch.
      schedule: "together", "coarse-first" or "fine-first"; W+ and P+ only.
      overlap: of the schedule.
      is_loop: whether it returns to the first code.
      side: of the pictures; None for the generator's.
      paste_back: whether frames go back into the first code's photograph.
      photographs: where those lie; None: where they were.
    """

    renderer: Renderer
    space: str
    easing: str = "cosine"
    schedule: str = "together"
    overlap: float = 0.5
    is_loop: bool = False
    side: int | None = None
    paste_back: bool = False
    photographs: str | None = None

    def pictures(self, codes: Sequence[Code], num_frames: int) -> Iterator[np.ndarray]:
        """Yields the frames of the path through codes of one space.

        Raises:
          Failure: fewer than two codes, or a photograph that cannot be read.
        """
        if len(codes) < 2:
            raise command_line.Failure(f"A morph needs two codes, got {len(codes)}.")
        where = interpolation.places(len(codes), num_frames, is_loop=self.is_loop)
        values = np.stack([code.value for code in codes])
        rows = None
        if self.schedule != "together":
            num_ws = self.renderer.source.network.config.num_ws
            rows = interpolation.schedule(self.schedule, num_ws, overlap=self.overlap)
        path = interpolation.path(
            values, where, space=self.space, easing=self.easing, rows=rows
        )
        bare = dataclasses.replace(codes[0], arrays={}, difference=None)
        offsets = self._offsets(codes, where)
        ws = self.renderer.ws(bare, path)
        for picture in self.renderer.pictures(ws, bare, offsets):
            shown = (
                edit_pasting.paste(bare, picture, self.photographs)
                if (self.paste_back)
                else picture
            )
            yield _resized(shown, self.side)

    def _offsets(self, codes: Sequence[Code], where) -> np.ndarray | None:
        """The offsets of a feature map on the path, zero for codes without."""
        own = [code.features for code in codes]
        known = next((array for array in own if array is not None), None)
        if known is None:
            return None
        if any(array is not None and array.shape != known.shape for array in own):
            raise command_line.Failure(
                "These codes of space F have feature maps of different sides, between"
                " which there is no way: invert all in one space, such as f16."
            )
        rows = [known * 0 if array is None else array for array in own]
        flat = np.stack(rows).reshape(len(rows), -1)
        path = interpolation.path(flat, where, space="w", easing=self.easing)
        return path.reshape(len(path), *known.shape)


def common_space(codes: Sequence[Code], space: str | None) -> str:
    """The space in which codes can be joined.

    Args:
      codes: one or more.
      space: what was asked for, or None for the one farthest down that a code has.
    """
    order = ("z", "w", "w+")
    if space is None:
        return max((code.space for code in codes), key=order.index)
    return {"p": "w", "p+": "w+"}.get(space, space)


def joined(
    renderer: Renderer, codes: Sequence[Code], space: str
) -> tuple[list[Code], list[str]]:
    """Brings codes to one space; a sentence for each that cannot be."""
    plan = editing_run.Plan(
        renderer=renderer, output=pathlib.Path(), positions=np.zeros(1), space=space
    )
    found, refused = [], []
    for code in codes:
        try:
            found.append(editing_run.prepared(plan, code))
        except InputError as error:
            refused.append(str(error))
    return found, refused


def write(
    morph: Morph,
    codes: Sequence[Code],
    output: pathlib.Path,
    *,
    num_frames: int,
    film: str,
    fps: float,
    save_frames: bool,
) -> int:
    """Writes `morph.mp4` (or as `film` says), `contact_sheet.png` and, asked, frames.

    Args:
      morph: how.
      codes: of one space.
      output: a directory that exists.
      num_frames: of the whole path.
      film: an extension of `films.EXTENSIONS`; "" for none.
      fps: frames per second.
      save_frames: write `frame_0000.png` and so on.

    Returns:
      The number of frames.

    Raises:
      WriteError: the disk is full or read-only.
    """
    frames = [images.to_uint8(p) for p in morph.pictures(codes, num_frames)]
    if film:
        films.write(output / f"morph{film}", frames, fps=fps)
    if save_frames:
        for index, frame in enumerate(frames):
            images.write(output / f"frame_{index:04}.png", frame)
    picked = np.unique(
        np.linspace(0, len(frames) - 1, 2 * _COLUMNS).round().astype(int)
    )
    shown = [frames[k] for k in picked]
    rows = [shown[k : k + _COLUMNS] for k in range(0, len(shown), _COLUMNS)]
    texts = [f"frame {k}" for k in picked]
    captions = [texts[k : k + _COLUMNS] for k in range(0, len(texts), _COLUMNS)]
    title = " to ".join(code.name for code in codes)
    sheet = contact_sheet.draw(rows, captions=captions, title=title)
    images.write(output / "contact_sheet.png", sheet, is_report=True)
    return len(frames)


def parse_places(text: str, num_codes: int) -> list[tuple[float, float]]:
    """Reads "0.3:0.8,0.5" as (shape, color) places of a path.

    Args:
      text: of a flag.
      num_codes: that the path goes through.

    Raises:
      UsageError: it reads otherwise, or a place lies beyond the path.
    """
    places = []
    for piece in text.split(","):
        shape, colon, color = piece.partition(":")
        try:
            found = float(shape), float(color if colon else shape)
        except ValueError:
            raise command_line.UsageError(
                f"--at reads SHAPE:COLOR,... with numbers, got {piece!r}."
            ) from None
        if not all(0.0 <= place <= num_codes - 1 for place in found):
            raise command_line.UsageError(
                f"--at={piece}: the path goes from 0 to {num_codes - 1}."
            )
        places.append(found)
    return places


def draw_places(
    renderer: Renderer,
    codes: Sequence[Code],
    text: str,
    directory: str,
    *,
    side: int | None = None,
) -> list[str]:
    """Writes `at_SHAPE_COLOR.png` for places of the path, and says how many.

    Args:
      renderer: makes pictures.
      codes: two or more.
      text: of `parse_places`.
      directory: made if missing.
      side: of the pictures; None for the generator's.

    Returns:
      A sentence for each code that cannot be brought to W+.

    Raises:
      UsageError: the text reads otherwise.
      Failure: fewer than two codes.
      WriteError: the disk is full or read-only.
    """
    found, refused = joined(renderer, codes, "w+")
    if len(found) < 2:
        raise command_line.Failure(f"A morph needs two codes, got {len(found)}.")
    places = parse_places(text, len(found))
    output = files.make_directory(directory)
    values = np.stack([code.value for code in found])
    bare = dataclasses.replace(found[0], arrays={}, difference=None)
    ws = np.stack([interpolation.at(values, *place) for place in places])
    drawn = renderer.pictures(renderer.ws(bare, ws), bare)
    for (shape, color), picture in zip(places, drawn, strict=True):
        path = output / f"at_{shape:g}_{color:g}.png"
        images.write(path, _resized(picture, side))
    print(f"Drew {len(places)} places between {len(found)} codes: {output}.")
    return refused


def _resized(picture: np.ndarray, side: int | None) -> np.ndarray:
    """The picture with its longer side at `side`."""
    if side is None or side == max(picture.shape[:2]):
        return picture
    image = Image.fromarray(images.to_uint8(picture))
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))
