"""Growing a generator by further blocks (after Karras et al. 2018, arXiv:1710.10196).

With output skips a larger picture is the smaller one, enlarged, plus what the new block
adds. While that is nothing, the grown generator draws what the old one drew; training
goes on from there.
"""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import stylegan2


def grow(
    generator: stylegan2.StyleGAN2Generator, channels: Sequence[int], *, seed: int = 0
) -> stylegan2.StyleGAN2Generator:
    """Adds a block for every further doubling of the side.

    Args:
      generator: with architecture "skip"; stays as it is.
      channels: feature maps of the new blocks, coarse to fine; one doubles the side,
        two make it four times as large.
      seed: of the new weights.

    Returns:
      a generator whose pictures are those of the old one, enlarged by its resampling
      filter, until the new blocks have learnt something.

    Raises:
      ValueError: another architecture, or no channels.
    """
    config = generator.config
    if config.architecture != "skip":
        raise InputError(
            'Only generators with architecture "skip" grow: this one has'
            f' "{config.architecture}".'
        )
    if not channels:
        raise InputError("`channels` needs an entry for every new block: got none.")
    wider = dataclasses.replace(
        config,
        resolution=config.resolution << len(channels),
        channels=(*config.channels, *channels),
    )
    grown = stylegan2.StyleGAN2Generator(wider, rngs=nnx.Rngs(seed))
    old = nnx.clone(generator)
    grown.mapping, grown.w_avg = old.mapping, old.w_avg
    for side in wider.resolutions:
        name = f"b{side}"
        if side <= config.resolution:
            setattr(grown.synthesis, name, getattr(old.synthesis, name))
        else:
            torgb = getattr(grown.synthesis, name).torgb
            torgb.weight[...] = jnp.zeros_like(torgb.weight[...])
    return grown
