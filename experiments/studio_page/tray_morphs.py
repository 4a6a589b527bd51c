"""Morphs between codes of the tray: single places of the path, and films of it."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.editing import morphing
from experiments.editing.code_sets import Code
from experiments.studio_page import commands, safety
from experiments.studio_page.slider_edits import number
from experiments.studio_page.workshop import Workshop
from jax_encoder.editing import interpolation
from jax_encoder.io import films, images

SCHEDULES = ("together", "coarse-first", "fine-first")
FORMATS = tuple(sorted(extension[1:] for extension in films.EXTENSIONS))
FPS = 25.0
_MAX_CODES = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class Film:
    """A film as the page asks for it.

    Attributes:
      kind: "mp4", "gif" or "webp".
      num_frames: of the whole path.
      side: of the frames, in pixels.
      easing: of `interpolation.EASINGS`.
      schedule: of the rows.
      is_loop: whether it returns to the first code.
    """

    kind: str = "mp4"
    num_frames: int = 100
    side: int = 256
    easing: str = "cosine"
    schedule: str = "together"
    is_loop: bool = False


def check_film(values: Mapping[str, object], limits: safety.VisitorLimits) -> Film:
    """A film out of what a page sends.

    Raises:
      Refusal: a choice that there is not, or a number out of its bounds.
    """
    kind, easing = str(values.get("kind")), str(values.get("easing"))
    schedule = str(values.get("schedule"))
    choices = ((kind, FORMATS), (easing, interpolation.EASINGS), (schedule, SCHEDULES))
    for choice, known in choices:
        if choice not in known:
            raise safety.Refusal(f"{choice[:20]!r} is none of {', '.join(known)}.")
    frames = round(number(values.get("seconds"), 1e4) * FPS)
    if not 2 <= frames <= limits.max_frames:
        longest = limits.max_frames / FPS
        raise safety.Refusal(f"A film lasts from 0.1 to {longest:g} seconds.")
    side = int(number(values.get("side"), 1e5))
    if not 16 <= side <= limits.max_side:
        raise safety.Refusal(f"A film's side is 16 to {limits.max_side} pixels.")
    return Film(
        kind=kind,
        num_frames=frames,
        side=side,
        easing=easing,
        schedule=schedule,
        is_loop=bool(values.get("loop")),
    )


def joined(codes: Sequence[Code], workshop: Workshop, space: str = "w+") -> list[Code]:
    """The codes in one space.

    Raises:
      Refusal: fewer than two, too many, or one that cannot be brought there.
    """
    if not 2 <= len(codes) <= _MAX_CODES:
        raise safety.Refusal(f"A morph goes through 2 to {_MAX_CODES} codes.")
    found, refused = morphing.joined(workshop.renderer(), codes, space)
    if refused:
        raise safety.Refusal(refused[0])
    return found


def still(
    codes: Sequence[Code], shape: float, color: float, workshop: Workshop
) -> np.ndarray:
    """The picture at a place of the path, `[R, R, C]` uint8.

    Args:
      codes: two or more.
      shape: place of the coarse rows, 0 at the first code, 1 at the second...
      color: place of the fine rows.
      workshop: of the generator.
    """
    found = joined(codes, workshop)
    values = np.stack([code.value for code in found])
    shape, color = (min(max(p, 0.0), len(codes) - 1.0) for p in (shape, color))
    ws = interpolation.at(values, shape, color)
    bare = dataclasses.replace(found[0], arrays={}, difference=None)
    renderer = workshop.renderer()
    (picture,) = renderer.pictures(renderer.ws(bare, ws[None]), bare)
    return images.to_uint8(picture)


def film(
    codes: Sequence[Code], options: Film, workshop: Workshop, folder: pathlib.Path
):
    """The film's content, as `experiments.morph` writes it.

    Args:
      codes: two or more.
      options: how.
      workshop: of the generator.
      folder: where to write it while it is made; nothing is left.

    Returns:
      The bytes of the file.
    """
    space = _space(codes, options)
    morph = morphing.Morph(
        renderer=workshop.renderer(),
        space=space,
        easing=options.easing,
        schedule=options.schedule,
        is_loop=options.is_loop,
        side=options.side,
    )
    frames = morph.pictures(joined(codes, workshop, space), options.num_frames)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = pathlib.Path(place) / f"morph.{options.kind}"
        films.write(path, frames, fps=FPS)
        return path.read_bytes()


def _space(codes: Sequence[Code], options: Film) -> str:
    """The space that `experiments.morph` goes through when nobody asks for one."""
    if options.schedule != "together":
        return "w+"
    return morphing.common_space(codes, None)


def film_command(names: Sequence[str], options: Film, workshop: Workshop) -> str:
    """The command line of a film."""
    return commands.morph(
        names,
        generator=workshop.flag,
        film=options.kind,
        num_frames=options.num_frames,
        side=options.side,
        easing=options.easing,
        schedule=options.schedule if options.schedule != "together" else None,
        loop=options.is_loop,
    )


def still_command(
    names: Sequence[str], shape: float, color: float, workshop: Workshop
) -> str:
    """The command line of a place of the path."""
    place = f"{shape:g}" if shape == color else f"{shape:g}:{color:g}"
    return commands.morph(names, generator=workshop.flag, film="none", at=place)
