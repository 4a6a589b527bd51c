"""Norms whose gradient is finite everywhere."""

import jax
import jax.numpy as jnp


def absolute(x: jax.Array) -> jax.Array:
    """Absolute values, elementwise, with the gradient zero at zero."""
    return jnp.where(x == 0, 0.0, jnp.abs(x))


def safe_norm(x: jax.Array, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """Euclidean norm with the gradient zero, not NaN, at zero.

    Args:
      x: any array.
      axis: the axes that the norm removes.

    Returns:
      `x` without those axes.
    """
    squares = jnp.sum(jnp.square(x), axis=axis)
    is_zero = squares == 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, squares)))


def safe_normalize(x: jax.Array, axis: int = -1) -> jax.Array:
    """Divides by the Euclidean norm; zero vectors stay zero, with gradient zero.

    Args:
      x: any array.
      axis: the axis along which the result has unit length.

    Returns:
      Of the shape of `x`.
    """
    squares = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    is_zero = squares == 0
    scale = jax.lax.rsqrt(jnp.where(is_zero, 1.0, squares))
    return x * jnp.where(is_zero, 0.0, scale)
