"""The StyleGAN1 generator (Karras et al. 2019, arXiv:1812.04948).

Weights are stored unscaled and multiplied at run time by gain / sqrt(fan in), as the
official networks do. Images are `[N, H, W, 3]`, nominally in [-1, 1], not clamped.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, layers
from jax_encoder.nn import noise as noise_maps
from jax_encoder.nn import rematerialize as rematerialize
from jax_encoder.nn.variables import Buffer, NoiseConst
from jax_encoder.ops import activation, convolution, upscale

FUSED_FROM = 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleGAN1Config:
    """The architecture of a StyleGAN1 generator.

    Attributes:
      resolution: side of the images, a power of two from 8 on.
      z_dim, w_dim: widths of z and w.
      c_dim: always 0; the published generators take no labels.
      channels: feature maps of the constant, then at 4, 8, ..., `resolution`.
      num_mapping_layers: dense layers of the mapping network.
      lr_multiplier: of the mapping network.
      hidden_dim: width inside the mapping network; default `w_dim`.
      num_mapped_ws: rows of w that the mapping network gives: 1 for all layers, or one
        for each (in-domain inversion, Zhu et al. 2020, arXiv:2004.00049).
      has_tanh: the pictures pass through tanh (likewise).
      fused_scale: True, False or "auto": which upsampling layers use the transposed
        convolution ("auto": those of 128 pixels and more).
      lod: default level of detail; k replaces the last k blocks by enlarging.
      image_channels: channels of the images.
      w_avg_source: where the mean latent comes from: "file", "estimated", "training".
      family: "stylegan1".
    """

    resolution: int
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    channels: tuple[int, ...]
    num_mapping_layers: int = 8
    lr_multiplier: float = 0.01
    hidden_dim: int | None = None
    num_mapped_ws: int = 1
    has_tanh: bool = False
    fused_scale: bool | str = "auto"
    lod: float = 0.0
    image_channels: int = 3
    w_avg_source: str = "file"
    family: str = "stylegan1"

    def __post_init__(self):
        checks.validate(self)
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise InputError(
                f"`resolution` must be a power of two from 8 on: {self.resolution}."
            )
        if self.c_dim:
            raise InputError(f"StyleGAN1 takes no labels: got {self.c_dim=}.")
        if self.fused_scale not in (True, False, "auto"):
            raise InputError(
                f'`fused_scale` must be True, False or "auto": {self.fused_scale!r}.'
            )
        if self.num_mapped_ws not in (1, self.num_ws):
            raise InputError(
                f"`num_mapped_ws` must be 1 or {self.num_ws}: {self.num_mapped_ws}."
            )
        if len(self.channels) != len(self.resolutions) + 1:
            raise InputError(
                "`channels` needs one entry for the constant and one for each of"
                f" {self.resolutions}, got {self.channels}."
            )

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The sides of the feature maps, coarse to fine: 4, 8, ..., `resolution`."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))

    @property
    def num_ws(self) -> int:
        """How many rows of w the synthesis network takes: one per layer."""
        return 2 * len(self.resolutions)

    @property
    def render_resolutions(self) -> tuple[int, ...]:
        """The sides at which pictures can be rendered: the full one only."""
        return (self.resolution,)

    @property
    def noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """The sides of the noise maps, coarse to fine."""
        return tuple((side, side) for side in self.resolutions for _ in range(2))

    def is_fused(self, resolution: int) -> bool:
        """Whether the layer that doubles to this side is a transposed convolution."""
        if self.fused_scale == "auto":
            return resolution >= FUSED_FROM
        return bool(self.fused_scale)


def paper_channels(resolution: int) -> tuple[int, ...]:
    """The published channel table: 512 up to 32 pixels, then halving."""
    widths = [min(16384 >> k, 512) for k in range(2, resolution.bit_length())]
    return (widths[0], *widths)


class StyleGAN1MappingNetwork(nnx.Module):
    """`z -> w`: pixel norm, then dense layers with leaky ReLU."""

    def __init__(self, config: StyleGAN1Config, *, rngs: nnx.Rngs):
        self.config = config
        hidden = config.hidden_dim or config.w_dim
        widths = [config.z_dim] + [hidden] * (config.num_mapping_layers - 1)
        widths.append(config.w_dim * config.num_mapped_ws)
        for k in range(config.num_mapping_layers):
            layer = layers.FullyConnected(
                widths[k], widths[k + 1], lr_multiplier=config.lr_multiplier, rngs=rngs
            )
            setattr(self, f"dense{k}", layer)

    def __call__(self, z: jax.Array, labels: jax.Array | None = None) -> jax.Array:
        """Maps latents; labels are refused, the family has none.

        Args:
          z: `[N, z_dim]`, of any length: every row is normalized first.
          labels: must be None or empty.

        Returns:
          w: `[N, w_dim]`, neither truncated nor broadcast; `[N, num_ws, w_dim]` where
          the network gives a row for every layer.

        Raises:
          ValueError: `z` has the wrong shape, or labels were given.
        """
        if z.ndim != 2 or z.shape[1] != self.config.z_dim:
            raise InputError(f"`z` must be [N, {self.config.z_dim}], got {z.shape}.")
        if labels is not None and labels.size:
            raise InputError(f"StyleGAN1 takes no labels: got {labels.shape=}.")
        x = activation.normalize_second_moment(z)
        for k in range(self.config.num_mapping_layers):
            # The gain of the weights, not of the bias.
            x = getattr(self, f"dense{k}")(x * activation.SQRT2)
            x = jax.nn.leaky_relu(x, activation.SLOPE)
        if self.config.num_mapped_ws > 1:
            return x.reshape(len(x), self.config.num_ws, self.config.w_dim)
        return x


class StyleGAN1SynthesisLayer(nnx.Module):
    """One convolution (none in the first layer) and its epilogue.

    Noise, bias, leaky ReLU, instance norm and style, in this order.

    Attributes:
      weight: `[3, 3, I, O]`; not in the first layer.
      bias: `[O]`.
      noise_const: `[R, R]`.
      noise_weight: `[O]`.
      style_mod: w to scale (less one) and shift.
    """

    def __init__(self, config: StyleGAN1Config, index: int, *, rngs: nnx.Rngs):
        block, second = divmod(index, 2)
        self.resolution = config.resolutions[block]
        self.up = index > 0 and not second
        self.fused = self.up and config.is_fused(self.resolution)
        self.is_first = index == 0
        channels = config.channels[block + 1] if index else config.channels[0]
        in_channels = config.channels[block + (second if block else 0)]
        if not self.is_first:
            shape = (3, 3, in_channels, channels)
            self.weight = nnx.Param(rngs.params.normal(shape))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.noise_weight = nnx.Param(jnp.zeros(channels))
        side = (self.resolution, self.resolution)
        self.noise_const = NoiseConst(rngs.params.normal(side))
        self.style_mod = layers.FullyConnected(config.w_dim, 2 * channels, rngs=rngs)

    def __call__(
        self, x: jax.Array, w: jax.Array, noise: jax.Array | str = "const"
    ) -> jax.Array:
        """Runs the layer.

        Args:
          x: `[N, H, W, I]`; of the first layer, the constant.
          w: `[N, w_dim]`, the layer's row of W+.
          noise: "const", "none", or a map `[R, R]` or `[N, R, R]`.

        Returns:
          `[N, R, R, O]`.
        """
        x = self._convolve(x)
        if not isinstance(noise, str) or noise == "const":
            plane = self.noise_const[...] if isinstance(noise, str) else noise
            plane = (plane[None] if plane.ndim == 2 else plane)[..., None]
            x = x + (plane * self.noise_weight[...][None, None, None]).astype(x.dtype)
        x = activation.bias_act(x, self.bias[...], activation="linear")
        x = jax.nn.leaky_relu(x, activation.SLOPE)
        scale, shift = jnp.split(self.style_mod(w)[:, None, None, :], 2, axis=-1)
        return instance_norm(x, scale + 1, shift)

    def _convolve(self, x: jax.Array) -> jax.Array:
        if self.is_first:
            return x
        kernel = self.weight[...]
        kernel = kernel * (activation.SQRT2 / math.sqrt(9 * kernel.shape[2]))
        kernel = kernel.astype(x.dtype)
        if not self.up:
            return convolution.conv2d(x, kernel)
        return upscale.blur(upscale.upscale_conv2d(x, kernel, fused=self.fused))


def instance_norm(
    x: jax.Array, scale: jax.Array, shift: jax.Array, *, epsilon: float = 1e-8
) -> jax.Array:
    """Gives every map zero mean and unit variance, then the style's scale and shift.

    Args:
      x: `[N, H, W, C]`.
      scale: `[N, 1, 1, C]`, float32.
      shift: `[N, 1, 1, C]`, float32.
      epsilon: added to the (population) variance.

    Returns:
      An array like `x`; statistics are taken in float32.
    """
    wide = x.astype(jnp.float32)
    wide = wide - jnp.mean(wide, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(wide), axis=(1, 2), keepdims=True)
    return (wide * (jax.lax.rsqrt(variance + epsilon) * scale) + shift).astype(x.dtype)


class StyleGAN1ToRGB(nnx.Module):
    """A 1x1 convolution to colors, without modulation."""

    def __init__(self, config: StyleGAN1Config, block: int, *, rngs: nnx.Rngs):
        channels = config.channels[block + 1]
        shape = (1, 1, channels, config.image_channels)
        self.gain = 1 / math.sqrt(channels)
        self.weight = nnx.Param(rngs.params.normal(shape))
        self.bias = nnx.Param(jnp.zeros(config.image_channels))

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, C]` to float32 `[N, H, W, image_channels]`."""
        kernel = (self.weight[...] * self.gain).astype(x.dtype)
        y = convolution.conv2d(x, kernel).astype(jnp.float32)
        return y + self.bias[...][None, None, None]


class StyleGAN1SynthesisNetwork(nnx.Module):
    """`ws -> images`.

    Attributes:
      const: `[4, 4, C]`, the learnt input.
      layer0, layer1, ...: one per row of W+.
      output0, output1, ...: colors at 4, 8, ..., `resolution`.
    """

    def __init__(self, config: StyleGAN1Config, *, rngs: nnx.Rngs):
        self.config = config
        self.const = nnx.Param(jnp.ones((4, 4, config.channels[0])))
        for k in range(config.num_ws):
            setattr(self, f"layer{k}", StyleGAN1SynthesisLayer(config, k, rngs=rngs))
        for block in range(len(config.resolutions)):
            setattr(self, f"output{block}", StyleGAN1ToRGB(config, block, rngs=rngs))

    def __call__(
        self,
        ws: jax.Array,
        noise: noise_maps.Noise = "const",
        *,
        resolution: int | None = None,
        lod: float | None = None,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
    ) -> jax.Array:
        """Renders images.

        Args:
          ws: `[N, num_ws, w_dim]`.
          noise: "const" (the stored maps), "none", or one map `[H, W]` or `[N, H, W]`
            per layer, coarse to fine.
          resolution: None or the full one, for the other families' sake.
          lod: level of detail, 0 to the number of blocks less one; None for the
            configuration's. k replaces the last k blocks by enlarging, a fraction
            blends two neighbors.
          dtype: of the convolutions; styles, statistics and RGB stay in float32.
          remat_from: maps of this side and above are not kept for a gradient but
            computed again; None: all are kept.

        Returns:
          images `[N, R, R, 3]`, nominally in [-1, 1], not clamped.

        Raises:
          ValueError: `ws`, `noise`, `resolution` or `lod` do not fit the network.
        """
        noise_maps.check_resolution(resolution, self.config.render_resolutions)
        lod = self.config.lod if lod is None else lod
        last = len(self.config.resolutions) - 1
        if not 0 <= lod <= last:
            raise InputError(f"`lod` must be in [0, {last}], got {lod}.")
        whole = math.floor(lod)
        blend = lod - whole
        images = coarse = None
        stages = self.stages(ws, noise, dtype=dtype, remat_from=remat_from)
        for index, x in enumerate(itertools.islice(stages, 2 * (last - whole + 1))):
            block, second = divmod(index, 2)
            if second and block == last - whole:
                images = getattr(self, f"output{block}")(x)
            elif second and blend and block == last - whole - 1:
                coarse = upscale.enlarge(getattr(self, f"output{block}")(x))
        assert images is not None
        if coarse is not None:
            images = images + blend * (coarse - images)
        images = jnp.tanh(images) if self.config.has_tanh else images
        return upscale.enlarge(images, 2**whole)

    def affine_layers(self, *, with_rgb: bool = False) -> list[layers.FullyConnected]:
        """Returns the layers from w to styles, coarse to fine; RGB takes none."""
        del with_rgb
        rows = range(self.config.num_ws)
        return [getattr(self, f"layer{k}").style_mod for k in rows]

    def stages(
        self,
        ws: jax.Array,
        noise: noise_maps.Noise = "const",
        *,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
    ) -> Iterator[jax.Array]:
        """Yields the features `[N, R, R, C]` of every layer, coarse to fine."""
        config = self.config
        if ws.ndim != 3 or ws.shape[1:] != (config.num_ws, config.w_dim):
            raise InputError(
                f"`ws` must be [N, {config.num_ws}, {config.w_dim}], got {ws.shape}."
            )
        noises = noise_maps.select(noise, config.noise_shapes)
        const = self.const[...].astype(dtype)
        x = jnp.broadcast_to(const[None], (ws.shape[0], *const.shape))
        for index in range(config.num_ws):
            layer = getattr(self, f"layer{index}")
            side = config.noise_shapes[index][0]
            run = functools.partial(layer, noise=noises[index])
            x = rematerialize.from_side(run, side, remat_from)(x, ws[:, index])
            yield x


class StyleGAN1Generator(nnx.Module):
    """A StyleGAN1 generator: mapping, synthesis and the mean latent.

    Attributes:
      config: the architecture.
      mapping: `z -> w`.
      synthesis: `ws -> images`.
      w_avg: `[w_dim]`, the mean of w.
    """

    config_class = StyleGAN1Config

    def __init__(self, config: StyleGAN1Config, *, rngs: nnx.Rngs):
        self.config = config
        self.mapping = StyleGAN1MappingNetwork(config, rngs=rngs)
        self.synthesis = StyleGAN1SynthesisNetwork(config, rngs=rngs)
        self.w_avg = Buffer(jnp.zeros(config.w_dim))
