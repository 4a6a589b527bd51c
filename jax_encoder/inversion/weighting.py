"""Loss weights chosen per picture, from a grid tried as a batch.

No single balance of pixels and features suits all pictures. Every combination runs for
a few steps from the same start; for each picture the one that gets nearest by a fixed
yardstick is kept, and its code is gone on with.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.inversion import driver
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models


def grid(*rows: Sequence[float]) -> jax.Array:
    """All combinations of one weight per term, without the one that is all zero.

    Args:
      *rows: the weights to try, term by term.

    Returns:
      `[G, T]`.
    """
    combinations = [c for c in itertools.product(*rows) if any(c)]
    return jnp.asarray(combinations, jnp.float32)


def choose(
    models: Models,
    targets: jax.Array,
    values: jax.Array,
    key: jax.Array,
    *,
    config: ProjectorConfig,
    candidates: jax.Array,
    num_steps: int,
    labels: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Tries weights for a few steps and keeps the best per picture.

    Args:
      models: the frozen networks.
      targets: `[N, R, R, 3]` in [-1, 1].
      values: `[N, ...]` the start.
      key: PRNG key.
      config: of the inversion that follows; its own weights are the yardstick.
      candidates: `[G, T]` from `grid`, one weight per term of `config`.
      num_steps: of the trial.
      labels: `[N, c_dim]`; conditional generators searched in Z only.

    Returns:
      The weights `[N, T]` and the values `[N, ...]` that they led to.

    Raises:
      ValueError: the candidates do not have one weight per term.
    """
    num_terms = len(config.terms)
    _check_candidates(candidates, num_terms)
    trial = dataclasses.replace(config, num_steps=num_steps, stages=(), keep="last")
    yardstick = jnp.asarray([term.weight for term in config.terms])[None]
    best_score = jnp.full((targets.shape[0],), jnp.inf)
    best_weights = jnp.broadcast_to(candidates[:1], (targets.shape[0], num_terms))
    best_values = values
    # One batch per candidate: the same compiled program, and no more memory.
    for row in candidates:
        weights = jnp.broadcast_to(row[None], best_weights.shape)
        projection, curves = driver.project(
            models,
            targets,
            values,
            key,
            config=trial,
            weights=weights,
            labels=labels,
            chunk=num_steps,
        )
        score = jnp.sum(curves.terms[-1, :, :num_terms] * yardstick, axis=1)
        is_better = score < best_score
        best_score = jnp.where(is_better, score, best_score)
        best_weights = jnp.where(is_better[:, None], weights, best_weights)
        mask = is_better.reshape((-1,) + (1,) * (values.ndim - 1))
        best_values = jnp.where(mask, projection.values, best_values)
    return best_weights, best_values


def _check_candidates(candidates: jax.Array, num_terms: int) -> None:
    if candidates.ndim != 2 or candidates.shape[1] != num_terms:
        raise InputError(
            f"`candidates` must be [G, {num_terms}], one weight per term, got"
            f" {candidates.shape}."
        )
