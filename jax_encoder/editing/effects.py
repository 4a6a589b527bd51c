"""What an edit does to pictures: the change that was wanted, and what leaks."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from jax_encoder.editing import edits
from jax_encoder.editing.directions import Direction
from jax_encoder.errors import InputError

Reader = Callable[[np.ndarray], "Reading"]
"""From ws `[N, num_ws, w_dim]` to what is read off their pictures."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a reader sees in N pictures.

    Attributes:
      scores: `[N, K]`.
      is_visible: `[N, K]` whether a score means anything in the picture.
      embedding: `[N, E]` of unit length, or None where identity is not read.
    """

    scores: np.ndarray
    is_visible: np.ndarray
    embedding: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """The unit in which scores are measured.

    Attributes:
      names: K.
      std: `[K]` standard deviations.
      low: `[K]` smallest values.
      high: `[K]` largest values.
      is_circular: `[K]` whether 0 and 1 are the same.
      needs: K names of scores without which this one is invisible, or None.
    """

    names: Sequence[str]
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    is_circular: np.ndarray
    needs: Sequence[str | None]

    def apart(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """`[N, K]` changes from a to b in standard deviations; the short way round."""
        change = b - a
        around = (change + 0.5) % 1.0 - 0.5
        return np.where(self.is_circular, around, change) / self.std


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """What a step along a direction does, on the average over pictures.

    Attributes:
      gain: the change of the wanted score over the change asked for; 1 is right.
      leak: mean absolute change of the other visible scores, in standard deviations.
      leaks: the mean absolute change of every other score, by name.
      identity: mean cosine of the embeddings before and after; NaN if not read.
      num_pictures: how many were measured.
      step: the change asked for, in standard deviations.
    """

    gain: float
    leak: float
    leaks: dict[str, float]
    identity: float
    num_pictures: int
    step: float

    def worst(self, num: int = 3) -> dict[str, float]:
        """The scores that change most with it."""
        order = sorted(self.leaks, key=lambda name: -self.leaks[name])
        return {name: round(self.leaks[name], 3) for name in order[:num]}


def measure(
    direction: Direction,
    ws: np.ndarray,
    read: Reader,
    scale: Scale,
    *,
    step: float = 1.5,
    before: Reading | None = None,
) -> Effect:
    """Moves codes a step along a direction and reads what became of the pictures.

    Every picture moves up or down, whichever its score has room for: a broad smile
    cannot become broader.

    Args:
      direction: named like a score, with the unit "sd".
      ws: `[N, num_ws, w_dim]`.
      read: reads pictures.
      scale: of the scores.
      step: in standard deviations.
      before: the reading of `ws`, where it is known.

    Returns:
      The effect.

    Raises:
      ValueError: no score has the direction's name.
    """
    names = list(scale.names)
    if direction.name not in names:
        raise InputError(f"The reader knows no {direction.name!r}; it reads {names}.")
    column = names.index(direction.name)
    before = before or read(ws)
    room_above = scale.high[column] - before.scores[:, column]
    room_below = before.scores[:, column] - scale.low[column]
    signs = np.where(room_above >= room_below, 1.0, -1.0)
    change = edits.Edit(parts=((direction, step),)).change(ws.shape[1])
    change = np.broadcast_to(change, ws.shape[1:])
    after = read((ws + signs[:, None, None] * change[None]).astype(np.float32))
    apart = scale.apart(before.scores, after.scores)
    is_seen = before.is_visible & after.is_visible
    is_other = np.array([x != direction.name for x in names])
    is_other &= np.array([needs != direction.name for needs in scale.needs])
    is_counted = is_seen & is_other[None]
    totals, counts = np.abs(apart * is_counted).sum(axis=0), is_counted.sum(axis=0)
    return Effect(
        gain=float(np.mean(apart[:, column] * signs) / step),
        leak=float(totals.sum() / max(counts.sum(), 1)),
        leaks={names[k]: float(totals[k] / counts[k]) for k in np.flatnonzero(counts)},
        identity=_identity(before, after),
        num_pictures=len(ws),
        step=step,
    )


def _identity(before: Reading, after: Reading) -> float:
    if before.embedding is None or after.embedding is None:
        return float("nan")
    return float(np.mean(np.sum(before.embedding * after.embedding, axis=1)))


def calibrated(direction: Direction, effect: float) -> Direction:
    """Rescales a direction so that one unit has the effect it promises.

    Args:
      direction: any.
      effect: measured change of the wanted score per unit, in standard deviations.

    Returns:
      The direction with the unit "sd"; turned round if the effect was negative.

    Raises:
      ValueError: there was no effect.
    """
    if not np.isfinite(effect) or abs(effect) < 1e-3:
        raise InputError(
            f"A step along {direction.name!r} does not change what is read ({effect});"
            " there is nothing to calibrate."
        )
    vector = (direction.vector / effect).astype(np.float32)
    return dataclasses.replace(direction, vector=vector, unit="sd")
