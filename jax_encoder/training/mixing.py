"""Style mixing (Karras et al. 2019, arXiv:1812.04948, Section 3.1)."""

import jax
import jax.numpy as jnp


def draw_cutoffs(
    key: jax.Array, num: int, num_ws: int, probability: float
) -> jax.Array:
    """Draws the first row of the second parent, for every picture.

    Args:
      key: PRNG key.
      num: number of pictures.
      num_ws: rows of w.
      probability: share of the pictures with two parents.

    Returns:
      `[num]` integers: uniform in 1 ... `num_ws` - 1 where there are two parents,
      `num_ws` where there is one.
    """
    mixed_key, cutoff_key = jax.random.split(key)
    is_mixed = jax.random.uniform(mixed_key, (num,)) < probability
    cutoffs = jax.random.randint(cutoff_key, (num,), 1, max(num_ws, 2))
    return jnp.where(is_mixed, cutoffs, num_ws)


def mix(
    first: jax.Array, second: jax.Array, cutoffs: jax.Array, num_ws: int
) -> jax.Array:
    """Broadcasts w to all rows: `first` before the cutoff, `second` from it on.

    Args:
      first: `[N, w_dim]`, w of the first parents.
      second: `[N, w_dim]`, w of the second ones.
      cutoffs: `[N]` integers.
      num_ws: rows of w.

    Returns:
      `[N, num_ws, w_dim]`.
    """
    is_second = jnp.arange(num_ws)[None] >= cutoffs[:, None]
    return jnp.where(is_second[..., None], second[:, None], first[:, None])
