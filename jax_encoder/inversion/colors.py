"""The colors of a picture, moved to where the generator's own pictures are.

A photograph that is darker or paler than anything the generator knows pulls its code
away from faces. Shifting the mean and the deviation of each channel first, and undoing
it on the reconstruction, leaves that to arithmetic.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.inversion import rendering
from jax_encoder.latents import sampling
from jax_encoder.nn import base

_BATCH = 8


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Colors:
    """Mean and standard deviation per channel.

    Attributes:
      mean: `[N, 3]`, or `[1, 3]` for a whole set.
      std: likewise.
    """

    mean: jax.Array
    std: jax.Array


def of_each(images: jax.Array) -> Colors:
    """Returns the colors of every picture of `[N, H, W, 3]`."""
    return Colors(mean=jnp.mean(images, (1, 2)), std=jnp.std(images, (1, 2)))


def of_all(images: jax.Array) -> Colors:
    """Returns the typical colors of pictures `[N, H, W, 3]`: the mean over them."""
    each = of_each(images)
    return Colors(
        mean=jnp.mean(each.mean, axis=0, keepdims=True),
        std=jnp.mean(each.std, axis=0, keepdims=True),
    )


def of_generator(
    generator: base.Generator,
    *,
    num_pictures: int = 64,
    seed: int = 0,
    labels: jax.Array | None = None,
) -> Colors:
    """Returns the typical colors of a generator's own pictures.

    Args:
      generator: StyleGAN 1, 2 or 3.
      num_pictures: random ones, without truncation; rounded up to whole batches.
      seed: of the sample.
      labels: `[1, c_dim]`; conditional generators only.

    Returns:
      Colors of `[1, 3]`.
    """
    num_batches = -(-num_pictures // _BATCH)
    keys = jax.random.split(jax.random.key(seed), num_batches)
    parts = [_of_sample(generator, key, labels) for key in keys]
    return jax.tree.map(lambda *x: sum(x) / num_batches, *parts)


@jax.jit
def _of_sample(generator, key, labels):
    ws = sampling.draw(generator, key, _BATCH, labels=labels)
    return of_all(jnp.clip(rendering.render(generator, ws), -1.0, 1.0))


def move(images: jax.Array, source: Colors, target: Colors) -> jax.Array:
    """Gives pictures of the colors `source` the colors `target`.

    Args:
      images: `[N, H, W, 3]`.
      source: of the pictures.
      target: to give them; swap the two to undo it.

    Returns:
      `[N, H, W, 3]`, not clamped.
    """
    centered = images - source.mean[:, None, None]
    scale = target.std / jnp.maximum(source.std, 1e-3)
    return centered * scale[:, None, None] + target.mean[:, None, None]


def as_array(images: jax.Array, generator: Colors) -> jax.Array:
    """Returns what tells how pictures were moved, to be kept with their codes.

    Args:
      images: `[N, H, W, 3]` as they came.
      generator: the colors that they were given, of `[1, 3]`.

    Returns:
      `[N, 2, 2, 3]`: the picture's and the generator's; of each, mean and deviation.
    """
    own = of_each(images)
    rows = [own.mean, own.std, generator.mean, generator.std]
    table = jnp.stack([jnp.broadcast_to(row, own.mean.shape) for row in rows], axis=1)
    return table.reshape(-1, 2, 2, images.shape[-1])


def from_array(table: jax.Array) -> tuple[Colors, Colors]:
    """Reads `[N, 2, 2, 3]` of `as_array`: the pictures' and the generator's colors."""
    own, generator = table[:, 0], table[:, 1]
    return (
        Colors(mean=own[:, 0], std=own[:, 1]),
        Colors(mean=generator[:, 0], std=generator[:, 1]),
    )
