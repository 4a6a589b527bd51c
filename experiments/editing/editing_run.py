"""Codes x edits: pictures, edited codes, a sheet, films."""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from experiments.editing import code_sets, direction_lists, edit_pasting
from experiments.editing.code_sets import Code
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line
from jax_encoder.editing import edits, interpolation
from jax_encoder.editing.directions import DirectionError
from jax_encoder.io import codes as code_files
from jax_encoder.io import contact_sheet, films, images

_MAX_ROWS = 64


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What to do with every code.

    Attributes:
      renderer: makes pictures.
      output: a directory that exists.
      positions: `[S]`, multiples of an edit.
      meaning: "offset", "distance" or "published" (InterFaceGAN's, by space).
      space: the space to move in; None: the code's own, or the first below it that the
        edit fits.
      film: the extension of films, ".mp4"; "" for none.
      num_frames: of a film, there and back.
      easing: of a film.
      fps: of a film.
      paste_back: whether pictures also go back into their photographs.
      photographs: where those lie; None: where they were.
    """

    renderer: Renderer
    output: pathlib.Path
    positions: np.ndarray
    meaning: str = "offset"
    space: str | None = None
    film: str = ""
    num_frames: int = 50
    easing: str = "cosine"
    fps: float = 25.0
    paste_back: bool = False
    photographs: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """The pictures of one code and one edit.

    Attributes:
      label: of the row.
      pictures: the unedited one, and one per position.
    """

    label: str
    pictures: list[np.ndarray]


def run(
    plan: Plan, codes: Sequence[Code], all_edits: Sequence[edits.Edit]
) -> list[str]:
    """Edits all codes by all edits and writes everything.

    Args:
      plan: how.
      codes: one or more.
      all_edits: the edits.

    Returns:
      A sentence for every code and edit that did not go together.

    Raises:
      WriteError: the disk is full or read-only.
    """
    rows, refused = [], []
    for code in codes:
        for edit in all_edits:
            try:
                rows.append(_edit(plan, code, edit))
            except (
                DirectionError,
                code_files.CodeError,
                command_line.Failure,
            ) as error:
                refused.append(str(error))
    if rows:
        _write_sheet(plan, rows[:_MAX_ROWS])
    return refused


def prepared(plan: Plan, code: Code, edit: edits.Edit | None = None) -> Code:
    """The code in the plan's space, or in the first one that the edit can move.

    Raises:
      CodeError: there is no way back to the space.
      DirectionError: the edit moves another space.
    """
    order = ("z", "w", "w+")
    space = plan.space or max(code.space, edit.space if edit else "z", key=order.index)
    if edit and "z" in edit.spaces and space != "z":
        raise DirectionError(
            f"{edit.name}: a direction of Z moves codes of Z, and {code.name} is one of"
            f" {space.upper()}; give directions of W."
        )
    mapped = code.value
    if space != code.space:
        plain = dataclasses.replace(
            plan.renderer, truncation_psi=1.0, mixed=None, mixed_rows=()
        )
        mapped = plain.ws(code)[0]
    return code_sets.moved_to(code, space, plan.renderer.source, mapped)


def _edit(plan: Plan, code: Code, edit: edits.Edit) -> Row:
    moved = prepared(plan, code, edit)
    values = _walk(plan, moved, edit, plan.positions)
    ws = plan.renderer.ws(moved, values)
    styled = [_styled(code, edit, position) for position in plan.positions]
    pictures = list(plan.renderer.pictures(plan.renderer.ws(moved), code))
    pictures += _pictures(plan, ws, styled)
    stem = direction_lists.file_name([code.name, edit.name])
    width = len(str(len(values) - 1))
    for index, position in enumerate(plan.positions):
        path = plan.output / f"{stem}_{index:0{width}}"
        images.write(path.with_name(f"{path.name}.png"), pictures[index + 1])
        code_files.save(
            path,
            ws[index],
            space=moved.space,
            generator_sha256=plan.renderer.source.sha256,
            arrays=dict(styled[index].arrays),
            edit=edit.name,
            position=float(position),
            meaning=_meaning(plan, moved),
            code=code.name,
            **_kept(code),
        )
        if plan.paste_back:
            pasted = edit_pasting.paste(code, pictures[index + 1], plan.photographs)
            images.write(path.with_name(f"{path.name}_pasted.png"), pasted)
    if plan.film:
        _write_film(plan, moved, code, edit, plan.output / f"{stem}{plan.film}")
    return Row(label=f"{code.name} {edit.name}", pictures=pictures)


def _styled(code: Code, edit: edits.Edit, position: float) -> Code:
    """The code with what an edit in S adds to the styles at a position."""
    if edit.styles is None:
        return code
    before = code.arrays.get(code_sets.STYLES, np.zeros_like(edit.styles))
    offset = np.asarray(before + position * edit.styles, np.float32)
    return dataclasses.replace(code, arrays={**code.arrays, code_sets.STYLES: offset})


def _pictures(plan: Plan, ws: np.ndarray, codes: Sequence[Code]) -> list[np.ndarray]:
    """The pictures of rows `[S, num_ws, w_dim]`; one by one where styles differ."""
    if all(code is codes[0] for code in codes):
        return list(plan.renderer.pictures(ws, codes[0]))
    single = dataclasses.replace(plan.renderer, batch_size=1)
    return [
        picture
        for row, code in zip(ws, codes, strict=True)
        for picture in single.pictures(row[None], code)
    ]


def _kept(code: Code) -> dict:
    """What stays true of the code's metadata: the frame in the photograph."""
    return {k: v for k, v in code.metadata.items() if k == "frame"}


def _meaning(plan: Plan, code: Code) -> edits.Meaning:
    if plan.meaning == "published":
        return edits.published_meaning(code.space)
    return "distance" if plan.meaning == "distance" else "offset"


def _walk(plan: Plan, code: Code, edit: edits.Edit, positions) -> np.ndarray:
    meaning = _meaning(plan, code)
    return edits.walk(code.value[None], edit, positions, meaning=meaning)[0]


def _write_film(plan: Plan, moved: Code, code: Code, edit, path: pathlib.Path) -> None:
    """Films the way from the first position to the last and back, as a loop."""
    shares = interpolation.back_and_forth(plan.num_frames, plan.easing)
    first, last = plan.positions[0], plan.positions[-1]
    values = _walk(plan, moved, edit, first + shares * (last - first))
    positions = first + shares * (last - first)
    styled = [_styled(code, edit, position) for position in positions]
    frames = _pictures(plan, plan.renderer.ws(moved, values), styled)
    if plan.paste_back:
        frames = (edit_pasting.paste(code, frame, plan.photographs) for frame in frames)
    films.write(path, frames, fps=plan.fps)


def _write_sheet(plan: Plan, rows: Sequence[Row]) -> None:
    """Rows of codes and edits, columns of positions, the unedited one marked."""
    is_zero = np.isclose(plan.positions, 0.0)
    labels = [f"{position:+.3g}" for position in plan.positions]
    if plan.meaning == "offset" and is_zero.any():
        column = int(np.argmax(is_zero))
        labels[column] = "unedited"
        shown = [row.pictures[1:] for row in rows]
    else:
        column, labels = 0, ["unedited", *labels]
        shown = [row.pictures for row in rows]
    sheet = contact_sheet.draw(
        shown,
        row_labels=[row.label for row in rows],
        column_labels=labels,
        marked_column=column,
    )
    images.write(plan.output / "contact_sheet.png", sheet, is_report=True)


def report(refused: Sequence[str]) -> int:
    """Prints what was refused; returns the exit code."""
    for sentence in refused:
        print(sentence, file=sys.stderr)
    return int(bool(refused))
