"""Colors of samples: their norm, class, cluster, or what is read from pictures."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from experiments.drawing.latent_samples import LatentSamples
from experiments.editing import readers
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.io import plots
from jax_encoder.latents import maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

KINDS = ("norm", "class", "cluster")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Coloring:
    """One value per sample, and how it is shown.

    Attributes:
      values: `[N]`; whole numbers where they stand for groups.
      title: beside the scale.
      groups: the name of each group; () where values are a measure.
    """

    values: np.ndarray
    title: str
    groups: tuple[str, ...] = ()

    def scatter(
        self, axes: "Axes", points: np.ndarray, **options: object
    ) -> "PathCollection | None":
        """Draws points in their colors, those that lie outermost in value last.

        Args:
          axes: of Matplotlib.
          points: `[N, 2]`.
          **options: of `scatter`.

        Returns:
          What a color bar can be made of, or None where there are groups.
        """
        options = {"s": 5, "lw": 0, "alpha": 0.8, "rasterized": True} | options
        if not self.groups:
            low, high = np.percentile(self.values, [2, 98])
            limits = {"vmin": low, "vmax": max(high, low + 1e-9)}
            colors = {"c": self.values, "cmap": plots.COLOR_MAP, **limits}
            return axes.scatter(*points.T, **colors, **options)
        palette = np.asarray(plots.COLORS)
        chosen = palette[self.values.astype(int) % len(palette)]
        axes.scatter(*points.T, c=list(chosen), **options)
        return None

    def explain(
        self, drawing: "Figure", axes: np.ndarray, drawn: "PathCollection | None"
    ) -> None:
        """Adds a color bar or a legend to a figure.

        Args:
          drawing: the figure.
          axes: its axes.
          drawn: what `scatter` returned.
        """
        if drawn is not None:
            bar = drawing.colorbar(drawn, ax=list(axes.ravel()), pad=0.01, aspect=30)
            bar.set_label(self.title)
            if bar.solids is not None:
                bar.solids.set_alpha(1.0)
            return
        last = axes.ravel()[-1]
        marks = [
            last.plot([], [], "o", ms=5, color=plots.COLORS[k % len(plots.COLORS)])[0]
            for k in range(len(self.groups))
        ]
        drawing.legend(
            marks, self.groups, title=self.title, loc="outside right upper", fontsize=8
        )


def choose(
    kind: str,
    samples: LatentSamples,
    source: resources.Source,
    *,
    scorer: str | None = None,
    num_clusters: int = 6,
) -> Coloring:
    """Finds the colors of samples.

    Args:
      kind: "norm" (of w - its mean), "class", "cluster" (of W, by k-means), or the name
        of a score.
      samples: to be colored.
      source: the generator.
      scorer: bundle or file of a network that gives scores; None for the demo's with
        the demo's generator.
      num_clusters: of "cluster".

    Raises:
      UsageError: nothing of this name; lists what there is.
    """
    w = samples.places["w"]
    if kind == "norm":
        lengths = np.linalg.norm(w - w.mean(axis=0), axis=1)
        return Coloring(values=lengths, title="distance of w from its mean")
    if kind == "class":
        if samples.classes is None:
            raise command_line.UsageError(
                "--color=class: this generator has no classes; choose norm, cluster or"
                " an attribute."
            )
        names = tuple(f"class {k}" for k in range(int(samples.classes.max()) + 1))
        return Coloring(values=samples.classes, title="class", groups=names)
    if kind == "cluster":
        kmeans = maps.import_sklearn().cluster.KMeans(num_clusters, random_state=0)
        names = tuple(f"cluster {k + 1}" for k in range(num_clusters))
        return Coloring(
            values=kmeans.fit_predict(w), title="k-means in W", groups=names
        )
    return _attribute(kind, w, source, scorer)


def _attribute(kind, w, source: resources.Source, scorer: str | None) -> Coloring:
    """A score of the samples' pictures."""
    if scorer is None and source.path != resources.DEMO_GENERATOR:
        raise command_line.UsageError(
            f"--color={kind} is read from pictures: name a network with --scorer, or"
            f" choose one of {', '.join(KINDS)}."
        )
    network = resources.load(scorer or resources.DEMO_NETWORKS["vgg"]).network
    names = readers.names(network)
    if kind not in names:
        raise command_line.UsageError(
            f"--color={kind}: choose one of {', '.join((*KINDS, *names))}."
        )
    read = readers.reader(source.network, network)
    ws = np.repeat(w[:, None], source.network.config.num_ws, axis=1)
    scores = read(ws).scores[:, names.index(kind)]
    return Coloring(values=scores, title=f"{kind} as read from the picture")
