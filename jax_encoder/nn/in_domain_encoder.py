"""The encoder of in-domain inversion (Zhu et al. 2020, arXiv:2004.00049)."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import resize

_SLOPE = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class InDomainEncoderConfig:
    """The architecture of the encoder.

    Attributes:
      num_ws, w_dim: rows and numbers of W+.
      channels: widths of the first block and of the residual blocks behind it; each of
        these halves the sides but for the first block, down to 4 pixels.
      has_norm: with batch normalization, as all published files.
      image_channels: channels of the pictures.
      family: "in-domain-encoder".
    """

    num_ws: int = 14
    w_dim: int = 512
    channels: tuple[int, ...] = (64, 128, 256, 512, 1024, 1024, 1024)
    has_norm: bool = True
    image_channels: int = 3
    family: str = "in-domain-encoder"

    def __post_init__(self):
        checks.validate(self)
        if len(self.channels) < 2:
            raise InputError(f"`channels` needs two widths or more: {self.channels}.")

    @property
    def input_size(self) -> int:
        """Side that pictures are resized to."""
        return 4 << (len(self.channels) - 1)


class InDomainBlock(nnx.Module):
    """Two 3x3 convolutions beside a projection; only the sum of both is passed on."""

    def __init__(
        self, config: InDomainEncoderConfig, num_in: int, num_out: int, rngs: nnx.Rngs
    ):
        hidden = min(num_in, num_out)
        self.is_projected = num_in != num_out
        self.has_norm = config.has_norm
        conv = vision_layers.Conv
        if self.is_projected:
            self.conv = conv(num_in, num_out, 1, use_bias=False, rngs=rngs)
        self.conv1 = conv(num_in, hidden, 3, padding=1, rngs=rngs)
        self.conv2 = conv(hidden, num_out, 3, padding=1, rngs=rngs)
        if self.has_norm:
            if self.is_projected:
                self.bn = vision_layers.BatchNorm(num_out)
            self.bn1 = vision_layers.BatchNorm(hidden)
            self.bn2 = vision_layers.BatchNorm(num_out)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, num_in] -> [N, H, W, num_out]`."""
        shortcut = x
        if self.is_projected:
            shortcut = self._finish(self.conv(x), "bn")
        x = self._finish(self.conv1(x), "bn1")
        return self._finish(self.conv2(x), "bn2") + shortcut

    def _finish(self, x: jax.Array, norm: str) -> jax.Array:
        x = getattr(self, norm)(x) if self.has_norm else x
        return jax.nn.leaky_relu(x, _SLOPE)


class InDomainEncoder(nnx.Module):
    """Pictures to W+; the codes are absolute, not relative to the mean latent.

    Attributes:
      config: the architecture.
      conv: the first convolution, with `bn` where the network has norms.
      block1, block2, ...: the residual blocks.
      fc: the dense layer without bias, with `bn_fc`; flattens `[height, width,
        channels]`.
    """

    config_class = InDomainEncoderConfig

    def __init__(self, config: InDomainEncoderConfig, *, rngs: nnx.Rngs):
        self.config = config
        first, last = config.channels[0], config.channels[-1]
        self.conv = vision_layers.Conv(
            config.image_channels, first, 3, padding=1, use_bias=False, rngs=rngs
        )
        for index, num_out in enumerate(config.channels[1:], 1):
            num_in = config.channels[index - 1]
            setattr(self, f"block{index}", InDomainBlock(config, num_in, num_out, rngs))
        num_inputs, num_outputs = last * 16, config.num_ws * config.w_dim
        self.fc = nnx.Param(rngs.params.normal((num_inputs, num_outputs)))
        if config.has_norm:
            self.bn = vision_layers.BatchNorm(first)
            self.bn_fc = vision_layers.BatchNorm(num_outputs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Encodes pictures.

        Args:
          images: `[N, H, W, C]` in [-1, 1]; resized to the network's size.

        Returns:
          ws `[N, num_ws, w_dim]`.

        Raises:
          ValueError: the pictures break the convention.
        """
        config = self.config
        images = images_lib.check_images(images, channels=config.image_channels)
        side = (config.input_size, config.input_size)
        x = self.conv(resize.bilinear(images, side, antialias=True))
        x = self.bn(x) if config.has_norm else x
        x = jax.nn.leaky_relu(x, _SLOPE)
        for index in range(1, len(config.channels)):
            x = resize.adaptive_average(x, x.shape[1] // 2)
            x = getattr(self, f"block{index}")(x)
        x = x.reshape(len(x), -1)
        x = x @ (self.fc[...] * x.shape[1] ** -0.5)
        x = self.bn_fc(x) if config.has_norm else x
        return jnp.reshape(x, (-1, config.num_ws, config.w_dim))
