"""Pictures on the axes of a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jax_encoder.io import images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture `[H, W, C]` in [-1, 1] as RGB of 8 bits."""
    return images.to_uint8(images.with_channels(picture, 3))


def blank(axis: "Axes") -> "AxesImage":
    """Makes axes the place of a picture; returns what its pixels are given to."""
    axis.set_axis_off()
    white = np.full((8, 8, 3), 255, np.uint8)
    return axis.imshow(white, interpolation="nearest", extent=(0, 1, 0, 1))


def fill(row: "Sequence[Axes]", pictures: Sequence[np.ndarray]) -> None:
    """Shows one picture on each of the axes; those left over stay empty.

    Args:
      row: axes.
      pictures: `[H, W, C]` in [-1, 1], at most as many.
    """
    for axis in row:
        axis.set_axis_off()
    for axis, picture in zip(row, pictures, strict=False):
        blank(axis).set_data(to_bytes(picture))


def merge(block: np.ndarray) -> "Axes":
    """Replaces a block of axes by one as large as all of them.

    Args:
      block: `[columns]` or `[rows, columns]` neighbors in a grid.

    Returns:
      The new axes.
    """
    axes = np.ravel(block)
    first, last = (axes[k].get_subplotspec() for k in (0, -1))
    place = first.get_gridspec()[
        first.rowspan.start : last.rowspan.stop,
        first.colspan.start : last.colspan.stop,
    ]
    drawing = axes[0].figure
    for axis in axes:
        axis.remove()
    return drawing.add_subplot(place)
