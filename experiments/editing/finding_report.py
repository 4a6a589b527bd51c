"""What `find_directions` writes: directions, what they do, a sheet to look at."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jax_encoder.editing import direction_files, edits, effects
from jax_encoder.editing.directions import Direction
from jax_encoder.io import contact_sheet, files, images

FILE = "directions.npz"
STRENGTHS = (-3.0, -1.5, 0.0, 1.5, 3.0)
_MAX_ROWS = 24

_CARD = """# Directions

Directions of the latent space of the generator {generator}, for
`python -m experiments.edit --directions=...`.

## How they were made

    {command}

{about}

## Numbers

{measured}

{table}
"""
_MEASURED = """Measured on {num} codes{source}, each moved by {step:g} standard
deviations up or down, whichever its score has room for. "Effect" is the change of the
score over the change asked for. "Leak" is the mean absolute change of the other scores
that show, in standard deviations; "most" names those that change most. "Identity" is
the mean cosine of the embeddings before and after. A unit of strength is one standard
deviation of the score; "deviation" gives it in the score's own unit."""


def write(
    output: pathlib.Path,
    directions: Mapping[str, Direction],
    measured_effects: Mapping[str, effects.Effect],
    *,
    generator_sha256: str,
    texts: Mapping[str, str],
) -> None:
    """Writes `directions.npz`, `report.json` and `README.md`.

    Args:
      output: a directory that exists.
      directions: by name.
      measured_effects: theirs, by name; may be empty.
      generator_sha256: of the generator.
      texts: for the card: "generator", "command", "about" and "source" of the codes.

    Raises:
      WriteError: the disk is full or read-only.
    """
    measured = {
        name: _measured(direction, measured_effects.get(name))
        for name, direction in directions.items()
    }
    direction_files.save(output / FILE, measured, generator_sha256=generator_sha256)
    rows = {
        name: {"unit": direction.unit, "scale": direction.scale}
        | dict(direction.provenance)
        for name, direction in measured.items()
    }
    files.write_json(output / "report.json", rows)
    effect = next(iter(measured_effects.values()), None)
    text = "No scorer was given: the effects were not measured."
    if effect is not None:
        text = _MEASURED.format(
            num=effect.num_pictures, step=effect.step, source=texts["source"]
        )
    card = _CARD.format(
        **{key: texts[key] for key in ("generator", "command", "about")},
        measured=text,
        table=_table(measured, measured_effects),
    )
    files.write_bytes(output / "README.md", card.encode())


def _measured(direction: Direction, effect: effects.Effect | None) -> Direction:
    """The direction with its effect among what is known of it."""
    if effect is None:
        return direction
    about: dict[str, object] = {
        "effect": round(effect.gain, 4),
        "leak": round(effect.leak, 4),
        "leaks_most": effect.worst(),
        "identity": round(effect.identity, 4),
        "num_measured": effect.num_pictures,
        "step": effect.step,
    }
    provenance = dict(direction.provenance) | about
    return dataclasses.replace(direction, provenance=provenance)


def _table(
    directions: Mapping[str, Direction], measured_effects: Mapping[str, effects.Effect]
) -> str:
    if not measured_effects:
        return "\n".join(f"- {name}" for name in directions)
    lines = [
        "| direction | effect | leak | most | identity | deviation |",
        "|---|---|---|---|---|---|",
    ]
    for name, direction in directions.items():
        effect = measured_effects.get(name)
        if effect is None:
            lines.append(f"| {name} | | | | | {direction.scale:.3f} |")
            continue
        most = ", ".join(f"{k} {v:.2f}" for k, v in effect.worst(2).items())
        lines.append(
            f"| {name} | {effect.gain:.2f} | {effect.leak:.3f} | {most} |"
            f" {effect.identity:.3f} | {direction.scale:.3f} |"
        )
    return "\n".join(lines)


def write_sheet(
    path: pathlib.Path,
    directions: Mapping[str, Direction],
    ws: np.ndarray,
    render: Callable[[np.ndarray], Sequence[np.ndarray]],
    *,
    spread: float,
) -> None:
    """Writes a sheet: a row per direction, a column per strength.

    Args:
      path: of the PNG.
      directions: by name; of many the first are shown.
      ws: `[num_ws, w_dim]`, or `[1, z_dim]` for directions of Z.
      render: from codes `[N, ...]` like `ws` to pictures.
      spread: the length of one standard deviation for directions of unit length.
    """
    shown: Sequence[Direction] = list(directions.values())[:_MAX_ROWS]
    walks = []
    for direction in shown:
        amount = 1.0 if direction.unit == "sd" else spread
        change = edits.Edit(parts=((direction, amount),)).change(len(ws))
        walks.append([ws + k * np.broadcast_to(change, ws.shape) for k in STRENGTHS])
    pictures = render(np.concatenate(walks).astype(np.float32))
    width = len(STRENGTHS)
    sheet = contact_sheet.draw(
        [list(pictures[k : k + width]) for k in range(0, len(pictures), width)],
        row_labels=[direction.name for direction in shown],
        column_labels=[f"{k:+g}" if k else "unedited" for k in STRENGTHS],
        marked_column=STRENGTHS.index(0.0),
        side=96 if len(shown) > 4 else None,
    )
    images.write(path, sheet, is_report=True)
