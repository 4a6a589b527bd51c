"""Bias, leaky ReLU, gain and clamp: the end of every StyleGAN layer."""

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError

SLOPE = 0.2
SQRT2 = 2.0**0.5


def bias_act(
    x: jax.Array,
    bias: jax.Array | None,
    *,
    activation: str = "linear",
    gain: float = 1.0,
    clamp: float | None = None,
) -> jax.Array:
    """Adds a bias per channel, activates, scales and clamps.

    Args:
      x: `[..., C]`.
      bias: `[C]`, or None.
      activation: "lrelu" (slope 0.2, times sqrt 2) or "linear".
      gain: applied after the activation; scales the clamp likewise.
      clamp: bound on the magnitude before `gain`, or None.

    Returns:
      An array like `x`.

    Raises:
      ValueError: the activation is unknown.
    """
    if bias is not None:
        x = x + bias.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
    limit = None if clamp is None else clamp * gain
    if activation == "lrelu":
        gain *= SQRT2
        x = x * jnp.where(x >= 0, gain, gain * SLOPE)
    elif activation != "linear":
        raise InputError(f'`activation` must be "lrelu" or "linear": {activation!r}.')
    elif gain != 1.0:
        x = x * gain
    return x if limit is None else jnp.clip(x, -limit, limit)


def normalize_second_moment(x: jax.Array, *, epsilon: float = 1e-8) -> jax.Array:
    """Scales every row of `[N, C]` to a mean square of one ("pixel norm")."""
    moment = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(moment + epsilon)
