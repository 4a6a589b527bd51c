"""pSp, e4e, ReStyle, W encoders: whole published files, or an encoder alone.

A published file is `{"state_dict": {"encoder.*", "decoder.*"}, "latent_avg", "opts"}`.
An encoder's own state dict has no prefix.
The state dicts of pSp and e4e have the same names; `opts["encoder_type"]` tells them
apart, or the caller does.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import (
    assign,
    checkpoint_layouts,
    entry_names,
    rosinality,
    torch_layers,
)
from converters.readers.records import Record
from jax_encoder.nn import (
    encoder_decoder,
    latent_discriminator,
    style_encoder,
    stylegan2,
)

_HEADS_MARK = "encoder.styles.0.linear.weight"
_SHARED_MARKS = ("encoder.linear.weight", "encoder.input_layer.0.weight")
_DECODER_MARK = "decoder.conv1.conv.modulation.weight"
_PROGRESSIVE = {
    "GradualStyleEncoder": False,
    "ResNetGradualStyleEncoder": False,
    "BackboneEncoder": False,
    "ResNetBackboneEncoder": False,
    "Encoder4Editing": True,
    "ProgressiveBackboneEncoder": True,
    "ResNetProgressiveBackboneEncoder": True,
}
_DISCRIMINATOR = "discriminator_state_dict"


def encoder(
    tree: Mapping[str, np.ndarray],
    *,
    is_progressive: bool,
    input_height: int = 256,
    num_ws: int | None = None,
) -> style_encoder.StyleEncoder:
    """Makes an encoder.

    Args:
      tree: its state dict, without the prefix "encoder.".
      is_progressive: heads give differences to the first row (e4e).
      input_height: of the 256-pixel wide pictures; 192 for cars.
      num_ws: rows of w, where the encoder gives one w for all of them.

    Raises:
      ConversionError: it does not fit.
    """
    has_resnet = "conv1.weight" in tree
    block = "body.{}.conv1.weight" if has_resnet else "body.{}.res_layer.1.weight"
    widths, depths = torch_layers.stage_depths(tree, block)
    stem = tree["conv1.weight" if has_resnet else "input_layer.0.weight"]
    linear = "linear.weight" if num_ws else "styles.0.linear.weight"
    config = style_encoder.StyleEncoderConfig(
        num_ws=num_ws or entry_names.count(tree, "styles.{}.linear.weight"),
        w_dim=entry_names.check_rank(tree[linear], 2).shape[0],
        backbone="resnet34" if has_resnet else "irse50",
        is_pyramid="latlayer1.weight" in tree,
        is_progressive=is_progressive,
        is_shared=num_ws is not None,
        in_channels=entry_names.check_rank(stem, 4).shape[1],
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
    if head.startswith("latlayer") or head == "linear":
        return name
    if not has_resnet:
        return f"backbone.{entry_names.rename(name, torch_layers.IRSE_RULES)}"
    if head == "relu":
        return f"backbone.prelu.{rest}"
    if head == "body":
        index, _, tail = rest.partition(".")
        block = _stage_block(int(index), depths) if index.isdecimal() else index
        name = f"{block}.{tail}"
    return f"backbone.{entry_names.rename(name, torch_layers.DOWNSAMPLE_RULES)}"


def _stage_block(index: int, depths: tuple[int, ...]) -> str:
    for stage, depth in enumerate(depths, 1):
        if index < depth:
            return f"layer{stage}_{index}"
        index -= depth
    return f"body_{index}"


def _option(tree: object, name: str, default: object) -> object:
    options: object = entry_names.table(tree).nearby("opts")
    if isinstance(options, Mapping | Record):
        value = options.get(name, default)
        return default if value is None else value
    return default


def _text(value: object) -> str:
    """A foreign value if it is a text; the text of others may be endless."""
    return value if isinstance(value, str) else ""


def _state(tree: object) -> entry_names.Entries:
    """The state dict, with the prefix that an encoder's own one lacks.

    It is made once of a table: every kind asks for it, and a table may be long.
    """
    table = entry_names.table(tree)
    kept = vars(table)
    if "encoder_state" not in kept:
        kept["encoder_state"] = _find_state(table)
    return kept["encoder_state"]


def _find_state(table: entry_names.Entries) -> entry_names.Entries:
    state = table.get("state_dict", table)
    if isinstance(state, dict) and not _has_known_encoder(state):
        bare = entry_names.Entries(
            (f"encoder.{name}", value)
            for name, value in entry_names.texts(state).items()
        )
        if _has_known_encoder(bare):
            return bare
    if not isinstance(state, dict):
        raise conversion_errors.ConversionError(
            "no table of named arrays", entry="state_dict"
        )
    return entry_names.table(state)


def _has_known_encoder(state: Mapping[str, object]) -> bool:
    return _HEADS_MARK in state or all(mark in state for mark in _SHARED_MARKS)


def _parts(tree: object) -> tuple[str, ...]:
    parts = ["encoder"]
    if _DECODER_MARK in _state(tree):
        parts = ["inverter", "encoder", "G_ema"]
    if isinstance(entry_names.table(tree).get(_DISCRIMINATOR), dict):
        parts.append("latent_discriminator")
    return tuple(parts)


def _build(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps, is_progressive: bool
) -> nnx.Module:
    tree = entry_names.table(tree)
    part = part or _parts(tree)[0]
    state = _state(tree)
    if part == "latent_discriminator":
        return _build_discriminator(entry_names.table(tree[_DISCRIMINATOR]))
    decoder = None if part == "encoder" else _decoder(tree, state, gaps)
    if part == "G_ema" and decoder is not None:
        return decoder
    is_car = "car" in _text(_option(tree, "dataset_type", ""))
    found = encoder(
        entry_names.under(state, "encoder."),
        is_progressive=is_progressive,
        input_height=192 if is_car else 256,
        num_ws=None if _HEADS_MARK in state else _rows(tree, decoder, gaps),
    )
    return found if decoder is None else _join(found, decoder, tree)


def _decoder(
    tree: object, state: Mapping[str, np.ndarray], gaps: checkpoint_layouts.Gaps
) -> stylegan2.StyleGAN2Generator:
    latent_avg = entry_names.table(tree).nearby("latent_avg")
    return rosinality.generator(entry_names.under(state, "decoder."), latent_avg, gaps)


def _rows(
    tree: entry_names.Entries,
    decoder: stylegan2.StyleGAN2Generator | None,
    gaps: checkpoint_layouts.Gaps,
) -> int:
    """The rows of w that the W encoder repeats its w for."""
    if decoder is not None:
        return decoder.config.num_ws
    for name in ("stylegan_size", "output_size"):
        side = _option(tree, name, None)
        if isinstance(side, int) and 8 <= side <= 1 << 14:
            return 2 * side.bit_length() - 4
    latent_avg = tree.nearby("latent_avg")
    rows = np.asarray(latent_avg) if isinstance(latent_avg, np.ndarray) else np.zeros(0)
    if rows.ndim == 2 and 2 < len(rows) <= 26:
        return len(rows)
    return gaps.fill("num_ws", 18)


def _join(
    encoder: style_encoder.StyleEncoder,
    decoder: stylegan2.StyleGAN2Generator,
    tree: entry_names.Entries,
) -> encoder_decoder.EncoderDecoder:
    told = _option(tree, "n_iters_per_batch", 5)
    steps = int(told) if isinstance(told, int | float | np.number) else 5
    config = encoder_decoder.EncoderDecoderConfig(
        encoder=encoder.config,
        decoder=decoder.config,
        num_steps=steps if encoder.config.is_refining else 1,
        is_relative=bool(_option(tree, "start_from_latent_avg", True)),
    )
    whole = nnx.eval_shape(
        lambda: encoder_decoder.EncoderDecoder(config, rngs=nnx.Rngs(0))
    )
    whole.encoder, whole.decoder = encoder, decoder
    whole.latent_avg.set_value(_latent_avg(tree, decoder))
    return whole


def _latent_avg(
    tree: entry_names.Entries, decoder: stylegan2.StyleGAN2Generator
) -> jax.Array:
    """`[num_ws, w_dim]`: every row of the file's, or the generator's mean."""
    shape = (decoder.config.num_ws, decoder.config.w_dim)
    stored = tree.nearby("latent_avg")
    rows = decoder.w_avg[...][None] if stored is None else np.asarray(stored)
    rows = rows.reshape(-1, shape[1]).astype(np.float32)
    if len(rows) not in (1, shape[0]):
        raise conversion_errors.ConversionError(
            f"latent_avg has {len(rows)} rows, the generator takes {shape[0]}",
            entry="latent_avg",
        )
    return jnp.broadcast_to(jnp.asarray(rows), shape)


def _build_discriminator(
    tree: entry_names.Entries,
) -> latent_discriminator.LatentDiscriminator:
    number = 0
    while f"mlp.{2 * number}.weight" in tree:
        number += 1
    config = latent_discriminator.LatentDiscriminatorConfig(
        w_dim=entry_names.check_rank(tree["mlp.0.weight"], 2).shape[1],
        num_layers=number,
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


def _recognize(tree: object, is_progressive: bool, is_refining: bool) -> bool:
    state = _state(tree)
    if _HEADS_MARK not in state:
        return False
    stem = "conv1" if "encoder.conv1.weight" in state else "input_layer.0"
    num_channels = state[f"encoder.{stem}.weight"].shape[1]
    if (num_channels == 6) != is_refining:
        return False
    told = _PROGRESSIVE.get(_text(_option(tree, "encoder_type", "")))
    if told is None and num_channels not in (3, 6):
        told = False  # sketches and segmentations: pSp only
    return told is None or told == is_progressive


def _missing(tree: object) -> str:
    if not isinstance(tree, dict):
        return "a table of named arrays (a state dict)"
    return "" if _HEADS_MARK in _state(tree) else f"the entry {_HEADS_MARK!r}"


def _is_shared(tree: object) -> bool:
    state = _state(tree)
    return _HEADS_MARK not in state and _has_known_encoder(state)


def _missing_shared(tree: object) -> str:
    if not isinstance(tree, dict):
        return "a table of named arrays (a state dict)"
    return "" if _is_shared(tree) else f"the entry {_SHARED_MARKS[0]!r} (or has heads)"


def _is_unknown(tree: object) -> bool:
    state = _state(tree)
    has_encoder = any(
        isinstance(name, str) and name.startswith("encoder.") for name in state
    )
    return has_encoder and _DECODER_MARK in state and not _has_known_encoder(state)


def _build_unknown(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> stylegan2.StyleGAN2Generator:
    if part != "G_ema":
        raise conversion_errors.ConversionError(
            "the encoder of this file is none that is known (pSp, e4e, ReStyle, the W"
            " encoder); its generator can be had with part='G_ema' (--part=G_ema)"
        )
    return _decoder(tree, _state(tree), gaps)


def _flavor(
    name: str, description: str, is_progressive: bool, is_refining: bool
) -> checkpoint_layouts.Kind:
    return checkpoint_layouts.Kind(
        name=name,
        description=description,
        recognize=lambda tree: _recognize(tree, is_progressive, is_refining),
        missing=_missing,
        parts=_parts,
        build=lambda tree, part, gaps: _build(tree, part, gaps, is_progressive),
    )


KINDS = (
    _flavor("psp", "pSp: encoder, with or without its generator", False, False),
    _flavor("e4e", "e4e: encoder, with or without its generator", True, False),
    _flavor("restyle_psp", "ReStyle on pSp", False, True),
    _flavor("restyle_e4e", "ReStyle on e4e", True, True),
    checkpoint_layouts.Kind(
        name="w_encoder",
        description="W encoder of e4e and HyperStyle: one w for all rows",
        recognize=_is_shared,
        missing=_missing_shared,
        parts=_parts,
        build=lambda tree, part, gaps: _build(tree, part, gaps, False),
    ),
    checkpoint_layouts.Kind(
        name="unknown_encoder",
        description="an unknown encoder with a StyleGAN2 generator of rosinality",
        recognize=_is_unknown,
        missing=checkpoint_layouts.needs((_DECODER_MARK,)),
        parts=lambda tree: ("encoder", "G_ema"),
        build=_build_unknown,
    ),
    checkpoint_layouts.Kind(
        name="latent_discriminator",
        description="the discriminator of w of e4e",
        recognize=lambda tree: (
            entry_names.is_state_dict(tree) and "mlp.0.weight" in tree
        ),
        missing=checkpoint_layouts.needs(("mlp.0.weight",)),
        parts=lambda tree: ("D",),
        build=checkpoint_layouts.whole(_build_discriminator),
    ),
)
