"""Pictures that a generator draws for its training, and what some of them should be."""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.nn import stylegan2
from jax_encoder.training import mixing, pyramid

Sharding = jax.sharding.NamedSharding | None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Fakes:
    """A batch.

    Attributes:
      images: `[N, H, W, 3]`.
      w: `[N, w_dim]` of the first parents.
      is_single: `[N]`, whether there is but one parent.
    """

    images: jax.Array
    w: jax.Array
    is_single: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Lesson:
    """Pictures that latents of the first parents shall give, where these are known.

    They keep a generator that was taught by regression from forgetting
    it while the discriminator teaches it what regression cannot: sharpness.

    Attributes:
      z: `[N, z_dim]`.
      targets: `[N, R, R, 3]`; those of fakes with two parents do not count.
    """

    z: jax.Array
    targets: jax.Array


def draw(
    generator: stylegan2.StyleGAN2Generator,
    key: jax.Array,
    num: int,
    *,
    mixing_probability: float,
    dtype: jnp.dtype | str = "float32",
    sharding: Sharding = None,
    z: jax.Array | None = None,
) -> Fakes:
    """Draws a batch of fakes with style mixing and fresh noise.

    Args:
      generator: draws them.
      key: PRNG key.
      num: how many.
      mixing_probability: share of those with two parents.
      dtype: of the convolutions.
      sharding: how batches lie on the devices; None for one device.
      z: `[N, z_dim]` of the first parents; default: random.
    """
    ws_key, noise_key = jax.random.split(key)
    ws, w, is_single = draw_ws(
        generator,
        ws_key,
        num,
        mixing_probability=mixing_probability,
        sharding=sharding,
        z=z,
    )
    noise = draw_noise(generator.config, noise_key, num)
    images = generator.synthesis(ws, noise, dtype=dtype)
    return Fakes(images=images, w=w, is_single=is_single)


def draw_ws(
    generator: stylegan2.StyleGAN2Generator,
    key: jax.Array,
    num: int,
    *,
    mixing_probability: float,
    sharding: Sharding = None,
    z: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draws latents; the arguments are those of `draw`.

    Returns:
      ws `[N, num_ws, w_dim]`, w `[N, w_dim]` of the first parents, and whether there is
      but one `[N]`.
    """
    z_key, cutoff_key = jax.random.split(key)
    parents = jax.random.normal(z_key, (2, num, generator.config.z_dim))
    if z is not None:
        parents = jnp.stack([z, parents[1]])
    num_ws = generator.config.num_ws
    cutoffs = mixing.draw_cutoffs(cutoff_key, num, num_ws, mixing_probability)
    first, second = (generator.mapping(spread(half, sharding)) for half in parents)
    return mixing.mix(first, second, cutoffs, num_ws), first, cutoffs >= num_ws


def draw_noise(
    config: stylegan2.StyleGAN2Config, key: jax.Array, num: int
) -> list[jax.Array]:
    """Draws noise maps `[N, H, W]`, one for every noisy layer."""
    keys = jax.random.split(key, len(config.noise_shapes))
    return [
        jax.random.normal(one, (num, *shape))
        for one, shape in zip(keys, config.noise_shapes, strict=True)
    ]


def lesson_error(drawn: Fakes, lesson: Lesson) -> jax.Array:
    """Returns `pyramid.distance`, a scalar: a mean in which two parents count zero.

    Args:
      drawn: from the lesson's z.
      lesson: what they should be.
    """
    counts = drawn.is_single[:, None, None, None]
    images = jnp.where(counts, drawn.images, lesson.targets)
    return pyramid.distance(images, lesson.targets)


def spread(batch: jax.Array, sharding: Sharding) -> jax.Array:
    """Asks for a batch `[N, ...]` to be spread over the devices."""
    if sharding is None:
        return batch
    return jax.lax.with_sharding_constraint(batch, sharding)
