"""Exponential moving averages of weights."""

from typing import TypeVar

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError

T = TypeVar("T")


def decay(
    batch_size: int,
    half_life: float,
    *,
    num_seen: jax.Array | int | None = None,
    rampup: float | None = None,
) -> jax.Array:
    """Returns the factor that halves an old weight every `half_life` pictures.

    Args:
      batch_size: pictures per step.
      half_life: in pictures.
      num_seen: pictures seen so far, a scalar; needed by `rampup`.
      rampup: bound on the half-life, as a share of the pictures seen: early averages
        then forget quickly (the official training uses 0.05). None for no bound.

    Returns:
      a scalar in [0, 1).

    Raises:
      ValueError: `rampup` without `num_seen`, or a value that is not positive.
    """
    if batch_size < 1 or half_life <= 0:
        raise InputError(
            "`batch_size` and `half_life` must be positive: got"
            f" {batch_size=}, {half_life=}."
        )
    length = jnp.asarray(half_life, jnp.float32)
    if rampup is not None:
        if num_seen is None:
            raise InputError("`rampup` needs `num_seen`, the pictures seen so far.")
        length = jnp.minimum(length, num_seen * rampup)
    return jnp.exp2(-batch_size / jnp.maximum(length, 1e-8))


def update(average: T, new: T, factor: jax.Array | float) -> T:
    """Moves every leaf towards `new`, of which it keeps 1 - `factor`, a scalar."""
    return jax.tree.map(lambda a, b: b + (a - b) * factor, average, new)
