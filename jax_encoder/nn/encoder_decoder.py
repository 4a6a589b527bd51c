"""An encoder with the generator it was trained for: pictures to W+ in one call."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import (
    base,
    checks,
    small_encoder,
    style_encoder,
    stylegan1,
    stylegan2,
    stylegan3,
    stylegan3_config,
)
from jax_encoder.nn.variables import Buffer
from jax_encoder.ops import resize

AnyEncoderConfig = style_encoder.StyleEncoderConfig | small_encoder.SmallEncoderConfig
AnyGeneratorConfig = (
    stylegan2.StyleGAN2Config
    | stylegan1.StyleGAN1Config
    | stylegan3_config.StyleGAN3Config
)
_ENCODERS: dict[str, Any] = {
    "style-encoder": style_encoder.StyleEncoder,
    "small-encoder": small_encoder.SmallEncoder,
}
_DECODERS: dict[str, Any] = {
    "stylegan1": stylegan1.StyleGAN1Generator,
    "stylegan2": stylegan2.StyleGAN2Generator,
    "stylegan3": stylegan3.StyleGAN3Generator,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderDecoderConfig:
    """An encoder and the generator it was trained with.

    Attributes:
      encoder: the encoder's architecture; a dict of its fields will do.
      decoder: the generator's architecture, likewise.
      num_steps: encoders of six channels: how often the reconstruction is refined.
      is_relative: the encoder's output is relative to the mean latent.
      family: "inverter".
    """

    encoder: AnyEncoderConfig
    decoder: AnyGeneratorConfig
    num_steps: int = 5
    is_relative: bool = True
    family: str = "inverter"

    def __post_init__(self):
        for name, kinds in (("encoder", _ENCODERS), ("decoder", _DECODERS)):
            value: object = getattr(self, name)
            if isinstance(value, dict):
                kind = kinds[value["family"]].config_class
                object.__setattr__(self, name, kind(**value))
        checks.validate(self)
        wanted = (self.decoder.num_ws, self.decoder.w_dim)
        if (self.encoder.num_ws, self.encoder.w_dim) != wanted:
            raise InputError(
                "The encoder must give the generator's rows of w: it gives"
                f" {(self.encoder.num_ws, self.encoder.w_dim)}, not {wanted}."
            )
        if self.num_steps < 1:
            raise InputError(f"`num_steps` must be positive: got {self.num_steps}.")


class EncoderDecoder(nnx.Module):
    """pSp, e4e or ReStyle: encoder, generator and mean latent.

    Attributes:
      config: the architectures.
      encoder: pictures to W+.
      decoder: the generator.
      latent_avg: `[num_ws, w_dim]`, what the encoder's output is relative to.
    """

    config_class = EncoderDecoderConfig

    def __init__(self, config: EncoderDecoderConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.encoder = _ENCODERS[config.encoder.family](config.encoder, rngs=rngs)
        self.decoder = _DECODERS[config.decoder.family](config.decoder, rngs=rngs)
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
        encoder = self.config.encoder
        images = style_encoder.check_pictures(images, encoder)
        length = self.config.num_steps if num_steps is None else num_steps
        if length < 1:
            raise InputError(f"`num_steps` must be positive: got {num_steps}.")
        start = jnp.zeros_like(self.latent_avg[...])
        if self.config.is_relative:
            start = self.latent_avg[...]
        if not encoder.is_refining:
            if num_steps not in (None, 1):
                raise InputError(
                    f"This encoder encodes in a single step, not in {num_steps}."
                )
            return (self.encoder(images) + start[None])[None]
        mean = self.latent_avg[...][None]
        average = jnp.broadcast_to(
            self.reconstruct(mean),
            (images.shape[0], *encoder.input_size, self.config.decoder.image_channels),
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


def join(
    encoder: style_encoder.StyleEncoder | small_encoder.SmallEncoder,
    generator: base.Network,
    *,
    num_steps: int = 1,
    latent_avg: jax.Array | None = None,
) -> EncoderDecoder:
    """Puts an encoder and its generator together; weights are shared.

    Args:
      encoder: gives codes relative to the mean.
      generator: of any family.
      num_steps: looks at the reconstruction, of encoders of six channels.
      latent_avg: `[num_ws, w_dim]`, the mean code; default: the generator's mean w.

    Returns:
      The pair.
    """
    config = EncoderDecoderConfig(
        encoder=encoder.config, decoder=generator.config, num_steps=num_steps
    )
    whole = nnx.eval_shape(lambda: EncoderDecoder(config, rngs=nnx.Rngs(0)))
    whole.encoder, whole.decoder = encoder, generator
    shape = (config.decoder.num_ws, config.decoder.w_dim)
    if latent_avg is None:
        latent_avg = jnp.broadcast_to(generator.w_avg[...][None], shape)
    whole.latent_avg.set_value(jnp.asarray(latent_avg))
    return whole
