"""State dicts of NVIDIA's StyleGAN2 networks, as `export.nvidia` and others write."""

import json
import math

from flax import nnx

from converters import conversion_errors
from converters.formats import checkpoint_layouts, entry_names, stylegan2_layouts
from converters.readers import arrays

_GENERATOR_MARKS = ("synthesis.b4.const", "synthesis.b4.conv1.affine.weight")
_SYNTHESIS_MARKS = ("b4.const", "b4.conv1.affine.weight")
_DISCRIMINATOR_MARKS = ("b4.fc.weight", "b4.out.weight", "b8.conv0.weight")


def _recognize(tree: object) -> bool:
    return isinstance(tree, dict) and any(
        all(mark in tree for mark in marks)
        for marks in (_GENERATOR_MARKS, _SYNTHESIS_MARKS, _DISCRIMINATOR_MARKS)
    )


def _parts(tree: object) -> tuple[str, ...]:
    return ("D",) if _DISCRIMINATOR_MARKS[0] in entry_names.table(tree) else ("G_ema",)


def _build(tree: object, part: str | None, gaps: checkpoint_layouts.Gaps) -> nnx.Module:
    del part  # there is one
    state = entry_names.texts(entry_names.table(tree))
    noted = _noted(state.pop(arrays.METADATA, None))
    clamp = noted[0] if noted else gaps.fill("conv_clamp", None)
    if _DISCRIMINATOR_MARKS[0] in state:
        settings = stylegan2_layouts.DiscriminatorSettings(
            conv_clamp=clamp,
            taps=stylegan2_layouts.taps(state.get("b8.conv1.resample_filter"), gaps),
            group_size=gaps.fill("group_size", 4),
            **_mapping_multiplier(state, gaps),
        )
        return stylegan2_layouts.discriminator(state, settings)
    if _SYNTHESIS_MARKS[0] in state:
        state = {f"synthesis.{name}": value for name, value in state.items()}
    if "mapping.fc0.weight" not in state:
        gaps.assumed["mapping"] = "none: the file has the synthesis network alone"
    multiplier = noted[1] if noted else gaps.fill("lr_multiplier", 0.01)
    kernel = state.get("synthesis.b8.conv0.resample_filter")
    settings = stylegan2_layouts.GeneratorSettings(
        conv_clamp=clamp,
        lr_multiplier=multiplier,
        taps=stylegan2_layouts.taps(kernel, gaps),
    )
    return stylegan2_layouts.generator(
        state | stylegan2_layouts.noise(state, gaps), settings
    )


def _mapping_multiplier(
    state: dict[str, object], gaps: checkpoint_layouts.Gaps
) -> dict[str, float]:
    if "mapping.fc0.weight" not in state:
        return {}
    return {"mapping_lr_multiplier": gaps.fill("lr_multiplier", 0.01)}


def _noted(text: object) -> tuple[float | None, float] | None:
    """The clamp and the multiplier that `export.nvidia` notes; None without a note."""
    if text is None:
        return None
    try:
        if not isinstance(text, str):
            raise TypeError
        noted = json.loads(text)
        if not noted:
            return None
        clamp, multiplier = noted.get("conv_clamp"), noted.get("lr_multiplier", 0.01)
        for number in (clamp, multiplier):
            if number is not None and not math.isfinite(float(number)):
                raise ValueError
        return None if clamp is None else float(clamp), float(multiplier)
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise conversion_errors.ConversionError(
            "the note on the settings is damaged"
        ) from None


KIND = checkpoint_layouts.Kind(
    name="nvidia_state_dict",
    description="state dict of NVIDIA's StyleGAN2 networks (safetensors, .pt)",
    recognize=_recognize,
    missing=checkpoint_layouts.needs(
        _GENERATOR_MARKS, _SYNTHESIS_MARKS, _DISCRIMINATOR_MARKS
    ),
    parts=_parts,
    build=_build,
)
