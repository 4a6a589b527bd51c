"""Directional derivatives of functions whose operations know reverse mode only.

`jax.jvp` refuses the generators and LPIPS: convolutions, pooling and the filtered leaky
ReLU bring their own reverse rules (`jax.custom_vjp`), and JAX then has no forward rule.
The pullback of a function is linear in the cotangent, so pulling back twice pushes
forward.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError


def jvp(
    fn: Callable[..., object], primals: tuple[object, ...], tangents: tuple[object, ...]
) -> tuple[object, object]:
    """Computes what `jax.jvp` computes, for about the price of two gradients.

    Args:
      fn: from pytrees of floating-point arrays to a pytree of such arrays.
      primals: the arguments of `fn`.
      tangents: the direction, of the structure and shapes of `primals`.

    Returns:
      The value of `fn`, and its derivative along the direction.

    Raises:
      ValueError: primals and tangents differ in structure or in shapes.
    """
    shapes = [jax.tree.map(jnp.shape, x) for x in (tuple(primals), tuple(tangents))]
    if shapes[0] != shapes[1]:
        raise InputError(
            "`tangents` must have the structure and shapes of `primals`: got"
            f" {shapes[1]} for {shapes[0]}."
        )
    outputs, pullback = jax.vjp(fn, *primals)
    zeros = jax.tree.map(jnp.zeros_like, outputs)
    _, pushforward = jax.vjp(pullback, zeros)
    (pushed,) = pushforward(tuple(tangents))
    return outputs, pushed
