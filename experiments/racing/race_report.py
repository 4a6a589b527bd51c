"""The report of a race: JSON, a table, curves, a sheet."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.racing import contest, published
from experiments.racing.contest import Attempt
from experiments.racing.race_targets import Targets
from jax_encoder.io import contact_sheet, files, images, json_types, plots

KINDS = ("own", "held-out", "photograph")
_LEVELS = (50, 100, 300)
_POINTS = 200


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RaceEntry:
    """One contestant's attempt and what the judges say.

    Attributes:
      attempt: what it made.
      measures: name -> `[N]`.
      examples: `[N, R, R, C]` edited pictures, or None.
    """

    attempt: Attempt
    measures: Mapping[str, np.ndarray]
    examples: np.ndarray | None = None


def summarize(entry: RaceEntry, targets: Targets) -> dict[str, object]:
    """The row of a contestant as JSON values: medians and worst by kind, curves."""
    kinds: dict[str, object] = {}
    for kind in KINDS:
        index = targets.of_kind(kind)
        if len(index):
            kinds[kind] = {
                name: _spread(row[index], is_high_good(name))
                for name, row in entry.measures.items()
            }
    objective = entry.attempt.objective
    picked = np.unique(np.linspace(0, len(objective) - 1, _POINTS).astype(int))
    mean = objective.mean(axis=1)
    return {
        "name": entry.attempt.name,
        "evaluations": len(objective),
        "seconds_a_picture": float(entry.attempt.seconds[-1]) / objective.shape[1],
        "objective_at": {str(k): float(mean[k - 1]) for k in _LEVELS if k <= len(mean)},
        "kinds": kinds,
        "curve": {
            "evaluation": (picked + 1).tolist(),
            "seconds": entry.attempt.seconds[picked].tolist(),
            "objective": mean[picked].tolist(),
        },
    }


def is_high_good(name: str) -> bool:
    """Whether more of a measure is better."""
    return name in (
        "psnr",
        "published_psnr",
        "ssim",
        "identity",
        "edit_psnr",
        "edit_identity",
    )


def _spread(values: np.ndarray, high_is_good: bool) -> dict[str, float | None]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {"median": None, "worst": None, "mean": None}
    worst = known.min() if high_is_good else known.max()
    return {
        "median": float(np.median(known)),
        "mean": float(known.mean()),
        "worst": float(worst),
    }


def race_times(entries: Sequence[RaceEntry]) -> dict[str, dict[str, float | None]]:
    """How much sooner each gets to where each other one ends.

    Returns:
      Name -> name of another -> the median over pictures of the other's seconds over
      its own; None where half of the pictures or more never get there.
    """
    found: dict[str, dict[str, float | None]] = {}
    for mine in entries:
        row = found.setdefault(mine.attempt.name, {})
        for other in entries:
            if other is mine:
                continue
            level = other.attempt.objective[-1]
            needed = contest.time_to(mine.attempt, level)
            ratio = contest.time_to(other.attempt, level) / needed
            reached = np.isfinite(ratio).mean() > 0.5
            row[other.attempt.name] = float(np.nanmedian(ratio)) if reached else None
    return found


def table(
    rows: Sequence[Mapping[str, json_types.Json]], measures: Sequence[str]
) -> str:
    """The rows as Markdown: median / worst of every measure and kind."""
    kinds = [k for k in KINDS if any(k in row["kinds"] for row in rows)]
    heads = [f"{kind}: {name}" for name in measures for kind in kinds]
    lines = [
        "| contestant | evaluations | seconds a picture | "
        "objective at 50 / 100 / 300 | " + " | ".join(heads) + " |",
        "|---" * (4 + len(heads)) + "|",
    ]
    for row in rows:
        at = " / ".join(f"{x:.3f}" for x in row["objective_at"].values())
        cells = [
            _cell(row["kinds"].get(kind, {}).get(name), name)
            for name in measures
            for kind in kinds
        ]
        start = [row["name"], str(row["evaluations"])]
        start += [f"{row['seconds_a_picture']:.2f}", at]
        lines.append("| " + " | ".join([*start, *cells]) + " |")
    return "\n".join(lines)


def _cell(value: Mapping[str, float | None] | None, name: str) -> str:
    if value is None or value["median"] is None:
        return ""
    digits = 1 if "psnr" in name else 0 if name == "p_n_squared" else 4
    return f"{value['median']:.{digits}f} / {value['worst']:.{digits}f}"


def write(
    entries: Sequence[RaceEntry],
    targets: Targets,
    output: pathlib.Path,
    *,
    about: Mapping[str, object],
    measures: Sequence[str],
) -> str:
    """Writes `race.json`, `table.md`, two plots and `contact_sheet.png`.

    Of photographs also `photographs.md`, beside the published rows.

    Args:
      entries: one or more.
      targets: what was inverted.
      output: a directory that exists.
      about: JSON values on the run.
      measures: those in the table.

    Returns:
      The table.

    Raises:
      WriteError: the disk is full or read-only.
    """
    rows = [summarize(entry, targets) for entry in entries]
    report = {**about, "rows": rows, "times_sooner": race_times(entries)}
    with files.writing(output / "race.json") as file:
        file.write(json.dumps(report, indent=1).encode())
    text = table(rows, measures)
    with files.writing(output / "table.md") as file:
        file.write(f"{text}\n".encode())
    if len(targets.of_kind("photograph")):
        beside = published.table(rows)
        text = f"{text}\n\n{beside}"
        with files.writing(output / "photographs.md") as file:
            file.write(f"{beside}\n".encode())
    plots.curves(
        output / "evaluations.png",
        {e.attempt.name: e.attempt.objective.mean(axis=1) for e in entries},
        title="mean objective, 10 x MSE + LPIPS",
        xlabel="evaluation",
        ylabel="objective",
    )
    plots.curves(
        output / "seconds.png",
        _over_seconds(entries),
        title="mean objective over processor seconds, 200 points",
        xlabel="share of the longest run, in half percents",
        ylabel="objective",
    )
    _write_sheet(entries, targets, output / "contact_sheet.png")
    return text


def _over_seconds(entries: Sequence[RaceEntry]) -> dict[str, np.ndarray]:
    """The mean objective at 200 moments, NaN before the first and after the last."""
    longest = max(entry.attempt.seconds[-1] for entry in entries)
    moments = np.linspace(0, longest, _POINTS + 1)[1:]
    found = {}
    for entry in entries:
        seconds, mean = entry.attempt.seconds, entry.attempt.objective.mean(axis=1)
        place = np.searchsorted(seconds, moments, side="right") - 1
        row = np.where(place >= 0, mean[np.maximum(place, 0)], np.nan)
        row[moments > seconds[-1] * (1 + 1e-6) + longest / _POINTS] = np.nan
        found[entry.attempt.name] = row
    return found


def _write_sheet(entries, targets: Targets, path: pathlib.Path) -> None:
    """Rows of targets; columns of reconstructions, and of edits where there are."""
    with_edits = [entry for entry in entries if entry.examples is not None]
    grid = [
        [
            targets.pictures[k],
            *[np.clip(entry.attempt.images[k], -1, 1) for entry in entries],
            *[entry.examples[k] for entry in with_edits if entry.examples is not None],
        ]
        for k in range(len(targets.names))
    ]
    sheet = contact_sheet.draw(
        [[images.with_channels(p, 3) for p in row] for row in grid],
        row_labels=targets.names,
        column_labels=[
            "target",
            *[entry.attempt.name for entry in entries],
            *[f"{entry.attempt.name}, edited" for entry in with_edits],
        ],
        side=128,
    )
    images.write(path, sheet, is_report=True)
