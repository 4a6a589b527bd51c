"""What a run leaves for people: a summary, a contact sheet and loss curves."""

import csv
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jax_encoder.io import contact_sheet, files, images, plots

_MAX_ON_SHEET = 48
_MAX_CURVES = 200
# What `write_summary` adds to what it is told of the run.
COUNTED = ("num_pictures", "num_ok", "median", "pictures")
_FORMATS = {"lpips": "LPIPS {:.3f}", "psnr": "PSNR {:.1f} dB", "ssim": "SSIM {:.3f}"}


def write_summary(
    output: pathlib.Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> dict[str, Any]:
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
    summary = {
        **about,
        "num_pictures": len(rows),
        "num_ok": len(good),
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


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def caption(row: Mapping[str, Any]) -> str:
    """The measures as they stand under a picture: "LPIPS 0.123  PSNR 31.2 dB".

    Args:
      row: of the summary.
    """
    known = [(f, row.get(k)) for k, f in _FORMATS.items() if row.get(k) is not None]
    return "  ".join(form.format(value) for form, value in known)


def sentence(rows: Sequence[Mapping[str, Any]], output: Any) -> str:
    """The run in one line, and where to look.

    Args:
      rows: of the summary.
      output: the run's directory.
    """
    good = [row for row in rows if row["status"] == "ok"]
    medians = {k: _median([row.get(k) for row in good]) for k in _FORMATS}
    text = f"{len(good)} of {len(rows)} pictures inverted"
    measures = caption(medians).replace("  ", ", ")
    return f"{text} (median {measures}): {output}" if measures else f"{text}: {output}"


def write_contact_sheet(
    output: pathlib.Path,
    rows: Sequence[Mapping[str, Any]],
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
            found.append(images.read(output / f"{row['name']}.png"))
        except images.PictureError:
            continue  # moved away since
        targets.append(target)
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
        title=title,
    )
    images.write(output / "contact_sheet.png", sheet)


def write_loss_curves(
    output: pathlib.Path, rows: Sequence[Mapping[str, Any]], title: str = ""
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
        with np.load(output / f"{row['name']}.npz", allow_pickle=False) as archive:
            curves[row["name"]] = archive["losses"]
    if curves:
        plots.curves(output / "loss_curves.png", curves, title=title)
