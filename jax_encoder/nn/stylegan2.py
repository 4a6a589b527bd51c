"""The StyleGAN2 generator (Karras et al. 2020, arXiv:1912.04958).

Images are `[N, H, W, 3]`, RGB, nominally in [-1, 1], not clamped.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, feature_maps, layers, mapping
from jax_encoder.nn import noise as noise_maps
from jax_encoder.nn import rematerialize as rematerialize
from jax_encoder.nn.variables import Buffer, NoiseConst
from jax_encoder.ops import activation, modulation, upfirdn

Noise = noise_maps.Noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleGAN2Config:
    """The architecture of a StyleGAN2 generator.

    Attributes:
      resolution: side of the images, a power of two from 8 on.
      z_dim, w_dim: widths of z and w.
      c_dim: width of the labels; zero for an unconditional generator.
      channels: feature maps at 4, 8, ..., `resolution`.
      num_mapping_layers: dense layers of the mapping network.
      lr_multiplier: of the mapping network.
      embed_dim, hidden_dim: widths inside the mapping network; default `w_dim`.
      architecture: how RGB is collected: "skip", "resnet" or "orig" (Figure 7).
      conv_clamp: bound on the activations, for half precision; or None.
      taps: the one-dimensional resampling filter.
      image_channels: channels of the images.
      w_avg_source: where the mean latent comes from: "file", "estimated", "training".
      family: "stylegan2".
    """

    resolution: int
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    channels: tuple[int, ...]
    num_mapping_layers: int = 8
    lr_multiplier: float = 0.01
    embed_dim: int | None = None
    hidden_dim: int | None = None
    architecture: str = "skip"
    conv_clamp: float | None = None
    taps: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)
    image_channels: int = 3
    w_avg_source: str = "file"
    family: str = "stylegan2"

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

    @property
    def num_ws(self) -> int:
        """How many rows of w the synthesis network takes."""
        return 2 * len(self.resolutions)

    @property
    def render_resolutions(self) -> tuple[int, ...]:
        """The sides at which pictures can be rendered, coarse to fine.

        With output skips coarse pictures are sums of outputs; without, there is only
        the full one.
        """
        return tuple(side for side in self.resolutions if self.has_torgb(side))

    @property
    def noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """The sides of the noise maps, coarse to fine."""
        sides = [4] + [r for r in self.resolutions[1:] for _ in range(2)]
        return tuple((side, side) for side in sides)

    @property
    def feature_layers(self) -> tuple[feature_maps.FeatureLayer, ...]:
        """The maps that can be changed, coarse to fine: of every block but the last."""
        sides = zip(self.resolutions[:-1], self.channels[:-1], strict=True)
        return tuple(
            feature_maps.FeatureLayer(
                side=side,
                shape=(side, side, channels),
                num_rows=1 + 2 * index,
                stage=side,
            )
            for index, (side, channels) in enumerate(sides)
        )

    def has_torgb(self, resolution: int) -> bool:
        """Whether the block of this resolution contributes to the image."""
        return self.architecture == "skip" or resolution == self.resolution


class StyleGAN2SynthesisLayer(nnx.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU (Figure 2d).

    Attributes:
      affine: w to styles.
      weight: `[3, 3, I, O]`.
      noise_const: `[H, W]`.
      noise_strength: scalar.
      bias: `[O]`.
      transformed: of the weight, in copies that `frozen.prepare` made.
    """

    transformed: Buffer | None = None

    def __init__(
        self,
        config: StyleGAN2Config,
        num_in: int,
        num_out: int,
        resolution: int,
        *,
        up: bool,
        rngs: nnx.Rngs,
    ):
        self.affine = layers.FullyConnected(
            config.w_dim, num_in, bias_init=1.0, rngs=rngs
        )
        self.weight = nnx.Param(rngs.params.normal((3, 3, num_in, num_out)))
        self.noise_const = NoiseConst(rngs.params.normal((resolution, resolution)))
        self.noise_strength = nnx.Param(jnp.zeros(()))
        self.bias = nnx.Param(jnp.zeros((num_out,)))
        self.up = up
        self.taps = config.taps
        self.clamp = config.conv_clamp

    def __call__(
        self, x: jax.Array, w: jax.Array, noise: jax.Array | str, gain: float = 1.0
    ) -> jax.Array:
        """Maps `[N, H, W, I]` and w `[N, w_dim]` to `[N, H', W', O]`."""
        styles = self.affine(w)
        x = modulation.modulated_conv2d(
            x,
            self.weight[...],
            styles,
            up=self.up,
            taps=self.taps,
            transformed=None if self.transformed is None else self.transformed[...],
        )
        if not isinstance(noise, str) or noise == "const":
            plane = self.noise_const[...] if isinstance(noise, str) else noise
            plane = plane * self.noise_strength[...]
            plane = plane[None] if plane.ndim == 2 else plane
            x = x + plane[..., None].astype(x.dtype)
        return activation.bias_act(
            x, self.bias[...], activation="lrelu", gain=gain, clamp=self.clamp
        )


class StyleGAN2ToRGB(nnx.Module):
    """Modulated 1x1 convolution to RGB, without demodulation."""

    def __init__(self, config: StyleGAN2Config, num_in: int, *, rngs: nnx.Rngs):
        shape = (1, 1, num_in, config.image_channels)
        self.affine = layers.FullyConnected(
            config.w_dim, num_in, bias_init=1.0, rngs=rngs
        )
        self.weight = nnx.Param(rngs.params.normal(shape))
        self.bias = nnx.Param(jnp.zeros((config.image_channels,)))
        self.clamp = config.conv_clamp

    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        """Maps features `[N, H, W, I]` and w `[N, w_dim]` to `[N, H, W, 3]`."""
        styles = self.affine(w) / self.weight.shape[2] ** 0.5
        y = modulation.modulated_conv2d(
            x, self.weight[...], styles, demodulate=False
        ).astype(jnp.float32)
        return activation.bias_act(y, self.bias[...], clamp=self.clamp)


class StyleGAN2SynthesisBlock(nnx.Module):
    """The layers of one resolution.

    Attributes:
      const: `[4, 4, C]`, the learnt input; in the first block only.
      conv0: the upsampling layer; absent in the first block.
      conv1: the second layer.
      torgb: where the architecture collects RGB here.
      skip: the residual connection; architecture "resnet" only.
    """

    def __init__(self, config: StyleGAN2Config, resolution: int, *, rngs: nnx.Rngs):
        index = config.resolutions.index(resolution)
        num_in, num_out = config.channels[max(index - 1, 0)], config.channels[index]
        self.is_first = resolution == 4
        self.has_torgb = config.has_torgb(resolution)
        self.has_skip = config.architecture == "resnet" and not self.is_first
        self.taps = config.taps
        if self.is_first:
            self.const = nnx.Param(rngs.params.normal((4, 4, num_out)))
        else:
            self.conv0 = StyleGAN2SynthesisLayer(
                config, num_in, num_out, resolution, up=True, rngs=rngs
            )
        self.conv1 = StyleGAN2SynthesisLayer(
            config, num_out, num_out, resolution, up=False, rngs=rngs
        )
        if self.has_torgb:
            self.torgb = StyleGAN2ToRGB(config, num_out, rngs=rngs)
        if self.has_skip:
            self.skip = layers.Conv2d(
                num_in, num_out, 1, use_bias=False, up=True, taps=config.taps, rngs=rngs
            )

    @property
    def num_convs(self) -> int:
        """How many rows of w the convolutions take; RGB takes the next one."""
        return 1 if self.is_first else 2

    def __call__(
        self,
        x: jax.Array,
        image: jax.Array | None,
        ws: Sequence[jax.Array],
        noises: Sequence[jax.Array | str],
        features: jax.Array | None = None,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Runs the layers of the block.

        Args:
          x: `[N, H/2, W/2, C]` features of the block before; the constant in the first.
          image: `[N, H/2, W/2, 3]` RGB so far, or None.
          ws: one `[N, w_dim]` per convolution and one for RGB.
          noises: one entry per convolution.
          features: `[N, H, W, C]` added to the block's own, before RGB; or None.

        Returns:
          features `[N, H, W, C]` and RGB `[N, H, W, 3]` (None if none so far).
        """
        if self.is_first:
            x = self.conv1(x, ws[0], noises[0])
        elif self.has_skip:
            half = 0.5**0.5
            residual = self.skip(x, gain=half)
            x = self.conv0(x, ws[0], noises[0])
            x = residual + self.conv1(x, ws[1], noises[1], gain=half)
        else:
            x = self.conv0(x, ws[0], noises[0])
            x = self.conv1(x, ws[1], noises[1])
        x = feature_maps.add(x, features)
        if image is not None:
            image = upfirdn.upsample2d(image, self.taps)
        if self.has_torgb:
            rgb = self.torgb(x, ws[self.num_convs])
            image = rgb if image is None else image + rgb
        return x, image


class StyleGAN2SynthesisNetwork(nnx.Module):
    """`ws -> images`."""

    def __init__(self, config: StyleGAN2Config, *, rngs: nnx.Rngs):
        self.config = config
        for resolution in config.resolutions:
            block = StyleGAN2SynthesisBlock(config, resolution, rngs=rngs)
            setattr(self, f"b{resolution}", block)

    def __call__(
        self,
        ws: jax.Array,
        noise: Noise = "const",
        *,
        resolution: int | None = None,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
        features: jax.Array | None = None,
    ) -> jax.Array:
        """Renders images.

        Args:
          ws: `[N, num_ws, w_dim]`.
          noise: "const" (the maps of the checkpoint), "none", or one `[H, W]` or
            `[N, H, W]` map per noisy layer, coarse to fine.
          resolution: stop at this side; architecture "skip" only. Later rows of `ws`
            and later noise maps are then unused.
          dtype: of the convolutions; latents, styles and RGB stay in float32.
          remat_from: maps of this side and above are not kept for a gradient but
            computed again; None: all are kept.
          features: `[N, H, W, C]` added to the map of this shape, one of
            `config.feature_layers`; None: nothing is.

        Returns:
          images `[N, R, R, 3]`, nominally in [-1, 1], not clamped.

        Raises:
          ValueError: `ws`, `noise`, `resolution` or `features` do not fit the network.
        """
        resolution = resolution or self.config.resolution
        if resolution not in self.config.render_resolutions:
            raise InputError(
                f"`resolution` must be one of {self.config.resolutions} (the last one"
                f' unless the architecture is "skip"), got {resolution}.'
            )
        stages = self.stages(
            ws, noise, dtype=dtype, remat_from=remat_from, features=features
        )
        for side, _, image in stages:
            if side == resolution:
                assert image is not None
                return image
        raise AssertionError("unreachable")

    def affine_layers(self, *, with_rgb: bool = False) -> list[layers.FullyConnected]:
        """Returns the layers from w to styles, coarse to fine.

        Args:
          with_rgb: also those of RGB, each after the convolutions of its block.
        """
        names = ("conv0", "conv1", "torgb") if with_rgb else ("conv0", "conv1")
        blocks = [getattr(self, f"b{side}") for side in self.config.resolutions]
        return [
            getattr(block, name).affine
            for block in blocks
            for name in names
            if hasattr(block, name)
        ]

    def stages(
        self,
        ws: jax.Array,
        noise: Noise = "const",
        *,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
        features: jax.Array | None = None,
    ) -> Iterator[tuple[int, jax.Array, jax.Array | None]]:
        """Yields (resolution, features, RGB so far) of ws `[N, num_ws, w_dim]`."""
        config = self.config
        if ws.ndim != 3 or ws.shape[1:] != (config.num_ws, config.w_dim):
            raise InputError(
                f"`ws` must be [N, {config.num_ws}, {config.w_dim}], got {ws.shape}."
            )
        noises = noise_maps.select(noise, config.noise_shapes)
        changed = feature_maps.changed_layer(config, features, len(ws))
        const = getattr(self, "b4").const[...].astype(dtype)  # noqa: B009
        x = jnp.broadcast_to(const[None], (ws.shape[0], *const.shape))
        image, row, plane = None, 0, 0
        for resolution in config.resolutions:
            block = getattr(self, f"b{resolution}")
            count = block.num_convs
            rows = [ws[:, row + k] for k in range(count + 1) if row + k < config.num_ws]
            is_changed = changed is not None and changed.stage == resolution
            run = functools.partial(
                block,
                noises=noises[plane : plane + count],
                features=features if is_changed else None,
            )
            run = rematerialize.from_side(run, resolution, remat_from)
            x, image = run(x, image, rows)
            row, plane = row + count, plane + count
            yield resolution, x, image


class StyleGAN2Generator(nnx.Module):
    """A StyleGAN2 generator: mapping, synthesis and the mean latent.

    Attributes:
      config: the architecture.
      mapping: `z, labels -> w`.
      synthesis: `ws -> images`.
      w_avg: `[w_dim]`, the mean of w.
    """

    config_class = StyleGAN2Config

    def __init__(self, config: StyleGAN2Config, *, rngs: nnx.Rngs):
        self.config = config
        self.mapping = mapping.StyleGAN2MappingNetwork(
            z_dim=config.z_dim,
            c_dim=config.c_dim,
            w_dim=config.w_dim,
            num_layers=config.num_mapping_layers,
            lr_multiplier=config.lr_multiplier,
            embed_dim=config.embed_dim,
            hidden_dim=config.hidden_dim,
            rngs=rngs,
        )
        self.synthesis = StyleGAN2SynthesisNetwork(config, rngs=rngs)
        self.w_avg = Buffer(jnp.zeros((config.w_dim,)))
