"""StyleGAN 1 and 2 generators of genforce/genforce: `.pth`.

`{"generator": ..., "generator_smooth": ..., "discriminator": ...}`, or one of these.
The mapping is `mapping.dense{i}` in both; StyleGAN1 names its constant
`synthesis.layer0.const`, StyleGAN2 `synthesis.early_layer.const`.
"""

import re

import numpy as np

from converters import conversion_errors
from converters.formats import (
    checkpoint_layouts,
    entry_names,
    interfacegan,
    stylegan1_layouts,
    stylegan2_layouts,
)
from jax_encoder.nn import stylegan1 as stylegan1_networks
from jax_encoder.nn import stylegan2 as stylegan2_networks

_STYLEGAN1_MARKS = ("synthesis.layer0.const", "mapping.dense0.weight")
_STYLEGAN2_MARKS = ("synthesis.early_layer.const", "mapping.dense0.weight")
_DERIVED = r"synthesis\.lod|synthesis\..*\.(blur|filter)\.kernel|.*upsample\.kernel"
_STYLEGAN1_RULES = (
    (r"^truncation\.w_avg$", "w_avg"),
    (r"^synthesis\.layer0\.const$", "synthesis.const"),
    (r"\.apply_noise\.noise$", ".noise_const"),
    (r"\.apply_noise\.weight$", ".noise_weight"),
    (r"\.style\.", ".style_mod."),
)


def _build_stylegan1(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> stylegan1_networks.StyleGAN1Generator:
    del part  # there is one
    tree = entry_names.table(tree)
    interfacegan.check_blur(tree)
    arrays = {
        entry_names.rename(name, _STYLEGAN1_RULES): _stylegan1_axes(name, value)
        for name, value in _used(tree).items()
    }
    settings = stylegan1_layouts.StyleGAN1Settings(
        fused_scale=gaps.fill("fused_scale", "auto"),
        lod=interfacegan.lod(tree),
        lr_multiplier=gaps.fill("lr_multiplier", 0.01),
        has_tanh=gaps.fill("has_tanh", False),
    )
    return stylegan1_layouts.generator(arrays, settings)


def _stylegan1_axes(name: str, value: np.ndarray) -> np.ndarray:
    try:
        if name == "synthesis.layer0.const":
            return np.transpose(entry_names.check_rank(value, 4)[0], (1, 2, 0))
        if name.endswith(".noise"):
            return entry_names.check_rank(value, 4)[0, 0]
        if not name.endswith(".weight") or np.ndim(value) == 1:
            return value
        return (
            entry_names.dense(value) if np.ndim(value) == 2 else entry_names.hwio(value)
        )
    except conversion_errors.ConversionError as error:
        raise error.within("", name) from None


def _build_stylegan2(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> stylegan2_networks.StyleGAN2Generator:
    del part  # there is one
    tree = entry_names.table(tree)
    kernel = tree.get("synthesis.layer1.filter.kernel")
    if isinstance(kernel, np.ndarray) and kernel.ndim == 4:
        kernel = kernel[0, 0]
    state = dict(_stylegan2_entry(name, value) for name, value in _used(tree).items())
    settings = stylegan2_layouts.GeneratorSettings(
        lr_multiplier=gaps.fill("lr_multiplier", 0.01),
        taps=stylegan2_layouts.taps(kernel, gaps),
    )
    return stylegan2_layouts.generator(
        state | stylegan2_layouts.noise(state, gaps), settings
    )


def _stylegan2_entry(name: str, value: np.ndarray) -> tuple[str, np.ndarray]:
    """NVIDIA's name and form of an entry."""
    if name == "truncation.w_avg":
        return "mapping.w_avg", value
    if name == "synthesis.early_layer.const":
        return "synthesis.b4.const", entry_names.check_rank(value, 4)[0]
    if match := re.fullmatch(r"mapping\.dense(\d{1,2})\.(weight|bias)", name):
        return f"mapping.fc{match[1]}.{match[2]}", value
    match = re.fullmatch(r"synthesis\.(layer|output)(\d{1,2})\.(.+)", name)
    if not match:
        return name, value
    index, leaf = int(match[2]), match[3]
    if match[1] == "output":
        layer = f"synthesis.b{4 << index}.torgb"
    else:
        layer = f"synthesis.b{4 << (index + 1) // 2}.conv{int(index % 2 == 0)}"
    if leaf == "noise":
        return f"{layer}.noise_const", entry_names.check_rank(value, 4)[0, 0]
    if leaf == "style.bias":  # the code that reads the file adds one
        return f"{layer}.affine.bias", value + np.asarray(1, value.dtype)
    if leaf == "weight" and layer.endswith("conv0"):
        # Stored as TensorFlow does: not turned for the transposed convolution.
        return f"{layer}.weight", entry_names.check_rank(value, 4)[:, :, ::-1, ::-1]
    return f"{layer}.{leaf.replace('style.', 'affine.')}", value


def _used(tree: entry_names.Entries) -> dict[str, np.ndarray]:
    """The entries that make a network.

    Raises:
      ConversionError: the generator takes labels.
    """
    if "mapping.label_weight" in tree:
        raise conversion_errors.ConversionError(
            "a generator of classes: its labels are joined to z before normalization,"
            " as no network here does; take an unconditional one",
            entry="mapping.label_weight",
        )
    return entry_names.without(tree, _DERIVED)


def _kind(
    name: str, description: str, marks: tuple[str, ...], build
) -> checkpoint_layouts.Kind:
    def recognize(tree: object) -> bool:
        return entry_names.is_state_dict(tree) and all(mark in tree for mark in marks)

    return checkpoint_layouts.Kind(
        name=name,
        description=description,
        recognize=recognize,
        missing=checkpoint_layouts.needs(marks),
        parts=lambda tree: ("G_ema",),
        build=build,
    )


KINDS = (
    _kind(
        "genforce_stylegan1",
        "StyleGAN1 .pth of genforce/genforce",
        _STYLEGAN1_MARKS,
        _build_stylegan1,
    ),
    _kind(
        "genforce_stylegan2",
        "StyleGAN2 .pth of genforce/genforce",
        _STYLEGAN2_MARKS,
        _build_stylegan2,
    ),
)
