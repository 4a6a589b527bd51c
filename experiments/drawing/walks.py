"""Walks between seeds: great circles in Z against straight lines in W."""

import dataclasses
import pathlib
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from experiments.drawing import picture_rows
from experiments.editing.edit_rendering import Renderer
from jax_encoder.io import films, panels, plots
from jax_encoder.latents import paths, sampling
from jax_encoder.metrics import path_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLES = {"z": "Z, great circle", "w": "W, straight line"}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """A path through seeds in two spaces.

    Attributes:
      where: `[F]` places: k at the k-th seed.
      ws: by space, `[F, num_ws, w_dim]`.
      lengths: by space, `[F]` perceptual path length at the place.
    """

    where: np.ndarray
    ws: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]


def take(
    renderer: Renderer,
    lpips: object,
    seeds: list[int],
    num_frames: int,
    *,
    is_loop: bool,
) -> Walk:
    """Walks through seeds.

    Args:
      renderer: has the generator; a conditional one needs its label.
      lpips: the perceptual distance.
      seeds: two or more, as NVIDIA's scripts take them.
      num_frames: of the whole path.
      is_loop: whether it returns to the first seed.
    """
    generator = renderer.source.network
    z = sampling.seeded_z(generator.config, seeds)
    z = np.concatenate([z, z[:1]]) if is_loop else z
    where = np.linspace(0, len(z) - 1, num_frames)
    first = np.minimum(where.astype(int), len(z) - 2)
    share = jnp.asarray(where - first, jnp.float32)
    label = sampling.class_label(generator.config, renderer.label)
    ends = jnp.asarray(z[first]), jnp.asarray(z[first + 1])
    walked = _codes(generator, ends, share, label)
    lengths = {
        space: _measure(renderer, lpips, ends, share, space) for space in _TITLES
    }
    return Walk(
        where=where,
        ws={space: np.asarray(rows) for space, rows in walked.items()},
        lengths=lengths,
    )


@jax.jit
def _codes(generator, ends, share, label):
    """The codes on the path, by space."""
    a, b = (sampling.map_to_ws(generator, z, label) for z in ends)
    between = paths.slerp(ends[0], ends[1], share[:, None]) * ends[0].shape[-1] ** 0.5
    return {
        "z": sampling.map_to_ws(generator, between, label),
        "w": paths.lerp(a, b, share[:, None, None]),
    }


def _measure(renderer: Renderer, lpips, ends, share, space: str) -> np.ndarray:
    """The path length at every place, a batch at a time."""
    config = path_length.PathLengthConfig(space=space, sampling="full")
    generator, size = renderer.source.network, renderer.batch_size
    label = sampling.class_label(generator.config, renderer.label)
    parts = []
    for start in range(0, len(share), size):
        index = jnp.minimum(jnp.arange(start, start + size), len(share) - 1)
        lengths = path_length.path_lengths(
            generator,
            lpips,
            (ends[0][index], ends[1][index]),
            share[index],
            distance=_call,
            config=config,
            labels=sampling.broadcast_labels(label, size),
        )
        parts.append(np.asarray(lengths))
    return np.concatenate(parts)[: len(share)]


def _call(network, near, far):
    return network(near, far)


def draw(
    walk: Walk,
    renderer: Renderer,
    seeds: list[int],
    output: pathlib.Path,
    *,
    film: str,
    num_columns: int = 9,
    formats: tuple[str, ...] = ("png", "svg"),
) -> dict[str, float]:
    """Writes `walk.png` and a film: pictures of both paths, their length beneath.

    Args:
      walk: what to draw.
      renderer: makes pictures.
      seeds: of the walk.
      output: a directory that exists.
      film: an extension of `films.EXTENSIONS`; "" for none.
      num_columns: pictures in a row of the figure.
      formats: extensions of the figure.

    Returns:
      By space, the mean path length.
    """
    shown = {space: list(renderer.pictures(ws)) for space, ws in walk.ws.items()}
    picked = np.linspace(0, len(walk.where) - 1, num_columns).round().astype(int)
    title = f"From seed {' to '.join(map(str, seeds))}: Z and W"
    caption = (
        "Perceptual path length (Karras et al. 2019, Section 4.1) at every place of the"
        " path: how fast the picture changes there. An even curve is an even morph."
    )
    names = [output / f"walk.{extension}" for extension in formats]
    with panels.panels(
        names, (3, num_columns), title=title, caption=caption, size=(1.15, 1.3)
    ) as grid:
        for row, (space, name) in zip(grid, _TITLES.items(), strict=False):
            picture_rows.fill(row, [shown[space][k] for k in picked])
            row[0].set_title(name, fontsize=9, loc="left")
        _curves(picture_rows.merge(grid[2]), walk)
    if film:
        films.write(output / f"walk{film}", _frames(walk, shown, title), fps=20.0)
    return {space: float(rows.mean()) for space, rows in walk.lengths.items()}


def _curves(axis: "Axes", walk: Walk) -> None:
    for color, (space, lengths) in zip(
        plots.COLORS, walk.lengths.items(), strict=False
    ):
        label = f"{space.upper()}: mean {lengths.mean():.3g}"
        axis.plot(walk.where, lengths, color=color, label=label, lw=1.6)
    axis.set(xlabel="place on the path (seeds at whole numbers)", ylabel="path length")
    axis.set_xlim(walk.where[0], walk.where[-1])
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)


def _frames(walk: Walk, shown: dict[str, list[np.ndarray]], title: str):
    """The frames: both pictures, and where on the curves they are."""
    with panels.panels((), (2, 2), title=title, size=(2.6, 2.4)) as grid:
        curves = picture_rows.merge(grid[1])
        _curves(curves, walk)
        places = zip(grid[0], _TITLES.items(), strict=True)
        drawn = {space: (picture_rows.blank(axis), axis) for axis, (space, _) in places}
        for space, (_, axis) in drawn.items():
            axis.set_title(_TITLES[space], fontsize=9)
        mark = curves.axvline(0.0, color="#444444", lw=1)
        for index, where in enumerate(walk.where):
            mark.set_xdata([where, where])
            for space, (image, _) in drawn.items():
                image.set_data(picture_rows.to_bytes(shown[space][index]))
            yield panels.pixels(curves)
