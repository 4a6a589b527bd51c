"""The report of `curate`: a table, a list to keep, sheets, and how scores lie."""

import csv
import io
import pathlib

import numpy as np

from experiments.curating import curation_verdicts, measures
from experiments.curating.curation_verdicts import Verdicts
from experiments.curating.feature_stream import Described
from jax_encoder.io import (
    contact_sheet,
    files,
    images,
    json_types,
    names,
    panels,
    plots,
)

_PER_SHEET = 48
_COLUMNS = 8
_SIDE = 112
_SCORES = {
    "difference": "smallest difference to another picture (duplicates: below)",
    "oddity": "distance from all others in deviations (outliers: above)",
    "evidence": "evidence for a move (misaligned: above)",
    "sharpness": "sharpness in deviations (blurred: below)",
}


def write(
    output: pathlib.Path, described: Described, verdicts: Verdicts, skipped: object
) -> json_types.Row:
    """Writes `curation.csv`, `keep.txt`, `drop.txt`, `summary.json` and sheets.

    Args:
      output: a directory that exists; no picture is changed or removed anywhere.
      described: the pictures.
      verdicts: on every picture.
      skipped: rows on files that were not looked at.

    Returns:
      The summary.
    """
    kept = verdicts.is_kept
    for name, chosen in (("keep", kept), ("drop", ~kept)):
        lines = [
            str(path)
            for path, is_in in zip(described.paths, chosen, strict=True)
            if is_in
        ]
        files.write_bytes(output / f"{name}.txt", _lines(lines))
    files.write_bytes(output / "curation.csv", _table(described, verdicts))
    summary = {
        "pictures": len(described),
        "kept": int(kept.sum()),
        "found": {name: int(x.sum()) for name, x in verdicts.reasons.items()},
        "limits": dict(verdicts.limits),
        "failed": [
            {"file": names.safe_path(path), "reason": reason}
            for path, reason in described.failures.items()
        ],
        "skipped": skipped,
    }
    files.write_json(output / "summary.json", summary)
    _write_sheets(output, described, verdicts)
    _write_scores(output, verdicts)
    return summary


def _lines(lines: list[str]) -> bytes:
    text = "".join(f"{line}\n" for line in lines)
    return text.encode("utf-8", "surrogateescape")


def _table(described: Described, verdicts: Verdicts) -> bytes:
    """One line per picture."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "kept", "reasons", "copy_of", "move", *verdicts.scores])
    for k, path in enumerate(described.paths):
        held = [name for name, x in verdicts.reasons.items() if x[k]]
        copy = int(verdicts.copy_of[k])
        writer.writerow(
            [
                names.safe_path(path),
                int(not held),
                " ".join(held),
                names.safe_path(described.paths[copy]) if copy >= 0 else "",
                verdicts.moves[k],
                *(f"{values[k]:.4g}" for values in verdicts.scores.values()),
            ]
        )
    return text.getvalue().encode()


def _write_sheets(
    output: pathlib.Path, described: Described, verdicts: Verdicts
) -> None:
    for reason in curation_verdicts.REASONS:
        rows = np.flatnonzero(verdicts.reasons[reason])
        if not len(rows):
            continue
        if reason == "duplicate":
            _write_pairs(output, described, verdicts, rows)
            continue
        score = dict(zip(curation_verdicts.REASONS, verdicts.scores, strict=True))[
            reason
        ]
        values = verdicts.scores[score]
        sign = 1 if reason in ("blurred", "tiny") else -1
        rows = rows[np.argsort(sign * values[rows], kind="stable")]
        captions = [
            verdicts.moves[k] if reason == "misaligned" else f"{values[k]:.3g}"
            for k in rows
        ]
        title = f"{len(rows)} {reason}, the clearest first; below, {score}"
        if reason == "misaligned":
            title = f"{len(rows)} misaligned, the clearest first; how they lie"
        _write_grid(output / f"{reason}.png", described, rows, captions, title)
    kept = np.flatnonzero(verdicts.is_kept)
    shown = np.sort(np.random.default_rng(0).permutation(kept)[:_PER_SHEET])
    if len(shown):
        title = f"{len(shown)} of the {len(kept)} kept"
        texts = [described.paths[k].name for k in shown]
        _write_grid(output / "kept.png", described, shown, texts, title)


def _write_grid(path, described: Described, rows, captions, title: str) -> None:
    rows, captions = rows[:_PER_SHEET], captions[:_PER_SHEET]
    pictures = list(measures.thumbnails(described, rows))
    starts = range(0, len(rows), _COLUMNS)
    sheet = contact_sheet.draw(
        [pictures[k : k + _COLUMNS] for k in starts],
        captions=[captions[k : k + _COLUMNS] for k in starts],
        title=title,
        side=_SIDE,
    )
    images.write(path, sheet, is_report=True)


def _write_pairs(output, described: Described, verdicts: Verdicts, rows) -> None:
    """Every copy behind the picture that is kept instead, the most alike first."""
    difference = verdicts.scores["difference"]
    rows = rows[np.argsort(difference[rows], kind="stable")]
    pairs = np.stack([verdicts.copy_of[rows], rows], axis=1).ravel()
    captions = [t for k in rows for t in ("kept", f"{difference[k]:.3f}")]
    num = len(set(verdicts.copy_of[rows].tolist()))
    title = f"{len(rows)} near-duplicates of {num}; below, by how much they differ"
    _write_grid(output / "duplicate.png", described, pairs, captions, title)


def _write_scores(output: pathlib.Path, verdicts: Verdicts) -> None:
    """How the scores of all pictures lie, and where the limits are."""
    title = f"{len(verdicts.copy_of)} pictures: scores and limits"
    with panels.panels(
        [output / "scores.png"], (2, 2), title=title, size=(4.6, 2.6)
    ) as grid:
        for axis, (name, label) in zip(grid.ravel(), _SCORES.items(), strict=True):
            values = np.asarray(verdicts.scores[name], float)
            axis.hist(values, 80, color=plots.COLORS[0], log=True)
            axis.axvline(verdicts.limits[name], color=plots.COLORS[5], lw=1.4)
            axis.set_xlabel(label, fontsize=8)
            axis.set_ylabel("pictures", fontsize=8)
