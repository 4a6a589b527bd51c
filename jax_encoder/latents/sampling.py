"""Codes drawn from a generator: latents, labels, the mapping network, truncation."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.latents import styles
from jax_encoder.nn import base


def draw(
    generator: base.Generator,
    key: jax.Array,
    num: int,
    *,
    labels: jax.Array | None = None,
    psi: float | None = None,
    cutoff: int | None = None,
) -> jax.Array:
    """Draws random codes.

    Args:
      generator: StyleGAN 1, 2 or 3.
      key: PRNG key.
      num: how many codes.
      labels: `[1, c_dim]` or `[num, c_dim]`; conditional generators only.
      psi: truncation; None for none.
      cutoff: rows to truncate; None: all of them.

    Returns:
      ws `[num, num_ws, w_dim]`.
    """
    z = jax.random.normal(key, (num, generator.config.z_dim))
    ws = map_to_ws(generator, z, labels)
    if psi is None:
        return ws
    return styles.truncate(ws, generator.w_avg[...], psi, cutoff)


def map_to_ws(
    generator: base.Generator, z: jax.Array, labels: jax.Array | None = None
) -> jax.Array:
    """Maps latents to codes with one row for all layers.

    Args:
      generator: StyleGAN 1, 2 or 3.
      z: `[N, z_dim]`.
      labels: `[1, c_dim]` or `[N, c_dim]`; conditional generators only.

    Returns:
      ws `[N, num_ws, w_dim]`.
    """
    labels = broadcast_labels(labels, z.shape[0])
    w = generator.mapping(z) if labels is None else generator.mapping(z, labels)
    return styles.of_mapping(w, generator.config.num_ws)


def draw_labels(
    config: base.GeneratorConfig, key: jax.Array, num: int
) -> jax.Array | None:
    """Draws classes evenly.

    Args:
      config: the generator's.
      key: PRNG key.
      num: how many labels.

    Returns:
      `[num, c_dim]` with a one each, or None for generators without classes.
    """
    if not config.c_dim:
        return None
    classes = jax.random.randint(key, (num,), 0, config.c_dim)
    return jax.nn.one_hot(classes, config.c_dim)


def broadcast_labels(labels: jax.Array | None, num: int) -> jax.Array | None:
    """Gives every picture a label.

    Args:
      labels: `[1, c_dim]` or `[num, c_dim]`; None for generators without classes.
      num: pictures.

    Returns:
      `[num, c_dim]`, or None.

    Raises:
      ValueError: the labels are for another number of pictures.
    """
    if labels is None:
        return None
    if labels.ndim != 2 or labels.shape[0] not in (1, num):
        raise InputError(
            f"`labels` must be [1, c_dim] or [{num}, c_dim], got {labels.shape}."
        )
    return jnp.broadcast_to(labels, (num, labels.shape[1]))


def class_label(config: base.GeneratorConfig, index: int | None) -> jax.Array | None:
    """Makes the label of a class.

    Args:
      config: the generator's.
      index: of the class; None without one.

    Returns:
      `[1, c_dim]` with a one at the index, or None.

    Raises:
      ValueError: the generator has no such class.
    """
    if index is None:
        return None
    if not 0 <= index < config.c_dim:
        raise InputError(
            f"The generator has {config.c_dim} classes, so there is no class {index}."
        )
    return jax.nn.one_hot(jnp.asarray([index]), config.c_dim)


def seeded_z(config: base.GeneratorConfig, seeds: Sequence[int]) -> np.ndarray:
    """Draws the latents that NVIDIA's scripts draw for a seed.

    Args:
      config: the generator's.
      seeds: one for every latent.

    Returns:
      z `[N, z_dim]`, float32.
    """
    rows = [np.random.RandomState(seed).randn(config.z_dim) for seed in seeds]
    return np.stack(rows).astype(np.float32)
