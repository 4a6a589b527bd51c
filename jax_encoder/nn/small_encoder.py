"""A small encoder from pictures to W+, for generators of 64 to 128 pixels.

As e4e's it gives one w for all rows and differences to it (Tov et al. 2021,
arXiv:2102.02766, Section 4.1). The backbone of the published encoders takes 256 pixels
and 24 million weights; this one is a residual network of about a million.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, vision_layers
from jax_encoder.nn.variables import Buffer
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import resize

_SLOPE = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallEncoderConfig:
    """The architecture of a small encoder.

    Attributes:
      num_ws: how many rows W+ has.
      w_dim: how many numbers a row has.
      widths: channels of the stages; each stage halves the side.
      depths: residual blocks of every stage, behind its halving.
      hidden_size: width of the dense layer.
      in_channels: 3, or 6 for a picture and its present reconstruction (ReStyle).
      input_size: height and width that pictures are resized to.
      is_progressive: rows are given as differences to the first one.
      family: "small-encoder".
    """

    num_ws: int
    w_dim: int
    widths: tuple[int, ...] = (24, 48, 96, 128)
    depths: tuple[int, ...] = (0, 1, 1, 1)
    hidden_size: int = 256
    in_channels: int = 3
    input_size: tuple[int, int] = (64, 64)
    is_progressive: bool = True
    family: str = "small-encoder"

    def __post_init__(self):
        checks.validate(self)
        if len(self.widths) != len(self.depths) or not self.widths:
            raise InputError(
                "`widths` and `depths` need one entry for every stage: got"
                f" {self.widths} and {self.depths}."
            )
        if any(side % 2 ** len(self.widths) for side in self.input_size):
            raise InputError(
                f"`input_size` must be a multiple of {2 ** len(self.widths)}, by which"
                f" {len(self.widths)} stages divide it: got {self.input_size}."
            )
        if self.in_channels not in (3, 6):
            raise InputError(f"`in_channels` must be 3 or 6: got {self.in_channels}.")

    @property
    def is_refining(self) -> bool:
        """Whether the encoder sees the present reconstruction too (ReStyle)."""
        return self.in_channels == 6

    @property
    def picture_channels(self) -> int:
        """Channels of the pictures that are encoded."""
        return 3


class SmallEncoderBlock(nnx.Module):
    """Two convolutions beside a shortcut; the block starts as the identity."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.conv0 = vision_layers.Conv(width, width, 3, padding=1, rngs=rngs)
        self.conv1 = vision_layers.Conv(width, width, 3, padding=1, rngs=rngs)
        self.conv1.weight[...] = jnp.zeros_like(self.conv1.weight[...])

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, C] -> [N, H, W, C]`."""
        inner = self.conv0(jax.nn.leaky_relu(x, _SLOPE))
        return x + self.conv1(jax.nn.leaky_relu(inner, _SLOPE))


class SmallEncoder(nnx.Module):
    """Pictures to W+ in one pass.

    Attributes:
      config: the architecture.
      down0, down1, ...: convolutions of stride two, one for every stage.
      block0_0, ...: the residual blocks, numbered by stage and place.
      dense: behind the last stage; flattens `[height, width, channels]`.
      base: to the first row.
      differences: to the other rows; starts at zero, so that training starts in W.
      latent_avg: `[num_ws, w_dim]`, added to the output; zeros for ReStyle's encoders,
        whose pipeline adds to the present code instead.
    """

    config_class = SmallEncoderConfig

    def __init__(self, config: SmallEncoderConfig, *, rngs: nnx.Rngs):
        self.config = config
        num_in = config.in_channels
        for stage, width in enumerate(config.widths):
            down = vision_layers.Conv(num_in, width, 3, stride=2, padding=1, rngs=rngs)
            setattr(self, f"down{stage}", down)
            for place in range(config.depths[stage]):
                block = SmallEncoderBlock(width, rngs=rngs)
                setattr(self, f"block{stage}_{place}", block)
            num_in = width
        cells = config.input_size[0] * config.input_size[1] // 4 ** len(config.widths)
        hidden, w_dim, linear = config.hidden_size, config.w_dim, vision_layers.Linear
        self.dense = linear(cells * num_in, hidden, rngs=rngs)
        self.base = linear(hidden, w_dim, rngs=rngs)
        self.differences = linear(hidden, (config.num_ws - 1) * w_dim, rngs=rngs)
        zeros = jnp.zeros_like(self.differences.weight[...])
        self.differences.weight[...] = zeros
        self.latent_avg = Buffer(jnp.zeros((config.num_ws, w_dim)))

    def __call__(
        self, images: jax.Array, reconstructions: jax.Array | None = None
    ) -> jax.Array:
        """Encodes pictures.

        Args:
          images: `[N, H, W, 3]` in [-1, 1]; resized to the network's size.
          reconstructions: likewise, what the present codes render; encoders of six
            channels only.

        Returns:
          ws `[N, num_ws, w_dim]`.

        Raises:
          ValueError: the pictures break the convention, or reconstructions are missing
            or not wanted.
        """
        if (reconstructions is None) == self.config.is_refining:
            raise InputError(
                f"This encoder takes {self.config.in_channels} channels:"
                " `reconstructions` are for ReStyle's encoders, which need them."
            )
        x = self._resized(images_lib.check_rgb(images))
        if reconstructions is not None:
            shown = self._resized(images_lib.to_rgb(reconstructions))
            x = jnp.concatenate([x, shown], axis=-1)
        x = self._features(x.astype(self.dense.weight.dtype))
        base = self.base(x)[:, None]
        others = self.differences(x).reshape(len(x), -1, self.config.w_dim)
        if self.config.is_progressive:
            others = base + others
        return jnp.concatenate([base, others], axis=1) + self.latent_avg[...][None]

    def _resized(self, images: jax.Array) -> jax.Array:
        if images.shape[1:3] == self.config.input_size:
            return images
        return resize.bilinear(images, self.config.input_size, antialias=True)

    def _features(self, x: jax.Array) -> jax.Array:
        for stage, depth in enumerate(self.config.depths):
            if stage:
                x = jax.nn.leaky_relu(x, _SLOPE)
            x = getattr(self, f"down{stage}")(x)
            for place in range(depth):
                x = getattr(self, f"block{stage}_{place}")(x)
        x = jax.nn.leaky_relu(x, _SLOPE).reshape(x.shape[0], -1)
        return jax.nn.leaky_relu(self.dense(x), _SLOPE)
