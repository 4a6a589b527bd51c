"""Figures of several panels, and figures that change from frame to frame.

Needs the `plot` extra. Everything that `plots` says of its figures holds for these.
"""

import contextlib
import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jax_encoder.io import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHARACTERS_PER_INCH = 17.0


@contextlib.contextmanager
def panels(
    paths: Sequence[str | os.PathLike],
    shape: tuple[int, int] = (1, 1),
    *,
    title: str = "",
    caption: str = "",
    size: tuple[float, float] = (3.6, 3.4),
) -> Iterator[np.ndarray]:
    """Gives a grid of axes to draw on and writes the figure to every path.

    Args:
      paths: PNG, SVG or PDF files; () for none.
      shape: rows and columns.
      title: above everything.
      caption: below everything, in small letters; lines are broken where they must.
      size: width and height of a panel in inches.

    Yields:
      Matplotlib axes `[rows, columns]`.

    Raises:
      ImportError: the `plot` extra is not installed.
      WriteError: the disk is full or read-only.
    """
    matplotlib = plots.import_matplotlib()
    with matplotlib.rc_context(plots.STYLE):
        width, height = size[0] * shape[1], size[1] * shape[0]
        lines = textwrap.wrap(caption, round(width * _CHARACTERS_PER_INCH))
        drawing = matplotlib.figure.Figure(
            figsize=(width, height + 0.4 * bool(title) + 0.16 * len(lines))
        )
        axes = drawing.subplots(*shape, squeeze=False)
        if title:
            drawing.suptitle(title, fontsize=12)
        if lines:
            text = "\n".join(lines)
            drawing.supxlabel(text, fontsize=8, x=0.01, ha="left", color="#444444")
        yield axes
        for path in paths:
            plots.save(drawing, path)


def pixels(axes: "Axes") -> np.ndarray:
    """Draws the figure as it is now.

    Args:
      axes: any of the axes that `panels` gave.

    Returns:
      `[H, W, 3]` uint8; both sides are even, as films want them.
    """
    plots.import_matplotlib()
    from matplotlib.backends import backend_agg

    drawing: Any = axes.figure
    plots.show_literally(drawing)
    canvas = backend_agg.FigureCanvasAgg(drawing)
    canvas.draw()
    shown = np.asarray(canvas.buffer_rgba())[..., :3]
    return np.array(shown[: len(shown) // 2 * 2, : shown.shape[1] // 2 * 2])
