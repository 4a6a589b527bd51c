"""The figures of `draw_latents`: pairs of axes, maps, histograms, variance."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.drawing.coloring import Coloring
from experiments.drawing.latent_samples import TITLES, LatentSamples
from jax_encoder.io import panels, plots
from jax_encoder.latents import contours, maps, statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = {"pca": "PCA", "tsne": "t-SNE", "lle": "LLE"}
"""Titles of the maps; others go by their names."""

_RADII = (1.0, 2.0)
_NUM_HISTOGRAMS = 5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What all figures show.

    Attributes:
      name: of the generator.
      samples: of it.
      latent_statistics: its statistics, with those of P.
      coloring: of the samples.
      others: by space, `[M, D]` codes that are marked among the samples.
      labels: the names of those.
      output: the folder of the figures.
      formats: their extensions.
      seed: of methods that draw random numbers.
    """

    name: str
    samples: LatentSamples
    latent_statistics: statistics.LatentStatistics
    coloring: Coloring
    output: pathlib.Path
    others: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    labels: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("png", "svg")
    seed: int = 0

    def paths(self, name: str) -> list[pathlib.Path]:
        """The files of a figure."""
        return [self.output / f"{name}.{extension}" for extension in self.formats]

    def caption(self) -> str:
        """How normal every space is, in numbers."""
        parts = [
            f"{TITLES[space]}: {shape.sentence()}."
            for space, shape in self.samples.shapes.items()
        ]
        return f"{len(self.samples)} samples. " + " ".join(parts)


def pair(subject: Subject, axes: tuple[int, int] | None = None) -> None:
    """Draws two axes of every space, with the Gaussian of P carried through.

    Args:
      subject: what to draw.
      axes: which ones; None for those of W that are skewed most, and the first two of
        Z and P_N, whose axes are others.
    """
    skewed = np.argsort(-np.abs(subject.samples.shapes["w"].skewness), kind="stable")
    chosen = tuple(sorted(int(k) for k in skewed[:2]))
    own = {"z": (0, 1), "w": chosen, "p": chosen, "p_n": (0, 1)}
    of_space = {space: axes or own[space] for space in TITLES}
    caption = (
        f"{subject.caption()} Solid: where a Gaussian has 1 and 2 standard deviations"
        " (in W the lines of P after the last activation, bent where an axis is 0)."
        " Dashed in W: the Gaussian of the same covariance, which does not fit."
    )
    title = f"{subject.name}: the same samples in four spaces, two axes of each"
    with panels.panels(
        subject.paths("pair"), (1, 4), title=title, caption=caption
    ) as grid:
        drawn = None
        for axis, (space, name) in zip(grid[0], TITLES.items(), strict=True):
            first, second = of_space[space]
            points = subject.samples.places[space][:, [first, second]]
            drawn = subject.coloring.scatter(axis, points)
            _pair_lines(axis, subject, space, (first, second), points)
            _mark(axis, subject, space, lambda rows, a=first, b=second: rows[:, [a, b]])
            if space in ("z", "p_n"):
                axis.set_aspect("equal", "datalim")
            numbers = subject.samples.shapes[space].kurtosis[[first, second]]
            axis.set(
                title=f"{name}: kurtosis {numbers[0]:+.2f}, {numbers[1]:+.2f}",
                xlabel=f"{name}, axis {first}",
                ylabel=f"axis {second}",
            )
        subject.coloring.explain(grid[0, 0].figure, grid, drawn)


def _pair_lines(axis: "Axes", subject: Subject, space: str, axes, points) -> None:
    of_p: Any = subject.latent_statistics.p
    mean, covariance = contours.marginal(of_p, axes)
    for radius in _RADII:
        if space in ("z", "p_n"):
            line = contours.ellipse(np.zeros(2), np.eye(2), radius)
        else:
            line = contours.ellipse(mean, covariance, radius)
        if space == "w":
            line = np.where(line >= 0, line, line / 5)
            fitted = contours.ellipse(points.mean(axis=0), np.cov(points.T), radius)
            axis.plot(*fitted.T, "--", lw=1, color=plots.COLORS[5])
        axis.plot(*line.T, lw=1.3, color=plots.COLORS[5])


def embedded(subject: Subject, method: str) -> dict[str, maps.Map]:
    """Draws a map of every space.

    Args:
      subject: what to draw.
      method: of `maps.names()`.

    Returns:
      The maps by space.
    """
    found = {
        space: maps.draw(
            subject.samples.places[space],
            method,
            others=subject.others.get(space),
            seed=subject.seed,
        )
        for space in TITLES
    }
    caption = (
        f"{subject.caption()} Solid lines enclose 39 and 86 % of the samples where they"
        " lie most densely; dashed, the Gaussian of the same covariance does."
        if method == "pca"
        else subject.caption()
    )
    caption += " " + " ".join(f"{TITLES[k]}: {m.about}." for k, m in found.items())
    shown = METHODS.get(method, method)
    title = f"{subject.name}: {shown} of the same samples in four spaces"
    with panels.panels(
        subject.paths(method), (1, 4), title=title, caption=caption
    ) as grid:
        drawn = None
        for axis, (space, layout) in zip(grid[0], found.items(), strict=True):
            drawn = subject.coloring.scatter(axis, layout.points)
            if method == "pca":
                _map_lines(axis, layout.points)
            _mark(axis, subject, space, lambda _, layout=layout: layout.others)
            axis.set(title=TITLES[space], xlabel=layout.axes[0], ylabel=layout.axes[1])
            _zoom(axis, layout.points)
        subject.coloring.explain(grid[0, 0].figure, grid, drawn)
    return found


def _map_lines(axis: "Axes", points: np.ndarray) -> None:
    x, y, height, levels = contours.density(points)
    axis.contour(x, y, height, levels, colors=plots.COLORS[5], linewidths=1.3)
    for radius in _RADII:
        line = contours.ellipse(points.mean(axis=0), np.cov(points.T), radius)
        axis.plot(*line.T, "--", lw=1, color=plots.COLORS[5])


def _zoom(axis: "Axes", points: np.ndarray) -> None:
    """Shows the bulk: a few far points do not shrink all others to a speck."""
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    margin = 0.25 * (high - low)
    axis.set(
        xlim=(low[0] - margin[0], high[0] + margin[0]),
        ylim=(low[1] - margin[1], high[1] + margin[1]),
    )


def _mark(axis: "Axes", subject: Subject, space: str, place) -> None:
    """Marks the other codes among the samples."""
    if space not in subject.others:
        return
    points = place(subject.others[space])
    axis.scatter(*points.T, s=60, marker="*", c="white", edgecolors="black", zorder=5)
    for point, name in list(zip(points, subject.labels, strict=True))[:12]:
        axis.annotate(name, point, (4, 4), textcoords="offset points", fontsize=6)


def histograms(subject: Subject) -> None:
    """Draws the distribution of axes of every space beside the normal one."""
    grid_x = np.linspace(-4, 4, 161)
    normal = np.exp(-np.square(grid_x) / 2) / np.sqrt(2 * np.pi)
    edges = np.linspace(-4, 4, 49)
    caption = (
        f"{subject.caption()} From left to right the axes from the most to the least"
        " peaked, each in its own standard deviations; the line is the normal"
        " distribution."
    )
    title = f"{subject.name}: axes of four spaces against the normal distribution"
    with panels.panels(
        subject.paths("histograms"),
        (len(TITLES), _NUM_HISTOGRAMS),
        title=title,
        caption=caption,
        size=(2.3, 1.9),
    ) as grid:
        for row, (space, name) in zip(grid, TITLES.items(), strict=True):
            shape = subject.samples.shapes[space]
            order = np.argsort(-shape.kurtosis, kind="stable")
            ranks = np.linspace(0, len(order) - 1, _NUM_HISTOGRAMS).round().astype(int)
            for axis, index in zip(row, order[ranks], strict=True):
                values = subject.samples.places[space][:, index]
                scaled = (values - values.mean()) / max(values.std(), 1e-12)
                axis.hist(scaled, edges, density=True, color=plots.COLORS[4])
                axis.plot(grid_x, normal, color=plots.COLORS[5], lw=1.3)
                axis.set_title(
                    f"{name} {index}: kurtosis {shape.kurtosis[index]:+.2f}", fontsize=8
                )
                axis.tick_params(labelsize=7)
            row[0].set_ylabel("density", fontsize=8)
        for axis in grid[-1]:
            axis.set_xlabel("standard deviations", fontsize=8)


def variance(subject: Subject, num_fitted: int) -> dict[str, int]:
    """Draws how much of the variance the first components explain.

    Args:
      subject: what to draw; W and P by its statistics.
      num_fitted: samples of which those were made, for the caption; 0: not known.

    Returns:
      By space, the components that explain 95 %.
    """
    found, of_z = subject.latent_statistics, statistics.fit(subject.samples.places["z"])
    of_pn = statistics.fit(subject.samples.places["p_n"])
    fits: dict[str, Any] = {"z": of_z, "w": found.w, "p": found.p, "p_n": of_pn}
    needed = {}
    about = f" of {num_fitted:,} samples" if num_fitted else " that come with it"
    caption = (
        f"Components of W and P by the statistics{about}, of Z and P_N by"
        f" {len(subject.samples)} samples. A straight line has no preferred direction."
    )
    title = f"{subject.name}: explained variance"
    with panels.panels(
        subject.paths("variance"), title=title, caption=caption, size=(6.5, 4.0)
    ) as grid:
        axis = grid[0, 0]
        for color, (space, fit) in zip(plots.COLORS, fits.items(), strict=False):
            shares = maps.explained_variance(np.asarray(fit.std))
            needed[space] = int(np.searchsorted(shares, 0.95)) + 1
            label = f"{TITLES[space]}: {needed[space]} components explain 95 %"
            count = np.arange(len(shares) + 1)
            axis.plot(count, [0, *shares], color=color, label=label, lw=1.8)
        axis.axhline(0.95, color="#888888", lw=0.8, ls=":")
        axis.set(xlabel="components", ylabel="share of the variance", ylim=(0, 1.02))
        axis.legend(loc="lower right")
    return needed
