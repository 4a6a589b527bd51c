"""State dicts of NVIDIA's StyleGAN2 networks, as `export.nvidia` and others write."""

import json
import math
from typing import Any

from converters import errors
from converters.formats import base, stylegan2
from converters.readers import arrays

_GENERATOR_MARKS = ("synthesis.b4.const", "synthesis.b4.conv1.affine.weight")
_DISCRIMINATOR_MARKS = ("b4.fc.weight", "b4.out.weight", "b8.conv0.weight")


def _recognize(tree: Any) -> bool:
    return isinstance(tree, dict) and any(
        all(mark in tree for mark in marks)
        for marks in (_GENERATOR_MARKS, _DISCRIMINATOR_MARKS)
    )


def _parts(tree: Any) -> tuple[str, ...]:
    return ("G_ema",) if _GENERATOR_MARKS[0] in tree else ("D",)


def _build(tree: Any, part: str | None) -> Any:
    state = dict(tree)
    settings = _settings(state.pop(arrays.METADATA, "{}"))
    if _parts(tree) == ("D",):
        kernel = state.get("b8.conv1.resample_filter")
        return stylegan2.discriminator(
            state, stylegan2.DiscriminatorSettings(taps=stylegan2.taps(kernel))
        )
    kernel = state.get("synthesis.b8.conv0.resample_filter")
    return stylegan2.generator(
        state,
        stylegan2.GeneratorSettings(taps=stylegan2.taps(kernel), **settings),
    )


def _settings(text: Any) -> dict[str, Any]:
    """What `export.nvidia` notes beside the arrays."""
    try:
        noted = json.loads(text)
        clamp, multiplier = noted.get("conv_clamp"), noted.get("lr_multiplier", 0.01)
        for number in (clamp, multiplier):
            if number is not None and not math.isfinite(float(number)):
                raise ValueError
        return {
            "conv_clamp": None if clamp is None else float(clamp),
            "lr_multiplier": float(multiplier),
        }
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise errors.ConversionError("the note on the settings is damaged") from None


KIND = base.Kind(
    name="nvidia_state_dict",
    description="state dict of NVIDIA's StyleGAN2 networks (safetensors, .pt)",
    recognize=_recognize,
    parts=_parts,
    build=_build,
)
