"""Rows of w: broadcast, truncation and style mixing."""

import math

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError


def broadcast(w: jax.Array, num_ws: int) -> jax.Array:
    """Repeats one w for every layer.

    Args:
      w: `[N, w_dim]`.
      num_ws: rows that the synthesis network takes.

    Returns:
      ws `[N, num_ws, w_dim]`.

    Raises:
      ValueError: `w` has another rank.
    """
    if w.ndim != 2:
        raise InputError(f"`w` must be [N, w_dim], got {w.shape}.")
    return jnp.broadcast_to(w[:, None], (w.shape[0], num_ws, w.shape[1]))


def of_mapping(w: jax.Array, num_ws: int) -> jax.Array:
    """Makes codes of what a mapping network returns.

    Args:
      w: `[N, w_dim]`; or `[N, num_ws, w_dim]` of the few networks that give every layer
        a row of its own.
      num_ws: rows that the synthesis network takes.

    Returns:
      ws `[N, num_ws, w_dim]`.

    Raises:
      ValueError: `w` has another rank or number of rows.
    """
    return w if w.ndim == 3 and w.shape[1] == num_ws else broadcast(w, num_ws)


def truncate(
    ws: jax.Array, w_avg: jax.Array, psi: float, cutoff: int | None = None
) -> jax.Array:
    """Pulls latents towards the mean (Karras et al. 2019, Appendix B).

    Args:
      ws: `[N, num_ws, w_dim]`, or w `[N, w_dim]`.
      w_avg: `[w_dim]`, the mean of w.
      psi: 1 changes nothing, 0 gives the mean, negative values the opposite.
      cutoff: truncate only the first `cutoff` rows; None: all of them.

    Returns:
      An array like `ws`.

    Raises:
      ValueError: the shapes do not fit, a cutoff is given for w or exceeds the rows, or
        psi is not finite.
    """
    if isinstance(psi, int | float) and not math.isfinite(psi):
        raise InputError(f"`psi` must be finite, got {psi}.")
    if ws.ndim not in (2, 3) or w_avg.shape != ws.shape[-1:]:
        raise InputError(
            "`ws` must be [N, num_ws, w_dim] or [N, w_dim] and `w_avg` [w_dim], got"
            f" {ws.shape} and {w_avg.shape}."
        )
    if cutoff is not None and ws.ndim != 3:
        raise InputError("`cutoff` counts rows: give `ws` as [N, num_ws, w_dim].")
    if cutoff is not None and not 0 <= cutoff <= ws.shape[1]:
        raise InputError(f"`cutoff` must lie in 0...{ws.shape[1]}, got {cutoff}.")
    center = w_avg.reshape((1,) * (ws.ndim - 1) + (-1,))
    truncated = center + psi * (ws - center)
    if cutoff is None:
        return truncated
    is_coarse = (jnp.arange(ws.shape[1]) < cutoff)[None, :, None]
    return jnp.where(is_coarse, truncated, ws)


def mix(ws_coarse: jax.Array, ws_fine: jax.Array, crossover: int) -> jax.Array:
    """Takes the first `crossover` rows from one code and the rest from another.

    Args:
      ws_coarse: `[N, num_ws, w_dim]`.
      ws_fine: `[N, num_ws, w_dim]`.
      crossover: rows taken from `ws_coarse` (Karras et al. 2019, Section 3.1).

    Returns:
      ws `[N, num_ws, w_dim]`.

    Raises:
      ValueError: the shapes differ or `crossover` is out of range.
    """
    if ws_coarse.shape != ws_fine.shape or ws_coarse.ndim != 3:
        raise InputError(
            "Both codes must be [N, num_ws, w_dim], got"
            f" {ws_coarse.shape} and {ws_fine.shape}."
        )
    if not 0 <= crossover <= ws_coarse.shape[1]:
        raise InputError(
            f"`crossover` must lie in 0...{ws_coarse.shape[1]}, got {crossover}."
        )
    return jnp.concatenate([ws_coarse[:, :crossover], ws_fine[:, crossover:]], axis=1)
