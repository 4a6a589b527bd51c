"""Plots as PNG files: curves, histograms and scatters. Needs the `plot` extra."""

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jax_encoder.io import files

_NUM_NAMED = 10
"""With more curves than this, a legend hides more than it tells."""

_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.figsize": (7.0, 4.2),
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "savefig.dpi": 130,
}


def import_matplotlib() -> Any:
    """Imports Matplotlib with a backend that needs no display.

    Returns:
      The module `matplotlib`, its figures usable without a screen.

    Raises:
      ImportError: the `plot` extra is not installed.
    """
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib: pip install 'jax_encoder[plot]'."
        ) from error
    return matplotlib


@contextlib.contextmanager
def figure(
    path: str | os.PathLike, *, title: str = "", xlabel: str = "", ylabel: str = ""
) -> Iterator[Any]:
    """Gives axes to draw on and writes the figure, whole or not at all.

    Args:
      path: the PNG (or SVG, PDF) to write.
      title: above the axes.
      xlabel: below the axes.
      ylabel: beside the axes.

    Yields:
      Matplotlib axes.

    Raises:
      ImportError: the `plot` extra is not installed.
      WriteError: the disk is full or read-only.
    """
    matplotlib = import_matplotlib()
    with matplotlib.rc_context(_STYLE):
        drawing = matplotlib.figure.Figure()
        axes = drawing.add_subplot()
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        yield axes
        encoded = io.BytesIO()
        extension = os.path.splitext(path)[1].lstrip(".").lower() or "png"
        drawing.savefig(encoded, format=extension)
    files.write_bytes(path, encoded.getvalue())


def curves(
    path: str | os.PathLike,
    values: Mapping[str, np.ndarray],
    *,
    title: str = "",
    xlabel: str = "step",
    ylabel: str = "loss",
    is_log: bool = True,
) -> None:
    """Draws one curve per name, and their median when there are many.

    Args:
      path: the file to write.
      values: name -> `[num_steps]`; NaN leaves a gap. Lengths may differ.
      title: above the axes.
      xlabel: below the axes.
      ylabel: beside the axes.
      is_log: logarithmic scale, used when every value allows it.

    Raises:
      ImportError: the `plot` extra is not installed.
      WriteError: the disk is full or read-only.
    """
    rows = {name: np.asarray(row, float) for name, row in values.items()}
    is_crowded = len(rows) > _NUM_NAMED
    with figure(path, title=title, xlabel=xlabel, ylabel=ylabel) as axes:
        for name, row in rows.items():
            style = {"color": "0.6", "lw": 0.7, "alpha": 0.6} if is_crowded else {}
            axes.plot(np.arange(len(row)), row, **{"label": name, "lw": 1.4, **style})
        lengths = {len(row) for row in rows.values()}
        if is_crowded and len(lengths) == 1 and min(lengths) > 0:
            median = np.median(np.stack(list(rows.values())), axis=0)
            (line,) = axes.plot(median, lw=2, label=f"median of {len(rows)}")
            axes.legend(handles=[line])
        elif rows and not is_crowded:
            axes.legend()
        finite = [row[np.isfinite(row)] for row in rows.values()]
        if is_log and any(map(len, finite)) and all((row > 0).all() for row in finite):
            axes.set_yscale("log")


def histogram(
    path: str | os.PathLike,
    values: Mapping[str, Sequence[float] | np.ndarray],
    *,
    title: str = "",
    xlabel: str = "",
    num_bins: int = 40,
) -> None:
    """Draws the distribution of every named set over common bins.

    Args:
      path: the file to write.
      values: name -> values; those that are not finite are left out.
      title: above the axes.
      xlabel: the values' name.
      num_bins: bins over the range of all sets.

    Raises:
      ImportError: the `plot` extra is not installed.
      WriteError: the disk is full or read-only.
    """
    sets = {name: _finite(row) for name, row in values.items()}
    everything = np.concatenate([*sets.values(), np.zeros(0)])
    edges = np.histogram_bin_edges(everything, num_bins)
    with figure(path, title=title, xlabel=xlabel, ylabel="number") as axes:
        for name, row in sets.items():
            label = f"{name} (median {np.median(row):.3g})" if len(row) else name
            axes.hist(row, edges, alpha=0.7 if len(sets) > 1 else 1.0, label=label)
        if sets:
            axes.legend()


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    flat = np.asarray(values, float).ravel()
    return flat[np.isfinite(flat)]
