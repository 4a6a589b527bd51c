"""Edits with sliders: the picture that `experiments.edit` would write."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping

import numpy as np

import converters
from experiments.editing import direction_lists, editing_run
from experiments.editing.code_sets import Code
from experiments.launch import command_line
from experiments.studio_page import commands, safety
from experiments.studio_page.visits import Visit
from experiments.studio_page.workshop import Workshop
from jax_encoder.alignment import frames, pasting
from jax_encoder.editing import directions, edits
from jax_encoder.editing.directions import Direction
from jax_encoder.io import images, json_types

_MAX_IMPORTED = 64
_MAX_AMOUNT = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """The sliders of a page.

    Attributes:
      strengths: amounts by the directions' names, in their order; none is 0.
      rows: "0-3" for the rows that move; "" for all.
      psi: truncation; 1 for none.
    """

    strengths: Mapping[str, float]
    rows: str = ""
    psi: float = 1.0


def check(values: Mapping[str, object]) -> Setting:
    """The sliders out of what a page sends.

    Raises:
      Refusal: an amount is no number within bounds.
    """
    strengths = values.get("strengths") or {}
    if not isinstance(strengths, dict) or len(strengths) > 2 * _MAX_IMPORTED:
        raise safety.Refusal("The strengths of an edit are numbers by name.")
    amounts = {str(k): number(v, _MAX_AMOUNT) for k, v in strengths.items()}
    psi = number(values.get("psi", 1.0), 2.0)
    kept = {name: amount for name, amount in amounts.items() if amount}
    return Setting(strengths=kept, rows=str(values.get("rows") or "")[:9], psi=psi)


def number(value: json_types.Json, largest: float) -> float:
    """A finite number of at most this size out of what a page sends."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > largest:
        raise safety.Refusal(f"{str(value)[:20]!r} is no number up to {largest:g}.")
    return float(value)


def draw(code: Code, setting: Setting, visit: Visit, workshop: Workshop) -> np.ndarray:
    """The edited picture, `[R, R, C]` uint8.

    Raises:
      DirectionError: code and directions do not go together.
    """
    moved, values = edited(code, setting, visit, workshop)
    renderer = workshop.renderer(setting.psi)
    (picture,) = renderer.pictures(renderer.ws(moved, values), moved)
    return images.to_uint8(picture)


def edited(code, setting: Setting, visit: Visit, workshop: Workshop):
    """The code in the space of the edit, and its edited value `[1, ...]`."""
    if not setting.strengths:
        return code, code.value[None]
    edit = _edit(setting, visit, workshop)
    plan = editing_run.Plan(
        renderer=workshop.renderer(), output=pathlib.Path(), positions=np.ones(1)
    )
    moved = editing_run.prepared(plan, code, edit)
    return moved, edits.walk(moved.value[None], edit, [1.0])[0]


def _edit(setting: Setting, visit: Visit, workshop: Workshop) -> edits.Edit:
    try:
        rows = direction_lists.parse_rows(setting.rows or None)
    except command_line.UsageError as error:
        raise safety.Refusal(str(error)) from error
    config = workshop.config
    parts = []
    for name, amount in setting.strengths.items():
        direction = workshop.direction(name, visit.directions)
        if rows is not None:
            direction = dataclasses.replace(direction, rows=rows)
        width = config.z_dim if direction.space == "z" else config.w_dim
        direction.check(width=width, num_ws=config.num_ws)
        parts.append((direction, amount))
    return edits.Edit(parts=tuple(parts))


def command(name: str, setting: Setting, workshop: Workshop, *, paste_back=False):
    """The command line of an edit of the code of this name."""
    return commands.edit(
        name,
        setting.strengths,
        generator=workshop.flag,
        rows=setting.rows or None,
        psi=setting.psi,
        paste_back=paste_back,
    )


def paste(code: Code, picture: np.ndarray, visit: Visit) -> np.ndarray:
    """Puts a picture of a code back into the visitor's photograph.

    Raises:
      Refusal: the code was not aligned, or its photograph is not here.
    """
    frame = frames.from_metadata(code.metadata)
    if frame is None:
        raise safety.Refusal(
            f"{code.name} was not aligned from a photograph: choose an alignment when"
            " you invert, and it can be pasted back."
        )
    wanted = pathlib.PurePath(frame.photograph or "").name
    with visit.lock:
        found = [u for u in visit.uploads.values() if wanted in (u.path.name, u.name)]
    if not found:
        raise safety.Refusal(
            f"The photograph of {code.name} is not here any more; drop it again."
        )
    photograph = images.to_uint8(images.decode(found[0].path))
    return pasting.paste(photograph, picture, frame)


def import_directions(
    content: bytes, name: str, visit: Visit, workshop: Workshop
) -> list[str]:
    """Reads a direction file that a visitor sends.

    Args:
      content: of the file.
      name: as the visitor has it.
      visit: whose it is.
      workshop: of the generator.

    Returns:
      The names of the directions that fit the generator.

    Raises:
      Refusal: none does, or there are too many.
    """
    shown = safety.shown_name(name)
    path = visit.folder / f"directions{visit.number()}" / shown
    path.parent.mkdir()
    try:
        path.write_bytes(content)
        found = converters.load_directions(path)
    except converters.ConversionError as error:
        raise safety.Refusal(safety.sentence(error)) from error
    finally:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
    return _keep(found, shown, visit, workshop)


def _keep(found: Mapping[str, Direction], shown: str, visit: Visit, workshop):
    config, kept, problem = workshop.config, {}, ""
    for own, direction in list(found.items())[:_MAX_IMPORTED]:
        width = config.z_dim if direction.space == "z" else config.w_dim
        try:
            direction.check(width=width, num_ws=config.num_ws)
        except directions.DirectionError as error:
            problem = str(error)
            continue
        kept[shown if len(found) == 1 else f"{shown}:{own}"] = direction
    if not kept:
        raise safety.Refusal(problem or f"{shown} holds no directions.")
    with visit.lock:
        if len(visit.directions) + len(kept) > 2 * _MAX_IMPORTED:
            raise safety.Refusal("There are too many imported directions already.")
        visit.directions |= kept
        visit.changed()
    return list(kept)
