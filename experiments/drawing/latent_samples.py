"""Samples of a generator in every space, and other codes in the same coordinates."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.editing.code_sets import Code
from experiments.launch import command_line
from jax_encoder.errors import InputError
from jax_encoder.latents import sampling, spaces, statistics
from jax_encoder.metrics import normality
from jax_encoder.nn import base

TITLES = {"z": "Z", "w": "W", "p": "P", "p_n": "P_N"}
"""The spaces that are drawn, in the order in which codes pass them."""

_BATCH = 1024


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentSamples:
    """The same samples in all spaces.

    Attributes:
      places: by space, `[N, D]`.
      classes: `[N]` of a conditional generator, or None.
      shapes: by space, how normal they are.
    """

    places: Mapping[str, np.ndarray]
    classes: np.ndarray | None
    shapes: Mapping[str, normality.Normality]

    def __len__(self) -> int:
        return len(self.places["z"])


def draw(
    network: base.Network,
    latent_statistics: statistics.LatentStatistics,
    num: int,
    *,
    seed: int,
    class_index: int | None = None,
) -> LatentSamples:
    """Draws samples.

    Args:
      network: the generator; of a conditional one, classes are drawn evenly.
      latent_statistics: its statistics, with those of P.
      num: how many samples, more than any space has dimensions.
      seed: of the samples.
      class_index: the only class, or None for all.

    Raises:
      ValueError: too few samples, or no such class.
    """
    config = network.config
    if num <= max(config.z_dim, config.w_dim):
        raise InputError(
            f"{num} samples in {max(config.z_dim, config.w_dim)} dimensions show"
            " nothing: give more --num_samples."
        )
    z_key, label_key = jax.random.split(jax.random.key(seed))
    z = np.asarray(jax.random.normal(z_key, (num, config.z_dim)))
    labels = sampling.draw_labels(config, label_key, num)
    if class_index is not None:
        labels = sampling.class_label(config, class_index)
    labels = sampling.broadcast_labels(labels, num)
    padded = (-num) % _BATCH
    rows = [
        np.asarray(_map(network, *part))
        for part in _batches(_filled(z, padded), _filled(labels, padded))
    ]
    places = {"z": z} | from_w(np.concatenate(rows)[:num], latent_statistics)
    return LatentSamples(
        places=places,
        classes=None if labels is None else np.argmax(labels, axis=1),
        shapes={space: normality.measure(rows) for space, rows in places.items()},
    )


def from_w(
    w: np.ndarray, latent_statistics: statistics.LatentStatistics
) -> dict[str, np.ndarray]:
    """Codes of W `[N, w_dim]` in W and the spaces made of it."""
    rows = {"w": w}
    for name in ("p", "p_n"):
        space: Any = spaces.get(name)
        rows[name] = np.asarray(space.from_w(jnp.asarray(w), latent_statistics))
    return rows


def of_codes(
    codes: Sequence[Code],
    network: base.Network,
    latent_statistics: statistics.LatentStatistics,
) -> dict[str, np.ndarray]:
    """Other codes in the coordinates of the samples, `[M, D]` by space.

    Codes of W+ stand where the mean of their rows does, and are missing in Z, like
    those of W; there is no way back from W.

    Args:
      codes: of one space.
      network: the generator.
      latent_statistics: its statistics, with those of P.

    Raises:
      Failure: the codes are of several spaces.
    """
    names = {code.space for code in codes}
    if len(names) > 1:
        raise command_line.Failure(
            f"Codes of {', '.join(sorted(names))} cannot be drawn in one figure: give"
            " codes of one space."
        )
    values = np.stack([code.value for code in codes])
    if names == {"z"}:
        ws = sampling.map_to_ws(network, jnp.asarray(values))
        return {"z": values} | from_w(np.asarray(ws[:, 0]), latent_statistics)
    return from_w(values.mean(axis=1) if names == {"w+"} else values, latent_statistics)


def _filled(rows, num: int):
    return None if rows is None else np.pad(rows, ((0, num), (0, 0)), mode="edge")


def _batches(z, labels):
    for start in range(0, len(z), _BATCH):
        part = slice(start, start + _BATCH)
        yield z[part], None if labels is None else labels[part]


@jax.jit
def _map(network, z, labels):
    return sampling.map_to_ws(network, z, labels)[:, 0]
