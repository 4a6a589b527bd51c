"""Paths between codes: great circles and straight lines."""

import jax
import jax.numpy as jnp


def slerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """Goes along the great circle from `a` to `b`.

    Args:
      a: `[..., D]`; its length does not matter.
      b: of the same shape.
      t: `[..., 1]`, 0 at `a` and 1 at `b`.

    Returns:
      `[..., D]` of unit length.
    """
    a, b = _unit(a), _unit(b)
    cosine = jnp.sum(a * b, axis=-1, keepdims=True)
    angle = t * jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    tangent = b - cosine * a
    length = jnp.linalg.norm(tangent, axis=-1, keepdims=True)
    tangent = tangent / jnp.where(length == 0, 1.0, length)
    return _unit(a * jnp.cos(angle) + tangent * jnp.sin(angle))


def lerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """Goes along the straight line from `a` `[..., D]` to `b`; `t` as of `slerp`."""
    return a + (b - a) * t


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)
