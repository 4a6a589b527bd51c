"""Where an encoder's pictures come from, and their codes where these are known.

A source of pairs is a function `(step, num) -> Batch`. What it returns depends on
nothing else, so that a resumed training sees what it would have seen.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.latents import sampling, styles
from jax_encoder.nn import base
from jax_encoder.training import sources
from jax_encoder.training.encoder_objective import Batch

PairSource = Callable[[int, int], Batch]


def pictures(source: sources.Source, generator: base.Generator) -> PairSource:
    """Returns a source of pictures whose codes nobody knows.

    Args:
      source: of the pictures.
      generator: tells the shape of codes.
    """
    shape = (generator.config.num_ws, generator.config.w_dim)

    def draw(step: int, num: int) -> Batch:
        return Batch(
            images=source(step, num),
            ws=jnp.zeros((num, *shape)),
            is_known=jnp.zeros(num),
        )

    return draw


def sampled(generator: object, key: jax.Array) -> PairSource:
    """Returns a source of a generator's own pictures, whose codes are known.

    Args:
      generator: unconditional.
      key: of the latents.
    """

    def draw(step: int, num: int) -> Batch:
        return _sample(generator, jax.random.fold_in(key, step), num)

    return draw


@functools.partial(jax.jit, static_argnames="num")
def _sample(generator, key, num) -> Batch:
    ws = sampling.draw(generator, key, num)
    images = jnp.clip(generator.synthesis(ws), -1.0, 1.0)
    return Batch(images=images, ws=ws, is_known=jnp.ones(num))


def mixed(parts: Sequence[tuple[PairSource, float]]) -> PairSource:
    """Returns a source that mixes others, in the same order in every batch.

    Args:
      parts: sources and their shares, which add up to one. The first gets what
        rounding leaves.

    Raises:
      ValueError: shares that are negative or do not add up to one.
    """
    shares = [share for _, share in parts]
    if not parts or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"Shares must be positive and add up to one: got {shares}.")

    def draw(step: int, num: int) -> Batch:
        counts = [round(num * share) for share in shares[1:]]
        counts.insert(0, num - sum(counts))
        drawn = [
            source(step, count)
            for (source, _), count in zip(parts, counts, strict=True)
            if count > 0
        ]
        if len(drawn) == 1:
            return drawn[0]
        return jax.tree.map(lambda *x: jnp.concatenate(x), *drawn)

    return draw


def code_metric(
    generator: base.Generator,
    key: jax.Array,
    *,
    num: int = 512,
    batch_size: int = 16,
    ridge: float = 0.05,
) -> jax.Array:
    """Measures how much a difference of w changes pictures, on the average.

    The code loss with this metric is about the mean squared difference of the pictures,
    for small differences, at none of the cost of rendering. It is the mean of
    `J^T J / (H W C)`, J the derivative of the pictures by w, from its products with
    random pictures.

    Args:
      generator: unconditional.
      key: PRNG key.
      num: latents to look at.
      batch_size: latents at once; a divisor of `num`.
      ridge: what is added to the diagonal, as a share of its mean.

    Returns:
      `[w_dim, w_dim]`, symmetric and positive.
    """
    w_dim = generator.config.w_dim
    total = jnp.zeros((w_dim, w_dim))
    for index in range(num // batch_size):
        part_key = jax.random.fold_in(key, index)
        total = total + _metric_part(generator, part_key, batch_size)
    metric = total / (num // batch_size)
    return metric + ridge * jnp.mean(jnp.diag(metric)) * jnp.eye(w_dim)


@functools.partial(jax.jit, static_argnames="num")
def _metric_part(generator, key, num):
    z_key, noise_key = jax.random.split(key)
    w = generator.mapping(jax.random.normal(z_key, (num, generator.config.z_dim)))

    def render(w):
        return generator.synthesis(styles.of_mapping(w, generator.config.num_ws))

    images, pull = jax.vjp(render, w)
    (found,) = pull(jax.random.normal(noise_key, images.shape, images.dtype))
    return found.T @ found / (num * images[0].size)
