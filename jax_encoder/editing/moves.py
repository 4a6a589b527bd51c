"""Moves in W+ along directions."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError


def move(
    ws: jax.Array,
    direction: jax.Array,
    strength: jax.Array | float,
    rows: Sequence[int] | None = None,
) -> jax.Array:
    """Adds a multiple of a direction to latents.

    Args:
      ws: `[N, num_ws, w_dim]`.
      direction: `[w_dim]`, `[1, w_dim]` or, with a move for every row,
        `[num_ws, w_dim]`.
      strength: a number, or `[N]`, one per latent.
      rows: which rows move; default: all. Coarse rows change pose and shape, fine ones
        color.

    Returns:
      `[N, num_ws, w_dim]`.

    Raises:
      ValueError: the shapes do not fit or there is no such row.
    """
    direction, strength = jnp.asarray(direction), jnp.asarray(strength)
    num, num_ws, w_dim = ws.shape
    if direction.ndim == 1:
        direction = direction[None]
    if direction.shape not in ((1, w_dim), (num_ws, w_dim)):
        raise InputError(
            f"`direction` must be [{w_dim}] or [{num_ws}, {w_dim}] for `ws`"
            f" {ws.shape}: got {direction.shape}."
        )
    if strength.shape not in ((), (num,)):
        raise InputError(f"`strength` must be a number or [{num}]: {strength.shape}.")
    if rows is not None:
        if any(not 0 <= row < num_ws for row in rows):
            raise InputError(f"`rows` must lie in 0 to {num_ws - 1}: got {rows}.")
        moves = jnp.zeros(num_ws).at[jnp.asarray(rows, int)].set(1.0)
        direction = direction * moves[:, None]
    scale = jnp.broadcast_to(strength, (num,))[:, None, None]
    return ws + scale * direction[None]
