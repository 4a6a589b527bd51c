"""The table, the file and the plots of a benchmark."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jax_encoder.io import json_types, plots

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
_COLUMNS = (
    ("case", "name", "{}"),
    ("s/step", "seconds", "{:.4g}"),
    ("pictures/s", "picture_steps_per_second", "{:.4g}"),
    ("GF/s", "flops_per_second", "{:.0f}"),
    ("util.", "utilization", "{:.0%}"),
    ("trace", "trace_seconds", "{:.1f}"),
    ("compile", "compile_seconds", "{:.1f}"),
    ("cached", "cached_compile_seconds", "{:.1f}"),
    ("MiB", "program_bytes", "{:.0f}"),
    ("peak MiB", "resident_peak_bytes", "{:.0f}"),
    ("cpu", "processor_share", "{:.2f}"),
    ("ratio", "reference_ratio", "{:.2f}x"),
    ("cpu ratio", "reference_processor_ratio", "{:.2f}x"),
    ("other/this", "compare_ratio", "{:.2f}x"),
)
_PLOT_WIDTH = 9.0  # inches; the legend stands beside the axes
_SCALES = {
    "flops_per_second": 1e-9,
    "program_bytes": 2.0**-20,
    "resident_peak_bytes": 2.0**-20,
}


def describe() -> json_types.Row:
    """Returns the machine, the versions and the commit."""
    device = jax.devices()[0]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "num_processors": len(getattr(os, "sched_getaffinity", _all)(0)),
            "backend": jax.default_backend(),
            "device": device.device_kind,
            "num_devices": jax.device_count(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "commit": _commit(),
    }


def _all(_: int) -> range:
    return range(os.cpu_count() or 1)


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":")[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.processor()


def _commit() -> str | None:
    """The checkout's commit, "+" if files differ from it; None without a checkout."""
    root = pathlib.Path(__file__).parent
    try:
        head, changes = (
            subprocess.run(
                ["git", *arguments],
                cwd=root,
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changes else "")


def table(rows: Sequence[Mapping[str, json_types.Json]]) -> str:
    """Formats rows; columns that no row has are left out."""
    columns = [c for c in _COLUMNS if any(row.get(c[1]) is not None for row in rows)]
    lines = [[title for title, _, _ in columns]]
    for row in rows:
        parts = [{**p, "name": f"  {p['name']}"} for p in row.get("parts", ())]
        for line in (row, *parts):
            lines.append([_cell(line.get(key), key, form) for _, key, form in columns])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cell(value: json_types.Json, key: str, form: str) -> str:
    if value is None:
        return "-"
    return form.format(value * _SCALES[key] if key in _SCALES else value)


def compare(
    rows: Sequence[json_types.Row], others: Sequence[Mapping[str, json_types.Json]]
) -> list[json_types.Row]:
    """Adds `compare_ratio`, the other's seconds over these, to rows of one name."""
    known = {other["name"]: other["seconds"] for other in others}
    return [
        {**row, "compare_ratio": known[row["name"]] / row["seconds"]}
        if row["name"] in known
        else dict(row)
        for row in rows
    ]


def plot(
    rows: Sequence[Mapping[str, json_types.Json]], path: pathlib.Path, axis: str
) -> bool:
    """Draws the time per picture against the resolution or the batch.

    Args:
      rows: of the report.
      path: the file to write.
      axis: "resolution" or "batch".

    Returns:
      Whether there was anything to draw: some line with two points.
    """
    fixed = ("workload", "family", "dtype", "stages", "batch", "resolution")
    groups: dict[tuple, list] = {}
    for row in rows:
        key = tuple(str(row[name] or "") for name in fixed if name != axis)
        groups.setdefault(key, []).append((row[axis], row["seconds"] / row["batch"]))
    lines = {key: sorted(g) for key, g in groups.items() if len(g) > 1}
    if not lines:
        return False
    with plots.figure(
        path, xlabel=axis, ylabel="seconds per picture and step"
    ) as drawing:
        fixed_name = "batch" if axis == "resolution" else "pixels"
        for index, (key, points) in enumerate(lines.items()):
            x, y = np.asarray(points, float).T
            *parts, last = filter(None, key)
            # The colors repeat after ten.
            style = ("-", "--", ":")[index // 10 % 3]
            label = " ".join([*parts, fixed_name, last])
            drawing.plot(x, y, style, marker="o", label=label)
        drawing.set_xscale("log", base=2)
        drawing.set_yscale("log")
        ticks = sorted({point[0] for points in lines.values() for point in points})
        drawing.set_xticks(ticks, list(map(str, ticks)))
        figure: Any = drawing.figure
        figure.set_layout_engine("constrained")
        figure.set_figwidth(_PLOT_WIDTH)
        figure.legend(loc="outside right upper", fontsize="small")
    return True
