"""The StyleGAN2 discriminator (Karras et al. 2020, arXiv:1912.04958)."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, layers, mapping
from jax_encoder.ops import upfirdn


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleGAN2DiscriminatorConfig:
    """The architecture of a StyleGAN2 discriminator.

    Attributes:
      resolution: side of the images, a power of two from 8 on.
      c_dim: width of the labels; zero for an unconditional discriminator.
      cmap_dim: width of the label projection; zero when unconditional.
      channels: feature maps at 4, 8, ..., `resolution`.
      architecture: "resnet", "skip" or "orig".
      conv_clamp: bound on the activations, for half precision; or None.
      taps: the one-dimensional resampling filter.
      group_size: samples per minibatch statistic; None: the whole batch.
      num_group_channels: channels of the minibatch statistic; zero for none.
      num_mapping_layers: dense layers of the label mapping.
      mapping_lr_multiplier: of the label mapping.
      image_channels: channels of the images.
      family: "stylegan2-discriminator".
    """

    resolution: int
    c_dim: int = 0
    cmap_dim: int = 0
    channels: tuple[int, ...]
    architecture: str = "resnet"
    conv_clamp: float | None = None
    taps: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)
    group_size: int | None = 4
    num_group_channels: int = 1
    num_mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    image_channels: int = 3
    family: str = "stylegan2-discriminator"

    def __post_init__(self):
        checks.validate(self)
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise InputError(
                f"`resolution` must be a power of two from 8 on: {self.resolution}."
            )
        if len(self.channels) != len(self.resolutions):
            raise InputError(
                f"`channels` needs one entry for each of {self.resolutions}, got"
                f" {self.channels}."
            )
        if self.architecture not in ("skip", "resnet", "orig"):
            raise InputError(
                '`architecture` must be "skip", "resnet" or "orig", got'
                f" {self.architecture!r}."
            )

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The sides of the feature maps, coarse to fine: 4, 8, ..., `resolution`."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))


def minibatch_stddev(
    x: jax.Array, *, group_size: int | None, num_channels: int = 1
) -> jax.Array:
    """Appends the deviation over groups of samples (Karras et al. 2018, Section 3).

    Args:
      x: `[N, H, W, C]`; sample i belongs to group `i mod (N / group size)`.
      group_size: samples per group; None: the whole batch.
      num_channels: channels to append.

    Returns:
      `[N, H, W, C + num_channels]`.

    Raises:
      ValueError: the batch does not divide into groups.
    """
    num, height, width, channels = x.shape
    size = num if group_size is None else min(group_size, num)
    if num % size or channels % num_channels:
        raise InputError(
            f"The batch must be a multiple of the group size: {num=}, {group_size=}"
            f" (and {channels=} of {num_channels=})."
        )
    split = (size, num // size, height, width, num_channels, channels // num_channels)
    groups = x.reshape(split)
    groups = groups - jnp.mean(groups, axis=0, keepdims=True)
    deviation = jnp.sqrt(jnp.mean(jnp.square(groups), axis=0) + 1e-8)
    statistic = jnp.mean(deviation, axis=(1, 2, 4))
    statistic = jnp.tile(statistic, (size, 1))[:, None, None, :]
    statistic = jnp.broadcast_to(statistic, (num, height, width, num_channels))
    return jnp.concatenate([x, statistic.astype(x.dtype)], axis=-1)


class DiscriminatorBlock(nnx.Module):
    """The layers of one resolution; halves it."""

    def __init__(
        self, config: StyleGAN2DiscriminatorConfig, resolution: int, *, rngs: nnx.Rngs
    ):
        index = config.resolutions.index(resolution)
        num_in, num_out = config.channels[index], config.channels[index - 1]
        shared = {"taps": config.taps, "clamp": config.conv_clamp, "rngs": rngs}
        self.architecture = config.architecture
        self.taps = config.taps
        is_first = resolution == config.resolution
        self.has_fromrgb = is_first or config.architecture == "skip"
        if self.has_fromrgb:
            self.fromrgb = layers.Conv2d(
                config.image_channels, num_in, 1, activation="lrelu", **shared
            )
        self.conv0 = layers.Conv2d(num_in, num_in, 3, activation="lrelu", **shared)
        self.conv1 = layers.Conv2d(
            num_in, num_out, 3, activation="lrelu", down=True, **shared
        )
        if config.architecture == "resnet":
            # The reference clamps activations, not the residual connection.
            self.skip = layers.Conv2d(
                num_in,
                num_out,
                1,
                use_bias=False,
                down=True,
                taps=config.taps,
                rngs=rngs,
            )

    def __call__(
        self, x: jax.Array | None, image: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Maps features `[N, H, W, I]` (None in the first block) to half the side."""
        if self.has_fromrgb:
            y = self.fromrgb(image)
            x = y if x is None else x + y
        assert x is not None
        if self.architecture == "skip":
            image = upfirdn.downsample2d(image, self.taps)
        if self.architecture == "resnet":
            half = 0.5**0.5
            residual = self.skip(x, gain=half)
            return residual + self.conv1(self.conv0(x), gain=half), image
        return self.conv1(self.conv0(x)), image


class DiscriminatorEpilogue(nnx.Module):
    """Minibatch statistic, 4x4 convolution and the dense layers."""

    def __init__(self, config: StyleGAN2DiscriminatorConfig, *, rngs: nnx.Rngs):
        width = config.channels[0]
        self.group_size = config.group_size
        self.num_group_channels = config.num_group_channels
        self.has_fromrgb = config.architecture == "skip"
        if self.has_fromrgb:
            self.fromrgb = layers.Conv2d(
                config.image_channels, width, 1, activation="lrelu", rngs=rngs
            )
        self.conv = layers.Conv2d(
            width + config.num_group_channels,
            width,
            3,
            activation="lrelu",
            clamp=config.conv_clamp,
            rngs=rngs,
        )
        self.fc = layers.FullyConnected(
            width * 16, width, activation="lrelu", rngs=rngs
        )
        self.out = layers.FullyConnected(width, config.cmap_dim or 1, rngs=rngs)

    def __call__(
        self, x: jax.Array, image: jax.Array, cmap: jax.Array | None
    ) -> jax.Array:
        """Maps `[N, 4, 4, C]` to logits `[N, 1]`."""
        if self.has_fromrgb:
            x = x + self.fromrgb(image)
        if self.num_group_channels:
            x = minibatch_stddev(
                x, group_size=self.group_size, num_channels=self.num_group_channels
            )
        x = self.conv(x).astype(jnp.float32)
        x = self.out(self.fc(x.reshape(x.shape[0], -1)))
        if cmap is None:
            return x
        scale = cmap.shape[1] ** -0.5
        return jnp.sum(x * cmap, axis=1, keepdims=True) * scale


class StyleGAN2Discriminator(nnx.Module):
    """`images, labels -> logits`; larger means more real.

    Attributes:
      config: the architecture.
      b4, b8, ...: the blocks; b4 is the epilogue.
      mapping: the label projection; conditional discriminators only.
    """

    config_class = StyleGAN2DiscriminatorConfig

    def __init__(self, config: StyleGAN2DiscriminatorConfig, *, rngs: nnx.Rngs):
        self.config = config
        for resolution in config.resolutions[:0:-1]:
            block = DiscriminatorBlock(config, resolution, rngs=rngs)
            setattr(self, f"b{resolution}", block)
        self.b4 = DiscriminatorEpilogue(config, rngs=rngs)
        if config.c_dim:
            self.mapping = mapping.StyleGAN2MappingNetwork(
                z_dim=0,
                c_dim=config.c_dim,
                w_dim=config.cmap_dim,
                num_layers=config.num_mapping_layers,
                lr_multiplier=config.mapping_lr_multiplier,
                rngs=rngs,
            )

    def __call__(
        self,
        images: jax.Array,
        labels: jax.Array | None = None,
        *,
        dtype: jnp.dtype | str = jnp.float32,
    ) -> jax.Array:
        """Judges images.

        Args:
          images: `[N, R, R, 3]` in [-1, 1].
          labels: `[N, c_dim]`; conditional discriminators only.
          dtype: of the convolutions.

        Returns:
          logits `[N, 1]`. With a minibatch statistic they depend on the batch.

        Raises:
          ValueError: the images or labels do not fit.
        """
        side = self.config.resolution
        if images.shape[1:] != (side, side, self.config.image_channels):
            raise InputError(
                f"`images` must be [N, {side}, {side}, {self.config.image_channels}],"
                f" got {images.shape}."
            )
        x, image = None, images.astype(dtype)
        for resolution in self.config.resolutions[:0:-1]:
            x, image = getattr(self, f"b{resolution}")(x, image)
        assert x is not None
        cmap = self.mapping(None, labels) if self.config.c_dim else None
        return self.b4(x, image, cmap)
