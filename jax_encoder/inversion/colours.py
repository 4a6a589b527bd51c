"""The colours of a picture, moved to where the generator's own pictures are.

A photograph that is darker or paler than anything the generator knows pulls its code
away from faces. Shifting the mean and the deviation of each channel first, and undoing
it on the reconstruction, leaves that to arithmetic.
"""

import dataclasses

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Colours:
    """Mean and standard deviation per channel.

    Attributes:
      mean: `[N, 3]`, or `[1, 3]` for a whole set.
      std: likewise.
    """

    mean: jax.Array
    std: jax.Array


def of_each(images: jax.Array) -> Colours:
    """Returns the colours of every picture of `[N, H, W, 3]`."""
    return Colours(mean=jnp.mean(images, (1, 2)), std=jnp.std(images, (1, 2)))


def of_all(images: jax.Array) -> Colours:
    """Returns the typical colours of a set: the mean over its pictures."""
    each = of_each(images)
    return Colours(
        mean=jnp.mean(each.mean, axis=0, keepdims=True),
        std=jnp.mean(each.std, axis=0, keepdims=True),
    )


def move(images: jax.Array, source: Colours, target: Colours) -> jax.Array:
    """Gives pictures of the colours `source` the colours `target`.

    Args:
      images: `[N, H, W, 3]`.
      source: of the pictures.
      target: to give them; swap the two to undo it.

    Returns:
      `[N, H, W, 3]`, not clamped.
    """
    centred = images - source.mean[:, None, None]
    scale = target.std / jnp.maximum(source.std, 1e-3)
    return centred * scale[:, None, None] + target.mean[:, None, None]
