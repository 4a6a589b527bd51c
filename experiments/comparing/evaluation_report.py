"""What an evaluation leaves for people: JSON, a table, plots."""

import csv
import io
import pathlib

import numpy as np

from experiments.comparing import evaluation
from experiments.launch import outputs, reporting
from jax_encoder.io import contact_sheet, files, images, names, plots

# 1 where a larger value is better.
_BETTER = {"psnr": 1, "ssim": 1, "ms_ssim": 1, "identity": 1, "lpips": -1, "mse": -1}
_CAPTIONS = {"lpips": "LPIPS {:.3f}", "psnr": "PSNR {:.1f} dB", "ssim": "SSIM {:.3f}"}
_LABELS = {"lpips": "LPIPS (lower is better)", "psnr": "PSNR in dB (higher is better)"}
_NUM_SHOWN = 5
_NUM_COLUMNS = 8


def table(report: evaluation.Report) -> str:
    """The report as lines of text."""
    blocks = [_resolution_lines(report)] if "resolution" in report.about else []
    blocks += [_pair_lines(report)] if report.rows else []
    if report.sets:
        num = report.about["num"]
        head = f"{num['pictures']} pictures, {num['references']} references"
        lines = [f"{head}, by the features of {report.about['features']}"]
        lines += [f"{name:18}{value:12.5f}" for name, value in report.sets.items()]
        blocks.append(lines)
    if report.lengths is not None:
        options = report.about["path_length"]
        where = (
            f"{options['space']}, {options['sampling']}, {len(report.lengths)} paths"
        )
        blocks.append([f"path length {options['mean']:.4f} ({where})"])
    if report.failures:
        lines = [f"{len(report.failures)} pictures could not be read"]
        reasons = map(names.printable, report.failures.values())
        blocks.append(lines + [f"  {reason}" for reason in reasons])
    if report.notes:
        blocks.append([f"Note: {note}." for note in report.notes])
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _resolution_lines(report: evaluation.Report) -> list[str]:
    side, num = report.about["resolution"], len(report.resized)
    resized = f"; {num} pictures were resized to it" if num else ""
    return [f"Measured at {side}x{side} pixels{resized}."]


def _pair_lines(report: evaluation.Report) -> list[str]:
    lines = [f"{len(report.rows)} pairs"]
    head = ("", "mean", "median", "best", "worst", "worst picture")
    lines.append("{:10}{:>11}{:>11}{:>11}{:>11}  {}".format(*head))
    for name, values in report.measures().items():
        order = _order(name, values)
        numbers = np.mean(values), np.median(values), values[order[0]]
        text = "".join(f"{x:11.4f}" for x in (*numbers, values[order[-1]]))
        lines.append(f"{name:10}{text}  {report.rows[order[-1]]['name']}")
    return lines


def _order(name: str, values: np.ndarray) -> np.ndarray:
    """Indices from the best to the worst."""
    return np.argsort(-_BETTER[name] * values, kind="stable")


def write(output: pathlib.Path, report: evaluation.Report) -> None:
    """Writes `evaluation.json`, `evaluation.txt`, of pairs `pairs.csv`, and plots.

    Args:
      output: directory, made if missing.
      report: what was found.

    Raises:
      WriteError: the disk is full or read-only.
    """
    outputs.claim(output)
    measures = {
        name: {"mean": float(np.mean(values)), "median": float(np.median(values))}
        for name, values in report.measures().items()
    }
    content = {
        **report.about,
        "num_pairs": len(report.rows),
        "num_failed": len(report.failures),
        "measures": measures,
        "sets": report.sets,
        "notes": report.notes,
        "failures": report.failures,
        "pairs": report.rows,
    }
    files.write_json(output / "evaluation.json", names.printable(content))
    files.write_bytes(output / "evaluation.txt", f"{table(report)}\n".encode())
    if report.rows:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(report.rows[0]))
        writer.writeheader()
        writer.writerows(report.rows)
        files.write_bytes(output / "pairs.csv", text.getvalue().encode())
        reporting.attempt("histogram_*.png", _draw_histograms, output, report)
        reporting.attempt("worst_and_best.png", _draw_pairs, output, report)
    if report.sets:
        reporting.attempt("sets.png", _draw_sets, output, report)
    if report.lengths is not None:
        label = "squared perceptual distance per squared step"
        plot = (output, "path_length", report.lengths, label)
        reporting.attempt("histogram_path_length.png", _draw_histogram, *plot)


def _draw_histogram(output: pathlib.Path, name: str, values, label: str) -> None:
    path, num = output / f"histogram_{name}.png", len(values)
    num_bins = int(np.clip(2 * num**0.5, 8, 60))
    shown = {name.replace("_", " "): values}
    plots.histogram(path, shown, title=f"{num} values", xlabel=label, num_bins=num_bins)


def _draw_histograms(output: pathlib.Path, report: evaluation.Report) -> None:
    measures = report.measures()
    for name, label in _LABELS.items():
        if name in measures:
            _draw_histogram(output, name, measures[name], label)


def _draw_pairs(output: pathlib.Path, report: evaluation.Report) -> None:
    measures = report.measures()
    key = "lpips" if "lpips" in measures else "psnr"
    order = _order(key, measures[key])
    reader = evaluation.Reader(report, report.about["resolution"])
    num = min(_NUM_SHOWN, -(-len(order) // 2))
    rows, captions = [], []
    for worst, best in zip(order[::-1][:num], order[:num], strict=True):
        row, texts = [], []
        for index in (worst, best) if worst != best else (best,):
            found, target = map(reader.read, report.matches[index][1:])
            if found is None or target is None:
                continue  # moved away since
            row += [target, found]
            texts += [report.rows[index]["name"], _caption(report.rows[index])]
        if row:
            rows.append(row)
            captions.append(texts)
    if not rows:
        return
    sheet = _with_differences(rows, captions, len(order), key)
    images.write(output / "worst_and_best.png", sheet, is_report=True)


def _with_differences(rows, captions, num: int, key: str) -> np.ndarray:
    """Draws rows of reference and picture, with the difference after each two."""
    flat = [picture for row in rows for picture in row]
    contrast = contact_sheet.choose_contrast(flat[::2], flat[1::2])
    shown, texts = [], []
    for row, line in zip(rows, captions, strict=True):
        shown.append([])
        texts.append([])
        for k in range(0, len(row), 2):
            difference = contrast * np.abs(row[k + 1] - row[k]) - 1
            shown[-1] += [row[k], row[k + 1], np.clip(difference, -1, 1)]
            texts[-1] += [line[k], line[k + 1], ""]
    columns = ("reference", "picture", f"difference x {contrast:g}")
    order = ("worst: ", "best: ") if num > 1 else ("",)
    labels = [text for name in order for text in (name + columns[0], *columns[1:])]
    return contact_sheet.draw(
        shown,
        captions=texts,
        column_labels=labels[: max(map(len, shown))],
        title=f"Worst and best of {num} pairs by {key.upper()}",
    )


def _caption(row: dict) -> str:
    known = [form.format(row[key]) for key, form in _CAPTIONS.items() if key in row]
    return "  ".join(known[:2])


def _draw_sets(output: pathlib.Path, report: evaluation.Report) -> None:
    rows, labels = [], []
    for name, shown in report.shown.items():
        for start in range(0, len(shown), _NUM_COLUMNS):
            rows.append(shown[start : start + _NUM_COLUMNS])
            labels.append("" if start else name)
    sheet = contact_sheet.draw(rows, row_labels=labels, side=128)
    images.write(output / "sets.png", sheet, is_report=True)
