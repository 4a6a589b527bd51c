"""pSp, e4e and ReStyle: whole published files, or the encoder's state dict alone.

A published file is `{"state_dict": {"encoder.*", "decoder.*"}, "latent_avg", "opts"}`.
The state dicts of pSp and e4e have the same names; `opts["encoder_type"]` tells them
apart, or the caller does.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import errors
from converters.formats import assign, base, names, rosinality, torch_layers
from jax_encoder.nn import inverter, latent_discriminator, style_encoder

_MARK = "encoder.styles.0.linear.weight"
_PROGRESSIVE = {
    "GradualStyleEncoder": False,
    "BackboneEncoder": False,
    "ResNetBackboneEncoder": False,
    "Encoder4Editing": True,
    "ProgressiveBackboneEncoder": True,
    "ResNetProgressiveBackboneEncoder": True,
}
_DISCRIMINATOR = "discriminator_state_dict"


def encoder(
    tree: Mapping[str, Any], *, is_progressive: bool, input_height: int = 256
) -> style_encoder.StyleEncoder:
    """Makes an encoder.

    Args:
      tree: its state dict, without the prefix "encoder.".
      is_progressive: heads give differences to the first row (e4e).
      input_height: of the 256-pixel wide pictures; 192 for cars.

    Raises:
      ConversionError: it does not fit.
    """
    has_resnet = "conv1.weight" in tree
    block = "body.{}.conv1.weight" if has_resnet else "body.{}.res_layer.1.weight"
    widths, depths = torch_layers.stage_depths(tree, block)
    stem = tree["conv1.weight" if has_resnet else "input_layer.0.weight"]
    config = style_encoder.StyleEncoderConfig(
        num_ws=names.count(tree, "styles.{}.linear.weight"),
        w_dim=names.check_rank(tree["styles.0.linear.weight"], 2).shape[0],
        backbone="resnet34" if has_resnet else "irse50",
        is_pyramid="latlayer1.weight" in tree,
        is_progressive=is_progressive,
        in_channels=names.check_rank(stem, 4).shape[1],
        input_size=(input_height, 256),
        widths=widths,
        depths=depths,
    )
    arrays = torch_layers.translate(
        {_encoder_name(name, depths, has_resnet): v for name, v in tree.items()}
    )
    return assign.build(
        lambda: style_encoder.StyleEncoder(config, rngs=nnx.Rngs(0)), arrays
    )


def _encoder_name(name: str, depths: tuple[int, ...], has_resnet: bool) -> str:
    head, _, rest = name.partition(".")
    if head == "styles":
        row, _, rest = rest.partition(".")
        group, _, tail = rest.partition(".")
        if group == "convs":  # every other entry is an activation
            index, _, tail = tail.partition(".")
            group = f"conv{int(index) // 2}" if index.isdecimal() else f"convs.{index}"
        return f"styles_{row}.{group}.{tail}"
    if head.startswith("latlayer"):
        return name
    if not has_resnet:
        return f"backbone.{names.rename(name, torch_layers.IRSE_RULES)}"
    if head == "relu":
        return f"backbone.prelu.{rest}"
    if head == "body":
        index, _, tail = rest.partition(".")
        block = _stage_block(int(index), depths) if index.isdecimal() else index
        name = f"{block}.{tail}"
    return f"backbone.{names.rename(name, torch_layers.DOWNSAMPLE_RULES)}"


def _stage_block(index: int, depths: tuple[int, ...]) -> str:
    for stage, depth in enumerate(depths, 1):
        if index < depth:
            return f"layer{stage}_{index}"
        index -= depth
    return f"body_{index}"


def _option(tree: Any, name: str, default: Any) -> Any:
    options = tree.get("opts")
    if hasattr(options, "get"):
        value = options.get(name, default)
        return default if value is None else value
    return default


def _text(value: Any) -> str:
    """A foreign value if it is a text; the text of others may be endless."""
    return value if isinstance(value, str) else ""


def _state(tree: Any) -> dict[str, Any]:
    state = tree.get("state_dict", tree)
    if not isinstance(state, dict) or _MARK not in state:
        raise errors.ConversionError("no encoder", entry=_MARK)
    return state


def _parts(tree: Any) -> tuple[str, ...]:
    parts = ["encoder"]
    if "decoder.conv1.conv.weight" in _state(tree):
        parts = ["inverter", "encoder", "G_ema"]
    if isinstance(tree.get(_DISCRIMINATOR), dict):
        parts.append("latent_discriminator")
    return tuple(parts)


def _build(tree: Any, part: str | None, is_progressive: bool) -> Any:
    part = part or _parts(tree)[0]
    state = _state(tree)
    if part == "latent_discriminator":
        return _build_discriminator(tree[_DISCRIMINATOR], None)
    decoder_state = names.under(state, "decoder.")
    if part == "G_ema":
        return rosinality.generator(decoder_state, tree.get("latent_avg"))
    is_car = "car" in _text(_option(tree, "dataset_type", ""))
    found = encoder(
        names.under(state, "encoder."),
        is_progressive=is_progressive,
        input_height=192 if is_car else 256,
    )
    if part == "encoder":
        return found
    decoder = rosinality.generator(decoder_state, tree.get("latent_avg"))
    return _join(found, decoder, tree)


def _join(found: Any, decoder: Any, tree: Any) -> inverter.Inverter:
    steps = int(_option(tree, "n_iters_per_batch", 5))
    config = inverter.InverterConfig(
        encoder=found.config,
        decoder=decoder.config,
        num_steps=steps if found.config.in_channels == 6 else 1,
        is_relative=bool(_option(tree, "start_from_latent_avg", True)),
    )
    whole = nnx.eval_shape(lambda: inverter.Inverter(config, rngs=nnx.Rngs(0)))
    whole.encoder, whole.decoder = found, decoder
    whole.latent_avg.set_value(_latent_avg(tree, decoder))
    return whole


def _latent_avg(tree: Any, decoder: Any) -> Any:
    """`[num_ws, w_dim]`: every row of the file's, or the generator's mean."""
    shape = (decoder.config.num_ws, decoder.config.w_dim)
    stored = tree.get("latent_avg")
    rows = decoder.w_avg[...][None] if stored is None else np.asarray(stored)
    rows = rows.reshape(-1, shape[1]).astype(np.float32)
    if len(rows) not in (1, shape[0]):
        raise errors.ConversionError(
            f"latent_avg has {len(rows)} rows, the generator takes {shape[0]}",
            entry="latent_avg",
        )
    return jnp.broadcast_to(jnp.asarray(rows), shape)


def _build_discriminator(
    tree: Any, part: str | None
) -> latent_discriminator.LatentDiscriminator:
    del part
    number = 0
    while f"mlp.{2 * number}.weight" in tree:
        number += 1
    config = latent_discriminator.LatentDiscriminatorConfig(
        w_dim=names.check_rank(tree["mlp.0.weight"], 2).shape[1], num_layers=number
    )
    renamed = {}
    for name, array in tree.items():
        head, _, rest = name.partition(".")
        index, _, tail = rest.partition(".")
        is_layer = head == "mlp" and index.isdecimal()
        renamed[f"fc{int(index) // 2}.{tail}" if is_layer else name] = array
    return assign.build(
        lambda: latent_discriminator.LatentDiscriminator(config, rngs=nnx.Rngs(0)),
        torch_layers.translate(renamed),
    )


def _recognize(tree: Any, is_progressive: bool, in_channels: int) -> bool:
    state = _state(tree)
    stem = "conv1" if "encoder.conv1.weight" in state else "input_layer.0"
    if state[f"encoder.{stem}.weight"].shape[1] != in_channels:
        return False
    told = _PROGRESSIVE.get(_text(_option(tree, "encoder_type", "")))
    return told is None or told == is_progressive


@dataclasses.dataclass(frozen=True)
class _Flavour:
    name: str
    description: str
    is_progressive: bool
    in_channels: int

    def kind(self) -> base.Kind:
        return base.Kind(
            name=self.name,
            description=self.description,
            recognize=lambda tree: _recognize(
                tree, self.is_progressive, self.in_channels
            ),
            parts=_parts,
            build=lambda tree, part: _build(tree, part, self.is_progressive),
        )


KINDS = (
    _Flavour("psp", "pSp: encoder, with or without its generator", False, 3).kind(),
    _Flavour("e4e", "e4e: encoder, with or without its generator", True, 3).kind(),
    _Flavour("restyle_psp", "ReStyle on pSp", False, 6).kind(),
    _Flavour("restyle_e4e", "ReStyle on e4e", True, 6).kind(),
    base.Kind(
        name="latent_discriminator",
        description="the discriminator of w of e4e",
        recognize=lambda tree: names.is_state_dict(tree) and "mlp.0.weight" in tree,
        parts=lambda tree: ("D",),
        build=_build_discriminator,
    ),
)
