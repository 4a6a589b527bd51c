"""What published configurations of encoders use, and the demo's own."""

import dataclasses

from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import base, irse, small_encoder, style_encoder
from jax_encoder.training import encoder_losses, encoder_training, weight_optimizers

NAMES = ("psp", "e4e", "restyle_psp", "restyle_e4e", "avatars")
BACKBONES = ("irse50", "resnet34", "small")
# Of small encoders' stages, for 128 pixels; smaller pictures skip the first.
_WIDTHS, _DEPTHS = (16, 24, 48, 96, 128), (0, 0, 1, 1, 1)
_E4E = {"delta": 2e-4, "adversarial": 0.1}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderPreset:
    """A configuration.

    Attributes:
      encoder: the architecture.
      training: options of the training.
    """

    encoder: style_encoder.StyleEncoderConfig | small_encoder.SmallEncoderConfig
    training: encoder_training.EncoderConfig


def preset(
    name: str, generator: base.Generator, *, backbone: str | None = None
) -> EncoderPreset:
    """Returns a configuration for a generator.

    Args:
      name: "psp" (arXiv:2008.00951, Section 3), "e4e" (arXiv:2102.02766, Section 4:
        rows unlocked from step 20,000 on), "restyle_psp", "restyle_e4e"
        (arXiv:2104.02699, Section 4: five looks), or "avatars", the demo's.
      generator: its config is looked at.
      backbone: of `BACKBONES`; default: as published, or the small one.

    Raises:
      ValueError: an unknown name.
    """
    if name not in NAMES:
        raise InputError(f"`name` must be one of {NAMES}: got {name!r}.")
    is_demo = name == "avatars"
    is_restyle = name.startswith("restyle")
    backbone = backbone or ("small" if is_demo else "irse50")
    architecture = _architecture(
        generator.config,
        backbone,
        is_progressive=name.endswith("e4e") or is_demo,
        is_restyle=is_restyle,
    )
    if is_demo:
        return EncoderPreset(encoder=architecture, training=_avatars())
    more = _E4E if name.endswith("e4e") else {}
    training = encoder_training.EncoderConfig(
        weights=encoder_losses.LossWeights(**more),
        num_refinements=5 if is_restyle else 1,
        progressive_start=20_000 if more else None,
    )
    return EncoderPreset(encoder=architecture, training=training)


def build(
    config: style_encoder.StyleEncoderConfig | small_encoder.SmallEncoderConfig,
    *,
    seed: int = 0,
) -> base.Network:
    """Returns an encoder of an architecture with random weights."""
    if isinstance(config, small_encoder.SmallEncoderConfig):
        return small_encoder.SmallEncoder(config, rngs=nnx.Rngs(seed))
    return style_encoder.StyleEncoder(config, rngs=nnx.Rngs(seed))


def with_face_backbone(
    encoder: style_encoder.StyleEncoder, network: irse.IRSE
) -> style_encoder.StyleEncoder:
    """Returns the encoder with the body of a face recognizer (ArcFace).

    Of a stem for six channels only the first three are the recognizer's.

    Raises:
      ValueError: the encoder's backbone is another.
    """
    if getattr(encoder.config, "backbone", None) != "irse50":
        raise InputError("Only encoders with the backbone irse50 start from ArcFace.")
    theirs, ours = network.config, encoder.config
    if (theirs.widths, theirs.depths) != (ours.widths, ours.depths):
        raise InputError(
            f"The recognizer's stages are {theirs.widths}, {theirs.depths}, the"
            f" encoder's {ours.widths}, {ours.depths}."
        )
    encoder = nnx.clone(encoder)
    body, drawn = nnx.clone(network.body), encoder.backbone
    assert isinstance(drawn, irse.Body)
    if ours.in_channels == 6:
        stem = drawn.conv.weight[...].at[:, :, :3].set(body.conv.weight[...])
        body.conv.weight = nnx.Param(stem)
    encoder.backbone = body
    return encoder


def _architecture(generator, backbone, *, is_progressive, is_restyle):
    rows = {"num_ws": generator.num_ws, "w_dim": generator.w_dim}
    in_channels = 6 if is_restyle else 3
    if backbone == "small":
        side = min(generator.resolution, 128)
        num_stages = min(side.bit_length() - 3, len(_WIDTHS))  # Down to four pixels.
        return small_encoder.SmallEncoderConfig(
            **rows,
            widths=_WIDTHS[-num_stages:],
            depths=_DEPTHS[-num_stages:],
            in_channels=in_channels,
            input_size=(side, side),
            is_progressive=is_progressive,
        )
    is_pyramid = backbone == "irse50" and not is_restyle
    depths = (3, 4, 14, 3) if backbone == "irse50" else (3, 4, 6, 3)
    return style_encoder.StyleEncoderConfig(
        **rows,
        backbone=backbone,
        is_pyramid=is_pyramid,
        is_progressive=is_progressive,
        in_channels=in_channels,
        depths=depths,
    )


def _avatars() -> encoder_training.EncoderConfig:
    """The demo's: known codes first (`lessons`), then pictures."""
    return encoder_training.EncoderConfig(
        batch_size=16,
        weights=encoder_losses.LossWeights(
            l2=1.0,
            lpips=0.05,
            identity=0.02,
            code=0.25,
            **_E4E | {"adversarial": 0.002},
        ),
        optimizer=weight_optimizers.OptimizerConfig(
            name="adam", learning_rate=5e-4, schedule="cosine", max_norm=1.0
        ),
        ema_half_life=2_000.0,
    )


def lessons(training: encoder_training.EncoderConfig) -> encoder_training.EncoderConfig:
    """Returns the options of a training by known codes alone, before the pictures."""
    return dataclasses.replace(
        training,
        batch_size=2 * training.batch_size,
        num_accumulated=1,
        weights=encoder_losses.LossWeights(l2=0.0, lpips=0.0, identity=0.0, code=1.0),
        optimizer=weight_optimizers.OptimizerConfig(
            name="adam", learning_rate=1.5e-3, schedule="cosine", max_norm=1.0
        ),
        ema_half_life=training.ema_half_life and 4 * training.ema_half_life,
        progressive_start=None,
        num_refinements=1,
    )
