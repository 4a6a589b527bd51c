"""Finds directions, makes them promise what they do, and measures what leaks."""

import csv
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from jax_encoder.editing import components, edits, effects, finding, sefa
from jax_encoder.editing.directions import Direction, DirectionError, find
from jax_encoder.errors import InputError
from jax_encoder.io import loading
from jax_encoder.nn import base

METHODS = ("svm", "difference", "regression", "pca", "sefa")
_ROUNDS = 2


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Codes and what was read off their pictures.

    Attributes:
      codes: `[N, D]` in Z or W.
      scores: `[N, K]`.
      names: of the first scores.
      num_hidden: the others, which have no direction but must not change.
      space: "z" or "w".
    """

    codes: np.ndarray
    scores: np.ndarray
    names: tuple[str, ...]
    num_hidden: int = 0
    space: str = "w"

    def column(self, name: str) -> np.ndarray:
        """The scores `[N]` of a name.

        Raises:
          DirectionError: there is none; suggests the nearest.
        """
        placeholder = np.ones(1)
        known = {n: Direction(name=n, vector=placeholder) for n in self.names}
        return self.scores[:, self.names.index(find(known, name).name)]


def read_scores(path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads scores from a CSV with a header, or a `.npy` `[N]` or `[N, K]`.

    Args:
      path: the file; its columns of text (file names) are left out.

    Returns:
      `[N, K]` and the names of the columns.

    Raises:
      ValueError: it holds no numbers.
    """
    if path.suffix == ".npy":
        found = loading.read(path)
        if isinstance(found, dict) or found.dtype.kind not in "fiub" or not found.ndim:
            raise loading.LoadError(path, "no single array of numbers")
        scores = found.astype(np.float64)
        scores = scores.reshape(len(scores), -1)
        num = scores.shape[1]
        return scores, (path.stem,) if num == 1 else tuple(
            f"score_{k}" for k in range(num)
        )
    with open(path, newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = {}
    for name, *column in zip(header, *rows, strict=True):
        try:
            columns[name] = np.array(column, np.float64)
        except ValueError:
            continue
    if not columns or not rows:
        raise InputError(f"{path}: holds no column of numbers under a header.")
    return np.stack(list(columns.values()), axis=1), tuple(columns)


def from_scores(
    method: str,
    samples: Samples,
    score_names: Sequence[str],
    *,
    options: Mapping[str, object],
    reach: float,
) -> dict[str, Direction]:
    """Finds directions of scores.

    Args:
      method: "svm", "difference" or "regression".
      samples: codes and scores.
      score_names: names of scores; empty for all.
      options: of the method's function in `finding.METHODS`.
      reach: of `finding.regress`.

    Returns:
      By name.

    Raises:
      DirectionError: an unknown name, or scores that do not tell codes apart.
    """
    names = [_known(samples, name) for name in score_names] or list(samples.names)
    if method == "regression":
        found = finding.regress(
            samples.codes,
            samples.scores,
            names=[*samples.names, *map(str, range(samples.num_hidden))],
            space=samples.space,
            reach=reach,
        )
        return {name: found[name] for name in names if name in found}
    return {
        name: finding.METHODS[method](
            samples.codes,
            samples.column(name),
            name=name,
            space=samples.space,
            **options,
        )
        for name in names
    }


def _known(samples: Samples, name: str) -> str:
    samples.column(name)
    return next(n for n in samples.names if n.lower() == name.strip().lower())


def from_generator(
    method: str,
    generator: base.Generator,
    *,
    num_samples: int,
    num_components: int,
    seed: int = 0,
    activations: int | None = None,
    layers: Sequence[int] | None = None,
    with_rgb: bool = False,
) -> dict[str, Direction]:
    """Finds directions without scores.

    Args:
      method: "pca" or "sefa".
      generator: the network.
      num_samples: of the principal components.
      num_components: how many directions.
      seed: of the samples.
      activations: the side of the block whose activations are analyzed; None for w.
      layers: of SeFa; None for all.
      with_rgb: whether SeFa counts the layers that make RGB.

    Returns:
      By name.

    Raises:
      ValueError: there are no such layers.
    """
    options = {"num_samples": num_samples, "num_components": num_components}
    if method == "pca" and activations:
        return components.of_activations(generator, activations, seed=seed, **options)
    if method == "pca":
        return components.of_w(generator, seed=seed, **options)
    weights = sefa.affine_weights(generator, layers, with_rgb=with_rgb)
    factors = sefa.factorize(weights)
    about = {"method": "sefa", "layers": None if layers is None else list(layers)}
    about |= {"with_rgb": with_rgb}
    return {
        f"sefa{k:02}": Direction(
            name=f"sefa{k:02}",
            vector=vector,
            provenance=about | {"value": float(factors.values[k])},
        )
        for k, vector in enumerate(factors.directions[:num_components])
    }


def conditional(
    directions: Mapping[str, Direction], others: Mapping[str, Direction]
) -> tuple[dict[str, Direction], list[str]]:
    """Projects every direction on the others.

    Args:
      directions: by name.
      others: by name; a direction is not projected on itself.

    Returns:
      What is left, and a sentence for each of which nothing is.
    """
    kept, refused = {}, []
    for name, direction in directions.items():
        conditions = [other for key, other in others.items() if key != name]
        try:
            kept[name] = edits.conditional(direction, conditions)
        except DirectionError as error:
            refused.append(str(error))
    return kept, refused


def calibrate(
    direction: Direction,
    ws: np.ndarray,
    read: effects.Reader,
    scale: effects.Scale,
    *,
    step: float,
    before: effects.Reading,
) -> Direction:
    """Rescales a direction until a step changes the score by what it promises.

    Args:
      direction: named like a score.
      ws: codes to measure on.
      read: reads pictures.
      scale: of the scores.
      step: in standard deviations.
      before: the reading of `ws`.

    Returns:
      The direction, its unit a standard deviation of the score.

    Raises:
      ValueError: it has no effect on the score.
    """
    column = list(scale.names).index(direction.name)
    if direction.unit != "sd":
        # A first guess that changes something: how far the codes lie apart along it.
        rows = direction.layered(ws.shape[1])
        places = np.sum(ws * rows, axis=(1, 2)) / np.sum(rows * rows)
        direction = effects.calibrated(direction, 1.0 / max(float(places.std()), 1e-6))
    for _ in range(_ROUNDS):
        found = effects.measure(direction, ws, read, scale, step=step, before=before)
        # Large corrections overshoot where the score saturates.
        factor = np.sign(found.gain) * np.clip(abs(found.gain), 0.4, 2.5)
        direction = effects.calibrated(direction, float(factor))
    return dataclasses.replace(direction, scale=float(scale.std[column]))
