"""Plots as PNG files: curves and histograms. Needs the `plot` extra."""

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from jax_encoder.io import files, folders, names

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUM_NAMED = 10
"""With more curves than this, a legend hides more than it tells."""

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.figsize": (7.0, 4.2),
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "savefig.dpi": 130,
    "svg.fonttype": "none",
    "svg.hashsalt": "jax_encoder",
}

COLORS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#000000",
)
"""Eight colors that color-blind readers tell apart (Okabe and Ito 2008)."""

COLOR_MAP = "cividis"
"""From dark blue to yellow, alike to color-blind and other readers (Nunez 2018)."""


def import_matplotlib() -> ModuleType:
    """Imports Matplotlib with a backend that needs no display.

    Returns:
      The module `matplotlib`, its figures usable without a screen.

    Raises:
      ImportError: the `plot` extra is not installed.
    """
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.font_manager
        import matplotlib.ticker
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib: pip install 'jax_encoder[plot]'."
        ) from error
    return matplotlib


@contextlib.contextmanager
def figure(
    path: str | os.PathLike, *, title: str = "", xlabel: str = "", ylabel: str = ""
) -> Iterator["Axes"]:
    """Gives axes to draw on and writes the figure, whole or not at all.

    A PNG carries the mark of a report, so that no reader of the folder takes it for a
    picture. Nothing in a text is read as a formula.

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
    with matplotlib.rc_context(STYLE):
        drawing = matplotlib.figure.Figure()
        axes = drawing.add_subplot()
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        yield axes
        save(drawing, path)


def save(drawing: "Figure", path: str | os.PathLike) -> None:
    """Writes a figure, whole or not at all; the same figure gives the same bytes.

    Args:
      drawing: a Matplotlib figure.
      path: the PNG (or SVG, PDF) to write.

    Raises:
      WriteError: the disk is full or read-only.
    """
    show_literally(drawing)
    encoded = io.BytesIO()
    extension = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    about = {
        "png": {"Software": folders.MARK.decode()},
        "svg": {"Date": None, "Creator": folders.MARK.decode()},
    }
    drawing.savefig(encoded, format=extension, metadata=about.get(extension))
    files.write_bytes(path, encoded.getvalue())


def show_literally(drawing: "Figure") -> None:
    """Draws every text letter by letter, and none that the font does not have.

    Args:
      drawing: a Matplotlib figure; nothing in a text is read as a formula.
    """
    matplotlib = import_matplotlib()
    manager = matplotlib.font_manager
    font = manager.get_font(manager.findfont(manager.FontProperties()))
    powers = _powers_of_ten(matplotlib, drawing)
    texts: Any = drawing.findobj(matplotlib.text.Text)
    for text in texts:
        if text in powers:
            continue
        text.set_parse_math(False)
        shown = text.get_text()
        if not shown.isascii():
            lines = shown.split("\n")
            kept = [
                names.drawable(x, lambda c: bool(font.get_char_index(ord(c))))
                for x in lines
            ]
            text.set_text("\n".join(kept))


def _powers_of_ten(matplotlib: ModuleType, drawing: "Figure") -> set[object]:
    """The labels of logarithmic axes: the only formulas, and Matplotlib's own."""
    return {
        label
        for axes in drawing.axes
        for axis in (axes.xaxis, axes.yaxis)
        if isinstance(axis.get_major_formatter(), matplotlib.ticker.LogFormatter)
        for label in axis.get_ticklabels(which="both")
    }


def legend(axes: "Axes", lines: "Sequence[Artist]", labels: Sequence[str]) -> None:
    """Names curves, whatever their names: a leading `_` hides none of them.

    Args:
      axes: of `figure`.
      lines: what the axes' `plot` returned.
      labels: a name for each.
    """
    drawn = axes.legend(lines, [f"curve {k}" for k in range(len(labels))])
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        text.set_text(names.safe(label))


def curves(
    path: str | os.PathLike,
    values: Mapping[str, np.ndarray],
    *,
    title: str = "",
    xlabel: str = "step",
    ylabel: str = "loss",
    is_log: bool = True,
) -> None:
    """Draws one curve per name; of many, the median and the bands around it.

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
    matplotlib = import_matplotlib()
    rows = {name: np.asarray(row, float) for name, row in values.items()}
    with figure(path, title=title, xlabel=xlabel, ylabel=ylabel) as axes:
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        if len(rows) > _NUM_NAMED:
            _draw_bands(axes, list(rows.values()))
        elif rows:
            # A marker shows a curve that is a single point.
            lines = [
                axes.plot(row, lw=1.4, marker="o" if len(row) == 1 else None)[0]
                for row in rows.values()
            ]
            legend(axes, lines, list(rows))
        finite = [row[np.isfinite(row)] for row in rows.values()]
        if is_log and any(map(len, finite)) and all((row > 0).all() for row in finite):
            axes.set_yscale("log")


def _draw_bands(axes: "Axes", rows: Sequence[np.ndarray]) -> None:
    """Draws the median, and between which values half and nine tenths lie."""
    length = max(map(len, rows))
    padded = np.full((len(rows), length), np.nan)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = np.where(np.isfinite(row), row, np.nan)
    is_known = np.isfinite(padded).any(axis=0)
    steps = np.arange(length)[is_known]
    if not len(steps):
        return
    low, lower, median, upper, high = np.nanquantile(
        padded[:, is_known], [0.05, 0.25, 0.5, 0.75, 0.95], axis=0
    )
    outer = axes.fill_between(steps, low, high, color="tab:blue", alpha=0.15, lw=0)
    inner = axes.fill_between(steps, lower, upper, color="tab:blue", alpha=0.3, lw=0)
    (line,) = axes.plot(steps, median, color="tab:blue", lw=2)
    labels = [f"median of {len(rows)} pictures", "half of them", "nine tenths of them"]
    legend(axes, [line, inner, outer], labels)


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
      values: name -> values of any shape; those that are not finite are left out.
      title: above the axes.
      xlabel: the values' name.
      num_bins: bins over the range of all sets.

    Raises:
      ImportError: the `plot` extra is not installed.
      WriteError: the disk is full or read-only.
    """
    sets = {name: _finite(row) for name, row in values.items()}
    everything = np.concatenate([*sets.values(), np.zeros(0)])
    edges = np.histogram_bin_edges(everything, num_bins).tolist()
    with figure(path, title=title, xlabel=xlabel, ylabel="number") as axes:
        drawn, labels, opacity = [], [], 0.7 if len(sets) > 1 else 1.0
        for name, row in sets.items():
            drawn.append(axes.hist(row, edges, alpha=opacity)[2])
            labels.append(f"{name} (median {np.median(row):.3g})" if len(row) else name)
        if sets:
            legend(axes, drawn, labels)


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    flat = np.asarray(values, float).ravel()
    return flat[np.isfinite(flat)]
