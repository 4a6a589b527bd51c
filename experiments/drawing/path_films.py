"""Inversions drawn among samples: a figure of all searches, a film of each."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.drawing import picture_rows
from experiments.drawing.figures import Subject
from experiments.drawing.inversion_paths import Trail, ends
from experiments.drawing.latent_samples import TITLES
from jax_encoder.io import films, panels, plots
from jax_encoder.latents import maps

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_MAX_PICTURES = 3


class Plane:
    """The plane of the first two components of a space, where trails are drawn.

    It keeps the samples' components, so that codes anywhere can be placed on it.
    """

    def __init__(self, subject: Subject, space: str):
        """Fits the plane to the samples of a space."""
        pca = maps.import_sklearn().decomposition.PCA(2, random_state=0)
        self.space = space
        self.points = pca.fit_transform(subject.samples.places[space])
        self._mean, self._components = pca.mean_, pca.components_
        self.shares = pca.explained_variance_ratio_

    def place(self, codes: np.ndarray) -> np.ndarray:
        """`[..., D]` to `[..., 2]`."""
        return (codes - self._mean) @ self._components.T

    def draw(self, axis: "Axes", subject: Subject, places: np.ndarray) -> None:
        """Draws the samples, and room for all of a trail `[F, N, K, 2]`."""
        subject.coloring.scatter(axis, self.points, alpha=0.35)
        means = places.mean(axis=2).reshape(-1, 2)
        both = np.concatenate([np.percentile(self.points, [0.5, 99.5], axis=0), means])
        low, high = both.min(axis=0), both.max(axis=0)
        margin = 0.08 * (high - low)
        axis.set(
            xlim=(low[0] - margin[0], high[0] + margin[0]),
            ylim=(low[1] - margin[1], high[1] + margin[1]),
            xlabel=f"{TITLES[self.space]}, component 1 ({self.shares[0]:.1%})",
            ylabel=f"component 2 ({self.shares[1]:.1%})",
        )


def draw_all(subject: Subject, trails: Sequence[Trail]) -> None:
    """Draws all searches side by side, in `inversion_paths`.

    Args:
      subject: the samples.
      trails: of the same pictures.
    """
    caption = (
        "Each line is the path of a picture's code from its start (ring) to its end"
        " (star), the mean of its rows where there are several; small dots are the rows"
        " at the end. RMS in P_N is 1 for the generator's own codes: "
        + "; ".join(
            f"{trail.search.title}: {trail.psnr[-1].mean():.1f} dB,"
            f" {trail.strangeness[-1].mean():.2f}"
            for trail in trails
        )
        + "."
    )
    title = f"{subject.name}: inversions among {len(subject.samples)} samples"
    with panels.panels(
        subject.paths("inversion_paths"),
        (1, len(trails)),
        title=title,
        caption=caption,
    ) as grid:
        for axis, trail in zip(grid[0], trails, strict=True):
            plane = Plane(subject, trail.search.drawn_in)
            places = plane.place(trail.places)
            plane.draw(axis, subject, places)
            _draw_paths(axis, places, len(places) - 1)
            axis.set_title(trail.search.title)


def _draw_paths(axis: "Axes", places: np.ndarray, frame: int) -> list["Artist"]:
    """Draws every picture's path up to a frame; returns what it drew."""
    drawn = []
    for index in range(places.shape[1]):
        path = places[: frame + 1, index].mean(axis=1)
        color = plots.COLORS[(5, 0, 2)[index % 3]]
        rows = places[frame, index]
        if len(rows) > 1:
            drawn += axis.plot(*rows.T, ".", ms=3, color=color, alpha=0.7)
        drawn += axis.plot(*path.T, color="white", lw=3)
        drawn += axis.plot(*path.T, color=color, lw=1.6)
        drawn += axis.plot(*path[0], "o", ms=6, mfc="white", color=color)
        drawn += axis.plot(*path[-1], "*", ms=11, mec="black", mew=0.6, color=color)
    return drawn


def film(subject: Subject, trail: Trail, targets: np.ndarray, extension: str) -> str:
    """Writes the film of a search: its paths beside target and reconstruction.

    Args:
      subject: the samples.
      trail: of the pictures.
      targets: `[N, R, R, C]` in [-1, 1].
      extension: such as ".mp4".

    Returns:
      The name of the file.
    """
    name = trail.search.name.replace(":", "_").replace("+", "_plus")
    path = subject.output / f"inversion_{name}{extension}"
    films.write(path, _frames(subject, trail, targets), fps=12.0)
    return path.name


def _frames(subject: Subject, trail: Trail, targets: np.ndarray) -> Iterator:
    plane = Plane(subject, trail.search.drawn_in)
    places = plane.place(trail.places)
    num = min(len(targets), _MAX_PICTURES)
    title = f"{subject.name}: inversion in {trail.search.title}"
    shape, size = (num, 4), (1.9, 2.1 if num > 1 else 3.4)
    with panels.panels((), shape, title=title, size=size) as grid:
        wide = picture_rows.merge(grid[:, :2])
        plane.draw(wide, subject, places)
        shown = [picture_rows.blank(axis) for axis in grid[:, 3]]
        for axis, target, color in zip(
            grid[:, 2], targets[:num], (5, 0, 2), strict=False
        ):
            picture_rows.blank(axis).set_data(picture_rows.to_bytes(target))
            axis.set_title("target", fontsize=8, color=plots.COLORS[color])
        for frame in range(len(places)):
            drawn = _draw_paths(wide, places, frame)
            wide.set_title(f"step {int(trail.steps[frame])}")
            for k, artist in enumerate(shown):
                artist.set_data(picture_rows.to_bytes(trail.images[frame, k]))
                text = f"{trail.psnr[frame, k]:.1f} dB"
                grid[k, 3].set_title(text, fontsize=8)
            yield panels.pixels(wide)
            for artist in drawn:
                artist.remove()


def table(trails: Sequence[Trail]) -> dict[str, list[str]]:
    """What every search ended at, by its name."""
    return {trail.search.name: list(ends(trail)) for trail in trails}
