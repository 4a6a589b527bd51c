"""Pictures of samples on a map, where they do not hide each other."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.drawing import picture_rows
from experiments.drawing.figures import METHODS, Subject
from experiments.editing.edit_rendering import Renderer
from experiments.networks import resources
from jax_encoder.io import panels
from jax_encoder.latents import maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE = 9.0


def draw(
    subject: Subject,
    source: resources.Source,
    layout: maps.Map,
    method: str,
    *,
    num: int,
) -> int:
    """Draws the map of W with pictures on it.

    Args:
      subject: what to draw.
      source: the generator.
      layout: the map of W.
      method: its name.
      num: pictures at most.

    Returns:
      The number of pictures.
    """
    low, high = np.percentile(layout.points, [0.5, 99.5], axis=0)
    scaled = (layout.points - low[None]) / np.maximum(high - low, 1e-12)[None]
    inside = np.flatnonzero(((scaled >= 0) & (scaled <= 1)).all(axis=1))
    side = 1.0 / max(4.0, 1.15 * num**0.5)
    chosen = inside[maps.apart(scaled[inside], side * 1.04, num=num)]
    w = subject.samples.places["w"][chosen]
    ws = np.repeat(w[:, None], source.network.config.num_ws, axis=1)
    pictures = Renderer(source=source, batch_size=16).pictures(ws)
    title = f"{subject.name}: pictures on the {METHODS.get(method, method)} of W"
    caption = (
        f"{len(chosen)} of {len(subject.samples)} samples, each picture centered on its"
        f" sample; the dots are all samples, colored by {subject.coloring.title}."
    )
    with panels.panels(
        subject.paths(f"thumbnails_{method}"),
        title=title,
        caption=caption,
        size=(_SIDE, _SIDE * 0.92),
    ) as grid:
        axis = grid[0, 0]
        drawn = subject.coloring.scatter(axis, layout.points, s=4, alpha=0.6)
        half = side / 2 * (high - low)
        for index, picture in zip(chosen, pictures, strict=True):
            _paste(axis, picture, layout.points[index], half)
        axis.set(xlabel=layout.axes[0], ylabel=layout.axes[1], aspect="auto")
        axis.set_xlim(low[0] - half[0], high[0] + half[0])
        axis.set_ylim(low[1] - half[1], high[1] + half[1])
        axis.grid(visible=False)
        subject.coloring.explain(axis.figure, grid, drawn)
    return len(chosen)


def _paste(
    axis: "Axes", picture: np.ndarray, place: np.ndarray, half: np.ndarray
) -> None:
    extent = (
        place[0] - half[0],
        place[0] + half[0],
        place[1] - half[1],
        place[1] + half[1],
    )
    shown = picture_rows.to_bytes(picture)
    axis.imshow(shown, extent=extent, aspect="auto", zorder=3, interpolation="nearest")
