"""Sheets of a generator's own codes: truncation, rows mixed one by one, neighbors."""

import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.curating import feature_stream
from experiments.editing.edit_rendering import Renderer
from jax_encoder.io import contact_sheet, folders, images, panels, plots
from jax_encoder.latents import styles
from jax_encoder.metrics import features, neighbors
from jax_encoder.nn import base

_SIDE = 112


def truncation(
    renderer: Renderer,
    lpips: object,
    ws: np.ndarray,
    labels: Sequence[str],
    psis: Sequence[float],
    output: pathlib.Path,
    *,
    cutoff: int | None = None,
    formats: tuple[str, ...] = ("png", "svg"),
) -> dict[str, list[float]]:
    """Writes `truncation_sheet.png` and the curve `truncation`.

    Args:
      renderer: makes pictures.
      lpips: the perceptual distance.
      ws: `[N, num_ws, w_dim]`, not truncated.
      labels: of the codes.
      psis: 1 for none, 0 for the mean.
      output: a directory that exists.
      cutoff: truncate this many rows only.
      formats: extensions of the curve.

    Returns:
      "psi", and "diversity": the mean LPIPS between pictures of different codes.
    """
    w_avg = renderer.source.network.w_avg[...]
    swept = [
        np.asarray(styles.truncate(jnp.asarray(ws), w_avg, psi, cutoff)) for psi in psis
    ]
    columns = [list(renderer.pictures(codes)) for codes in swept]
    rows = [[column[k] for column in columns] for k in range(len(ws))]
    title = "Truncation" if cutoff is None else f"Truncation of {cutoff} rows"
    names = [f"psi {psi:g}" for psi in psis]
    sheet = contact_sheet.draw(
        rows, column_labels=names, row_labels=labels, title=title, side=_SIDE
    )
    images.write(output / "truncation_sheet.png", sheet, is_report=True)
    diversity = [_diversity(lpips, column) for column in columns]
    caption = f"Mean LPIPS between pictures of {len(ws)} codes; 0 where all are alike."
    paths = [output / f"truncation.{extension}" for extension in formats]
    with panels.panels(paths, title=title, caption=caption, size=(5.6, 3.6)) as grid:
        grid[0, 0].plot(psis, diversity, "o-", color=plots.COLORS[0])
        grid[0, 0].set(xlabel="psi (1: none)", ylabel="LPIPS between pictures")
        grid[0, 0].set_ylim(bottom=0)
    return {"psi": list(psis), "diversity": diversity}


def _diversity(lpips: object, pictures: Sequence[np.ndarray]) -> float:
    stacked = jnp.asarray(np.stack(pictures))
    shifted = [
        _distance(lpips, stacked, jnp.roll(stacked, k, axis=0))
        for k in range(1, max(2, len(pictures) // 2 + 1))
    ]
    return float(np.mean(shifted))


@jax.jit
def _distance(lpips, a, b):
    return lpips(a, b)


def mixing(
    renderer: Renderer,
    lpips: object,
    ws: np.ndarray,
    labels: Sequence[str],
    output: pathlib.Path,
) -> list[float]:
    """Writes `mixing.png`: the first code, with each row of every other in turn.

    Two lines for every other code: its rows one by one, and its first rows growing.

    Args:
      renderer: makes pictures.
      lpips: the perceptual distance.
      ws: `[N, num_ws, w_dim]`, N at least 2.
      labels: of the codes.
      output: a directory that exists.

    Returns:
      `[num_ws]`, by how much LPIPS each row alone changes the picture, on the mean.
    """
    base, others = ws[0], ws[1:]
    num_ws = ws.shape[1]
    single = np.arange(num_ws)[:, None] == np.arange(num_ws)[None]
    upto = np.arange(num_ws)[None] <= np.arange(num_ws)[:, None]
    lines, captions, changes = [], [], []
    (own,) = renderer.pictures(base[None])
    for other in others:
        (shown,) = renderer.pictures(other[None])
        for taken in (single, upto):
            mixed = np.where(taken[..., None], other[None], base[None])
            pictures = list(renderer.pictures(mixed.astype(np.float32)))
            target = jnp.broadcast_to(jnp.asarray(own)[None], (num_ws, *own.shape))
            far = np.asarray(_distance(lpips, jnp.asarray(np.stack(pictures)), target))
            lines.append([own, shown, *pictures])
            captions.append(["", "", *(f"LPIPS {x:.3f}" for x in far)])
            if taken is single:
                changes.append(far)
    heads = [labels[0], "other", *(f"row {k}" for k in range(num_ws))]
    names = [t for x in labels[1:] for t in (f"{x}: one row", f"{x}: up to it")]
    sheet = contact_sheet.draw(
        lines,
        captions=captions,
        column_labels=heads,
        row_labels=names,
        title=f"{labels[0]} with rows of others; below, how far from it",
        side=_SIDE,
    )
    images.write(output / "mixing.png", sheet, is_report=True)
    return [float(x) for x in np.mean(changes, axis=0)]


def near(
    renderer: Renderer,
    lpips: base.PerceptualDistance,
    ws: np.ndarray,
    labels: Sequence[str],
    data: str,
    output: pathlib.Path,
    *,
    num: int = 8,
) -> list[list[str]]:
    """Writes `neighbors.png`: the nearest pictures of a folder to every code.

    Args:
      renderer: makes pictures.
      lpips: its features are compared.
      ws: `[N, num_ws, w_dim]`.
      labels: of the codes.
      data: a folder or pattern of pictures.
      output: a directory that exists.
      num: neighbors of each code.

    Returns:
      By code, the files, nearest first.

    Raises:
      ValueError: there is no picture.
    """
    side = renderer.source.network.config.resolution
    described = feature_stream.describe(
        folders.find(data), lpips, side, apply=_features
    )
    own = [images.with_channels(p, 3) for p in renderer.pictures(ws)]
    queries = np.asarray(_features(lpips, jnp.asarray(np.stack(own)))["features"])
    far, found = neighbors.nearest(queries, described.rows["features"], num)
    rows, captions = [], []
    for picture, index, distances in zip(own, found, far, strict=True):
        close = [images.fit(images.decode(described.paths[k]), side) for k in index]
        rows.append([picture, *close])
        captions.append(["", *(f"{d:.3g}" for d in distances)])
    sheet = contact_sheet.draw(
        rows,
        captions=captions,
        row_labels=labels,
        column_labels=["code", *(f"nearest {k + 1}" for k in range(len(found[0])))],
        title=f"Nearest of {len(described)} pictures, by features",
        marked_column=0,
        side=_SIDE,
    )
    images.write(output / "neighbors.png", sheet, is_report=True)
    return [[described.paths[k].name for k in index] for index in found]


def _features(network, pictures):
    return {"features": features.describe(network, pictures)}
