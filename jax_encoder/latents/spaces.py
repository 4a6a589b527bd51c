"""The spaces an inversion can search: Z, W, W+, P, P+, P_N, P_N+.

A space turns what is optimized, `values`, into `ws`. The spaces with a plus have one
row per layer, the others share one row. Z is searched freely or on the sphere of
radius `sqrt(z_dim)`, where the mapping network was trained.
"""

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jax_encoder.latents import statistics as stats
from jax_encoder.latents import styles

Space = Literal["z", "z_sphere", "w", "w+", "p", "p+", "p_n", "p_n+"]
SPACES: tuple[str, ...] = get_args(Space)


def check(space: str) -> None:
    """Raises a ValueError that lists the spaces if `space` is none of them."""
    if space not in SPACES:
        raise ValueError(f"`space` must be one of {SPACES}, got {space!r}.")


def is_layered(space: str) -> bool:
    """Whether the space has one row per layer."""
    return space.endswith("+")


def is_z(space: str) -> bool:
    """Whether the space lies before the mapping network."""
    return space in ("z", "z_sphere")


def to_ws(
    space: str,
    values: jax.Array,
    generator: Any,
    statistics: stats.LatentStatistics,
    labels: jax.Array | None = None,
) -> jax.Array:
    """Turns values of a space into the rows that the synthesis network takes.

    Args:
      space: one of `SPACES`.
      values: `[N, D]`, or `[N, num_ws, D]` in a space with a plus.
      generator: has `mapping` and `config`.
      statistics: of the generator; P_N needs its principal components.
      labels: `[N, c_dim]`, for Z in a conditional generator.

    Returns:
      ws `[N, num_ws, w_dim]`.
    """
    if is_z(space):
        z = on_sphere(values) if space == "z_sphere" else values
        w = generator.mapping(z) if labels is None else generator.mapping(z, labels)
    elif space.startswith("p_n"):
        w = stats.p_to_w(stats.unwhiten(values, _gaussian(statistics)))
    elif space.startswith("p"):
        w = stats.p_to_w(values)
    else:
        w = values
    return w if is_layered(space) else styles.broadcast(w, generator.config.num_ws)


def from_ws(space: str, ws: jax.Array, statistics: stats.LatentStatistics) -> jax.Array:
    """Turns ws into values of a space behind the mapping network.

    Args:
      space: any but Z, which no formula leads back to.
      ws: `[N, num_ws, w_dim]`; a space without a plus takes the mean of the rows.
      statistics: of the generator.

    Returns:
      `[N, D]`, or `[N, num_ws, D]` in a space with a plus.

    Raises:
      ValueError: the space is Z.
    """
    if is_z(space):
        raise ValueError(
            "A w cannot be mapped back to z: start an inversion in Z from `seeds`,"
            " `random`, or a saved z."
        )
    w = ws if is_layered(space) else jnp.mean(ws, axis=1)
    if space.startswith("p_n"):
        return stats.whiten(stats.w_to_p(w), _gaussian(statistics))
    return stats.w_to_p(w) if space.startswith("p") else w


def on_sphere(z: jax.Array) -> jax.Array:
    """Scales every row of z to the length `sqrt(z_dim)`."""
    norm = jnp.sqrt(jnp.sum(jnp.square(z), axis=-1, keepdims=True) + 1e-12)
    return z * (z.shape[-1] ** 0.5 / norm)


def spread(space: str, statistics: stats.LatentStatistics, generator: Any) -> jax.Array:
    """The root mean square distance of the generator's own codes from their mean.

    It scales the exploration noise: in W it is the projector's `w_std`.
    """
    if is_z(space):
        return jnp.asarray(generator.config.z_dim**0.5)
    if space.startswith("p_n"):
        return jnp.asarray(generator.config.w_dim**0.5)
    if space.startswith("p") and statistics.p is not None:
        return jnp.sqrt(jnp.sum(jnp.square(statistics.p.std)))
    return statistics.w_std


def _gaussian(statistics: stats.LatentStatistics) -> stats.Gaussian:
    if statistics.p is None:
        raise ValueError(
            "P_N needs the principal components of P: compute them with"
            " `python -m experiments.latent_statistics`."
        )
    return statistics.p
