"""Encoders with their generators as files of pSp, e4e and ReStyle."""

import os
import re

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import entry_names
from converters.writers import export, torch_writer
from jax_encoder.io import files
from jax_encoder.nn import encoder_decoder, style_encoder, stylegan2

_IRSE_RULES = (
    (r"^conv\.", "input_layer.0."),
    (r"^bn\.", "input_layer.1."),
    (r"^prelu\.", "input_layer.2."),
    (r"^body_(\d+)\.", r"body.\1."),
    (r"\.shortcut\.", ".shortcut_layer.0."),
    (r"\.shortcut_bn\.", ".shortcut_layer.1."),
    (r"\.bn1\.", ".res_layer.0."),
    (r"\.conv1\.", ".res_layer.1."),
    (r"\.prelu\.", ".res_layer.2."),
    (r"\.conv2\.", ".res_layer.3."),
    (r"\.bn2\.", ".res_layer.4."),
    (r"\.se\.", ".res_layer.5."),
)
_RESNET_RULES = (
    (r"^prelu\.", "relu."),
    (r"\.downsample\.", ".downsample.0."),
    (r"\.downsample_bn\.", ".downsample.1."),
)
# By whether there are six channels, then by whether it is progressive.
_TYPES = {
    "irse50": (
        ("GradualStyleEncoder", "Encoder4Editing"),
        ("BackboneEncoder", "ProgressiveBackboneEncoder"),
    ),
    "resnet34": (
        ("ResNetBackboneEncoder", "ResNetProgressiveBackboneEncoder"),
        ("ResNetBackboneEncoder", "ResNetProgressiveBackboneEncoder"),
    ),
}


def whole(
    network: encoder_decoder.EncoderDecoder, path: str | os.PathLike[str]
) -> None:
    """Writes a `.pt`: `{"state_dict", "latent_avg", "opts"}`.

    The state dict holds `encoder.*` and `decoder.*`, as those programs load them with
    `strict=True`; `converters.load` reads it back exactly.

    Args:
      network: an encoder of theirs with a StyleGAN2 generator that rosinality's program
        has (see `export.rosinality`).
      path: the file.

    Raises:
      ConversionError: those programs have no such encoder or generator.
    """
    if not isinstance(network, encoder_decoder.EncoderDecoder):
        raise conversion_errors.ConversionError(
            f"only encoders with their generator can be written, got {type(network)};"
            " put them together by `jax_encoder.nn.encoder_decoder.join`"
        )
    if not isinstance(network.decoder, stylegan2.StyleGAN2Generator):
        raise conversion_errors.ConversionError(
            "pSp, e4e and ReStyle need a StyleGAN2 generator"
        )
    state = encoder_state(network.encoder)
    found = {f"encoder.{name}": value for name, value in state.items()}
    decoder = export.rosinality_state(network.decoder)
    found |= {f"decoder.{name}": value for name, value in decoder.items()}
    tree = {
        "state_dict": found,
        "latent_avg": np.asarray(network.latent_avg[...], np.float32),
        "opts": _options(network.config),
    }
    with files.writing(path) as file:
        torch_writer.write(file, tree)


def encoder_state(encoder: object) -> dict[str, np.ndarray]:
    """Returns an encoder's state dict, without the prefix "encoder.".

    Args:
      encoder: a `StyleEncoder`.

    Raises:
      ConversionError: it is another encoder.
    """
    if not isinstance(encoder, style_encoder.StyleEncoder):
        raise conversion_errors.ConversionError(
            "pSp, e4e and ReStyle have no such encoder; train one with the backbone"
            f" irse50 or resnet34: got {type(encoder)}"
        )
    found = {}
    for parts, variable in nnx.to_flat_state(nnx.state(encoder)):
        name = _their_name(".".join(map(str, parts)), encoder.config)
        value = np.asarray(variable[...], np.float32)
        if value.ndim == 4:
            value = entry_names.oihw(value)
        elif value.ndim == 2:
            value = entry_names.dense(value)
        found[name] = np.array(value, order="C")
        if name.endswith(".running_var"):  # How often it was moved: nobody knows.
            counter = name.replace(".running_var", ".num_batches_tracked")
            found[counter] = np.zeros((), np.int64)
    return found


def _their_name(name: str, config: style_encoder.StyleEncoderConfig) -> str:
    head, _, rest = name.partition(".")
    if head.startswith("styles_"):
        row = head.removeprefix("styles_")
        layer, _, leaf = rest.partition(".")
        if layer.startswith("conv"):  # every other entry is an activation
            layer = f"convs.{2 * int(layer.removeprefix('conv'))}"
        return f"styles.{row}.{layer}.{leaf}"
    if head != "backbone":
        return name
    if config.backbone == "irse50":
        return entry_names.rename(rest, _IRSE_RULES)
    block = re.match(r"layer(\d+)_(\d+)\.", rest)
    if block:
        index = sum(config.depths[: int(block[1]) - 1]) + int(block[2])
        rest = f"body.{index}.{rest[block.end() :]}"
    return entry_names.rename(rest, _RESNET_RULES)


def _options(config: encoder_decoder.EncoderDecoderConfig) -> dict[str, object]:
    encoder = config.encoder
    assert isinstance(encoder, style_encoder.StyleEncoderConfig)
    is_restyle = encoder.in_channels == 6
    if encoder.is_shared:
        encoder_type = "BackboneEncoderUsingLastLayerIntoW"
    elif encoder.backbone == "resnet34" and encoder.is_pyramid:
        encoder_type = "ResNetGradualStyleEncoder"
    else:
        kinds = _TYPES[encoder.backbone][is_restyle]
        encoder_type = kinds[encoder.is_progressive]
    resolution = config.decoder.resolution
    return {
        "encoder_type": encoder_type,
        "dataset_type": "cars_encode" if encoder.input_size[0] == 192 else "encode",
        "input_nc": encoder.in_channels,
        "label_nc": 0,
        "n_styles": encoder.num_ws,
        "output_size": resolution,
        "stylegan_size": resolution,
        "start_from_latent_avg": config.is_relative,
        "learn_in_w": False,
        "n_iters_per_batch": config.num_steps,
    }
