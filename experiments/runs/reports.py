"""What a run leaves for people: a summary, a contact sheet and loss curves."""

import collections
import csv
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jax_encoder.io import codes, contact_sheet, files, images, json_types, names, plots

_MAX_ON_SHEET = 48
_MAX_CURVES = 200
# What `write_summary` adds to what it is told of the run.
COUNTED = ("num_pictures", "num_ok", "num_failed", "verdicts", "median", "pictures")
_VERDICTS = ("good", "fair", "poor")
_FORMATS = {"lpips": "LPIPS {:.3f}", "psnr": "PSNR {:.1f} dB", "ssim": "SSIM {:.3f}"}


def write_summary(
    output: pathlib.Path,
    rows: Sequence[Mapping[str, json_types.Json]],
    about: Mapping[str, object],
) -> dict[str, object]:
    """Writes `summary.json` and `summary.csv`.

    Args:
      output: the run's directory.
      rows: one per picture; "name" and "status" first.
      about: JSON values on the run.

    Returns:
      What `summary.json` holds: "pictures", counts, medians of the measures, `about`.

    Raises:
      WriteError: the disk is full or read-only.
    """
    good = [row for row in rows if row["status"] == "ok"]
    numbers = [k for k in _FORMATS if any(k in row for row in good)]
    rows = [{**row, **_file_as_text(row)} for row in rows]
    summary = {
        **about,
        "num_pictures": len(rows),
        "num_ok": len(good),
        "num_failed": sum(row["status"] == "failed" for row in rows),
        "verdicts": collections.Counter(r["verdict"] for r in rows if "verdict" in r),
        "median": {k: _median([row.get(k) for row in good]) for k in numbers},
        "pictures": list(rows),
    }
    files.write_json(output / "summary.json", summary)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    files.write_bytes(output / "summary.csv", text.getvalue().encode())
    return summary


def _file_as_text(row: Mapping[str, json_types.Json]) -> dict[str, str]:
    """The picture's path without bytes that are no text."""
    return {"file": names.safe_path(row["file"])} if "file" in row else {}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def caption(row: Mapping[str, object]) -> str:
    """The verdict and measures of a picture: "good  LPIPS 0.123  PSNR 31.2 dB".

    Args:
      row: of the summary.
    """
    known = [(f, row.get(k)) for k, f in _FORMATS.items() if row.get(k) is not None]
    texts = [form.format(value) for form, value in known]
    return "  ".join([row["verdict"], *texts] if "verdict" in row else texts)


def sentence(rows: Sequence[Mapping[str, json_types.Json]], output: object) -> str:
    """The run in one line, and where to look.

    Args:
      rows: of the summary.
      output: the run's directory.
    """
    good = [row for row in rows if row["status"] == "ok"]
    medians = {k: _median([row.get(k) for row in good]) for k in _FORMATS}
    text = f"{len(good)} of {len(rows)} pictures inverted"
    measures = caption(medians).replace("  ", ", ")
    parts = [f"median {measures}"] * bool(measures) + _verdicts(rows)
    return f"{text} ({'; '.join(parts)}): {output}" if parts else f"{text}: {output}"


def _verdicts(rows: Sequence[Mapping[str, json_types.Json]]) -> list[str]:
    """How many pictures have which verdict, and the worst where it is not good."""
    counted = collections.Counter(row["verdict"] for row in rows if "verdict" in row)
    if not counted:
        return []
    counts = [f"{counted[v]} {v}" for v in _VERDICTS if counted[v]]
    lowest = next(v for v in reversed(_VERDICTS) if counted[v])
    judged = [row for row in rows if row.get("verdict") == lowest]
    worst = min(judged, key=lambda row: row.get("psnr") or 0.0)
    named = f", the worst {worst['name']}" if lowest != "good" else ""
    return [", ".join(counts) + named]


def write_contact_sheet(
    output: pathlib.Path,
    rows: Sequence[Mapping[str, json_types.Json]],
    fit: Callable[[np.ndarray], np.ndarray],
    title: str = "",
) -> None:
    """Writes `contact_sheet.png`: target, reconstruction, difference and measures.

    Args:
      output: the run's directory, which holds the reconstructions.
      rows: of the summary; the first 48 pictures with a reconstruction are shown.
      fit: makes a picture of any size, `[H, W, 3]` uint8 or float, a target.
      title: above the pictures.

    Raises:
      WriteError: the disk is full or read-only.
    """
    shown = [row for row in rows if row["status"] != "failed"]
    targets, found, kept = [], [], []
    for row in shown[:_MAX_ON_SHEET]:
        try:
            target = fit(images.decode(row["file"]))
            other = images.read(output / f"{row['name']}.png")
        except images.PictureError:
            continue  # moved away since
        targets.append(target)
        found.append(other)
        kept.append(row)
    if not kept:
        return
    if len(shown) > len(kept):
        title = f"{title} (the first {len(kept)} of {len(shown)})".strip()
    sheet = contact_sheet.comparison(
        targets,
        found,
        names=[row["name"] for row in kept],
        captions=[caption(row) for row in kept],
        marked=[row.get("verdict") == "poor" for row in kept],
        title=title,
    )
    images.write(output / "contact_sheet.png", sheet, is_report=True)


def write_loss_curves(
    output: pathlib.Path, rows: Sequence[Mapping[str, object]], title: str = ""
) -> None:
    """Writes `loss_curves.png` from the losses kept with the codes.

    Args:
      output: the run's directory.
      rows: of the summary; the first 200 pictures are drawn.
      title: above the curves.

    Raises:
      ImportError: the `plot` extra is not installed.
      WriteError: the disk is full or read-only.
    """
    curves = {}
    for row in [row for row in rows if row["status"] != "failed"][:_MAX_CURVES]:
        curves[row["name"]] = codes.load(output / f"{row['name']}.npz").arrays["losses"]
    if curves:
        plots.curves(output / "loss_curves.png", curves, title=title)
