"""Networks with random weights, in the published widths or in small."""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import (
    base,
    lpips,
    stylegan1,
    stylegan2,
    stylegan2_discriminator,
    stylegan3,
    stylegan3_config,
    vgg,
)

T = TypeVar("T")
_SMALL = 16


def _widths(base: int, resolution: int, size: str) -> tuple[int, ...]:
    limit = _SMALL if size == "small" else 512
    sides = range(2, resolution.bit_length())
    return tuple(min(base >> side, limit) for side in sides)


def _vgg_channels(size: str) -> tuple[tuple[int, ...], ...]:
    return vgg.VGG16_CHANNELS if size == "full" else ((_SMALL,), (_SMALL,))


def _kept(num: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Keeps the last results, each made by one thread while others wait for it."""

    def wrap(make: Callable[..., T]) -> Callable[..., T]:
        cached, lock = functools.lru_cache(maxsize=num)(make), threading.Lock()

        @functools.wraps(make)
        def get(*args):
            with lock:
                return cached(*args)

        return get

    return wrap


@_kept(4)
def generator(family: str, resolution: int, size: str = "full") -> base.Network:
    """Returns a generator: the configuration F of StyleGAN2, T of StyleGAN3.

    Args:
      family: "stylegan1", "stylegan2" or "stylegan3".
      resolution: of the pictures.
      size: "full" or "small".
    """
    rngs = nnx.Rngs(0)
    narrow: dict[str, Any] = (
        {"z_dim": _SMALL, "w_dim": _SMALL} if size == "small" else {}
    )
    if family == "stylegan1":
        widths = _widths(16384, resolution, size)
        config1 = stylegan1.StyleGAN1Config(
            resolution=resolution, channels=(widths[0], *widths), **narrow
        )
        return stylegan1.StyleGAN1Generator(config1, rngs=rngs)
    if family == "stylegan2":
        widths = _widths(32768, resolution, size)
        config2 = stylegan2.StyleGAN2Config(
            resolution=resolution, channels=widths, **narrow
        )
        return stylegan2.StyleGAN2Generator(config2, rngs=rngs)
    limit: dict[str, Any] = (
        {"channel_max": _SMALL, "num_layers": 6} if size == "small" else {}
    )
    config3 = stylegan3_config.StyleGAN3Config(resolution=resolution, **narrow, **limit)
    return stylegan3.StyleGAN3Generator(config3, rngs=rngs)


@_kept(1)
def discriminator(
    resolution: int, size: str = "full"
) -> stylegan2_discriminator.StyleGAN2Discriminator:
    """Returns StyleGAN2's discriminator."""
    config = stylegan2_discriminator.StyleGAN2DiscriminatorConfig(
        resolution=resolution, channels=_widths(32768, resolution, size)
    )
    return stylegan2_discriminator.StyleGAN2Discriminator(config, rngs=nnx.Rngs(1))


@_kept(1)
def distance(size: str = "full") -> lpips.LPIPS:
    """Returns LPIPS on VGG16."""
    config = lpips.LPIPSConfig(channels=_vgg_channels(size))
    return lpips.LPIPS(config, rngs=nnx.Rngs(2))


@_kept(1)
def vgg16(size: str = "full") -> vgg.VGG:
    """Returns VGG16's convolutions."""
    return vgg.VGG(vgg.VGGConfig(channels=_vgg_channels(size)), rngs=nnx.Rngs(2))


def latents(network: base.Network, batch: int) -> jax.Array:
    """Returns fixed `ws` `[N, num_ws, w_dim]`."""
    shape = (batch, network.config.num_ws, network.config.w_dim)
    return nnx.Rngs(3).params.normal(shape).astype(jnp.float32)
