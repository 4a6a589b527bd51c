"""A published encoder with its generator: pictures to W+ in one call."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import style_encoder, stylegan2
from jax_encoder.nn.variables import Buffer
from jax_encoder.ops import images as images_lib
from jax_encoder.ops import resize


@dataclasses.dataclass(frozen=True, kw_only=True)
class InverterConfig:
    """An encoder and the generator it was trained with.

    Attributes:
      encoder: the encoder's architecture; a dict of its fields will do.
      decoder: the generator's architecture, likewise.
      num_steps: encoders of six channels: how often the reconstruction is refined.
      is_relative: the encoder's output is relative to the mean latent.
      family: "inverter".
    """

    encoder: style_encoder.StyleEncoderConfig
    decoder: stylegan2.GeneratorConfig
    num_steps: int = 5
    is_relative: bool = True
    family: str = "inverter"

    def __post_init__(self):
        kinds = {
            "encoder": style_encoder.StyleEncoderConfig,
            "decoder": stylegan2.GeneratorConfig,
        }
        for name, kind in kinds.items():
            value: Any = getattr(self, name)
            if isinstance(value, dict):
                object.__setattr__(self, name, kind(**value))
        wanted = (self.decoder.num_ws, self.decoder.w_dim)
        if (self.encoder.num_ws, self.encoder.w_dim) != wanted:
            raise ValueError(
                "The encoder must give the generator's rows of w: it gives"
                f" {(self.encoder.num_ws, self.encoder.w_dim)}, not {wanted}."
            )
        if self.num_steps < 1:
            raise ValueError(f"`num_steps` must be positive: got {self.num_steps}.")


class Inverter(nnx.Module):
    """pSp, e4e or ReStyle as published: encoder, generator and mean latent.

    Attributes:
      config: the architectures.
      encoder: pictures to W+.
      decoder: the generator.
      latent_avg: `[num_ws, w_dim]`, what the encoder's output is relative to.
    """

    config_class = InverterConfig

    def __init__(self, config: InverterConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.encoder = style_encoder.StyleEncoder(config.encoder, rngs=rngs)
        self.decoder = stylegan2.Generator(config.decoder, rngs=rngs)
        shape = (config.encoder.num_ws, config.encoder.w_dim)
        self.latent_avg = Buffer(jnp.zeros(shape))

    def __call__(self, images: jax.Array, *, num_steps: int | None = None) -> jax.Array:
        """Encodes pictures.

        Args:
          images: `[N, H, W, 3]` in [-1, 1], aligned as the encoder's training set.
          num_steps: refinements by ReStyle's encoders; default: as published.

        Returns:
          ws `[N, num_ws, w_dim]`, for `decoder.synthesis`.

        Raises:
          ValueError: the pictures break the convention, or `num_steps` is given to an
            encoder of a single step.
        """
        return self.steps(images, num_steps=num_steps)[-1]

    def steps(self, images: jax.Array, *, num_steps: int | None = None) -> jax.Array:
        """As `__call__`, with the latents after every refinement.

        Returns:
          `[num_steps, N, num_ws, w_dim]`.
        """
        images = images_lib.check_images(images)
        length = self.config.num_steps if num_steps is None else num_steps
        if length < 1:
            raise ValueError(f"`num_steps` must be positive: got {num_steps}.")
        start = jnp.zeros_like(self.latent_avg[...])
        if self.config.is_relative:
            start = self.latent_avg[...]
        if self.config.encoder.in_channels == 3:
            if num_steps not in (None, 1):
                raise ValueError(
                    f"This encoder encodes in a single step, not in {num_steps}."
                )
            return (self.encoder(images) + start[None])[None]
        mean = self.latent_avg[...][None]
        average = jnp.broadcast_to(
            self.reconstruct(mean),
            (images.shape[0], *self.config.encoder.input_size, 3),
        )
        ws = jnp.broadcast_to(mean, (images.shape[0], *mean.shape[1:]))

        def refine(carry, _):
            ws, reconstructions = carry
            ws = ws + self.encoder(images, reconstructions)
            return (ws, self.reconstruct(ws)), ws

        _, steps = jax.lax.scan(refine, (ws, average), length=length)
        return steps

    def reconstruct(self, ws: jax.Array) -> jax.Array:
        """What the encoder sees of latents: rendered, pooled, cropped to its height.

        Args:
          ws: `[N, num_ws, w_dim]`.

        Returns:
          `[N, height, width, 3]` of the encoder's input, not clamped.
        """
        height, width = self.config.encoder.input_size
        images = resize.adaptive_average(self.decoder.synthesis(ws), width)
        first = (width - height) // 2
        return images[:, first : first + height]
