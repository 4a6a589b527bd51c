"""StyleGAN2 of rosinality/stylegan2-pytorch: `.pt`, converted or from training.

Also the generators inside files of other programs (HyperStyle's `decoder.*`), which lie
under prefixes that `views` looks through.
"""

import re
from collections.abc import Mapping

import numpy as np

from converters import conversion_errors
from converters.formats import checkpoint_layouts, entry_names, stylegan2_layouts
from jax_encoder.nn import stylegan2 as networks
from jax_encoder.nn import stylegan2_discriminator

_KEYS = {"G_ema": "g_ema", "G": "g", "D": "d"}
_GENERATOR_MARK = "conv1.conv.modulation.weight"
_DISCRIMINATOR_MARK = "final_linear.0.weight"
_BLOCK = r"convs\.[1-9]\d*\.conv1\.0\.weight"
_DISCRIMINATOR_RULES = (
    (r"^conv1\.0\.", "conv0."),
    (r"^conv1\.1\.", "conv0."),
    (r"^conv2\.1\.", "conv1."),
    (r"^conv2\.2\.", "conv1."),
    (r"^skip\.1\.", "skip."),
)


def _parts(tree: object) -> tuple[str, ...]:
    tree = entry_names.table(tree)
    if _GENERATOR_MARK in tree:
        return ("G_ema",)
    if _DISCRIMINATOR_MARK in tree:
        return ("D",)
    marks = {"G_ema": _GENERATOR_MARK, "G": _GENERATOR_MARK, "D": _DISCRIMINATOR_MARK}
    return tuple(
        part
        for part, key in _KEYS.items()
        if isinstance(tree.get(key), dict) and marks[part] in tree[key]
    )


def _missing(tree: object) -> str:
    if not isinstance(tree, dict):
        return "a table of named arrays (a state dict)"
    return "" if _parts(tree) else f"the entry {_GENERATOR_MARK!r}"


def _build(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> networks.StyleGAN2Generator | stylegan2_discriminator.StyleGAN2Discriminator:
    tree = entry_names.table(tree)
    part = part or _parts(tree)[0]
    is_bare = _GENERATOR_MARK in tree or _DISCRIMINATOR_MARK in tree
    state = tree if is_bare else tree[_KEYS[part]]
    if part == "D":
        return discriminator(state, gaps)
    return generator(state, tree.nearby("latent_avg"), gaps)


def generator(
    state: Mapping[str, np.ndarray], latent_avg: object, gaps: checkpoint_layouts.Gaps
) -> networks.StyleGAN2Generator:
    """Makes a generator.

    Args:
      state: the state dict of `model.Generator`.
      latent_avg: `[w_dim]` or `[num_ws, w_dim]`; None: the mean is estimated.
      gaps: fills what the file does not tell.

    Raises:
      ConversionError: it does not fit.
    """
    kernel = state.get("convs.0.conv.blur.kernel")
    arrays = {
        _generator_name(k): _squeeze(k, v) for k, v in entry_names.texts(state).items()
    }
    for name in ("", "latent_avg"):
        arrays.pop(name, None)
    if latent_avg is not None:
        arrays["mapping.w_avg"] = mean_row(latent_avg)
    settings = stylegan2_layouts.GeneratorSettings(
        lr_multiplier=gaps.fill("lr_multiplier", 0.01),
        taps=stylegan2_layouts.taps(kernel, gaps),
    )
    return stylegan2_layouts.generator(
        arrays | stylegan2_layouts.noise(arrays, gaps), settings
    )


def mean_row(latent_avg: object) -> np.ndarray:
    """The mean latent `[w_dim]` of a file that may hold one row per layer.

    Raises:
      ConversionError: it is no such array.
    """
    if not isinstance(latent_avg, np.ndarray) or not 1 <= latent_avg.ndim <= 3:
        raise conversion_errors.ConversionError(
            "no array of one latent", entry="latent_avg"
        )
    if latent_avg.ndim == 1:
        return latent_avg
    rows = np.asarray(latent_avg.reshape(-1, latent_avg.shape[-1]), np.float32)
    if len(rows) == 0:
        raise conversion_errors.ConversionError("no rows", entry="latent_avg")
    # The rows of published files are copies of each other; their mean is the row.
    return rows[0] if np.all(rows == rows[:1]) else rows.mean(axis=0)


def discriminator(
    state: Mapping[str, np.ndarray], gaps: checkpoint_layouts.Gaps
) -> stylegan2_discriminator.StyleGAN2Discriminator:
    """Makes a discriminator.

    Args:
      state: the state dict of `model.Discriminator`.
      gaps: fills what the file does not tell.

    Raises:
      ConversionError: it does not fit.
    """
    state = entry_names.texts(state)
    num_blocks = sum(1 for name in state if re.fullmatch(_BLOCK, name))
    if not 0 < num_blocks < 16:
        raise conversion_errors.ConversionError(
            f"a discriminator of {num_blocks} blocks"
        )
    kernel = state.get("convs.1.conv2.0.kernel")
    arrays = {_discriminator_name(k, num_blocks): v for k, v in state.items()}
    arrays.pop("", None)
    settings = stylegan2_layouts.DiscriminatorSettings(
        taps=stylegan2_layouts.taps(kernel, gaps), group_size=gaps.fill("group_size", 4)
    )
    return stylegan2_layouts.discriminator(arrays, settings)


def _generator_name(name: str) -> str:
    """NVIDIA's name; empty for what is not needed."""
    head, _, rest = name.partition(".")
    index, _, tail = rest.partition(".")
    if head == "style" and index.isdecimal() and len(index) < 4:
        return f"mapping.fc{int(index) - 1}.{tail}"
    if name == "input.input":
        return "synthesis.b4.const"
    if head == "noises":
        return _noise_name(rest)
    if head in ("conv1", "to_rgb1"):
        prefix = "b4.conv1." if head == "conv1" else "b4.torgb."
        return _layer_name(prefix, rest)
    if head in ("convs", "to_rgbs") and index.isdecimal() and len(index) < 4:
        number = int(index)
        if head == "convs":
            prefix = f"b{2 ** (3 + number // 2)}.conv{number % 2}."
        else:
            prefix = f"b{2 ** (3 + number)}.torgb."
        return _layer_name(prefix, tail)
    return name


def _noise_name(name: str) -> str:
    number = name.removeprefix("noise_")
    if not number.isdecimal() or len(number) > 3:
        return f"noises.{name}"
    index = int(number)
    layer = 1 if index == 0 else (index + 1) % 2
    return f"synthesis.b{2 ** ((index + 5) // 2)}.conv{layer}.noise_const"


_LAYER_NAMES = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
    "conv.blur.kernel": "",
    "upsample.kernel": "",
}


def _layer_name(prefix: str, name: str) -> str:
    ours = _LAYER_NAMES.get(name, name)
    return f"synthesis.{prefix}{ours}" if ours else ""


def _discriminator_name(name: str, num_blocks: int) -> str:
    """NVIDIA's name; empty for what is not needed."""
    head, _, rest = name.partition(".")
    if rest.endswith("kernel"):
        return ""
    if head == "final_conv":
        return f"b4.conv.{rest.partition('.')[2]}"
    if head == "final_linear":
        index, _, tail = rest.partition(".")
        return f"b4.{'fc' if index == '0' else 'out'}.{tail}"
    index, _, tail = rest.partition(".")
    if head != "convs" or not index.isdecimal() or len(index) > 3:
        return name
    number = int(index)
    side = 2 ** (num_blocks + 2)
    if number == 0:
        return f"b{side}.fromrgb.{tail.partition('.')[2]}"
    block = 2 ** max(num_blocks + 3 - number, 0)
    return f"b{block}.{entry_names.rename(tail, _DISCRIMINATOR_RULES)}"


def _squeeze(name: str, value: np.ndarray) -> np.ndarray:
    """Drops the axes of length one that this layout has in front or behind."""
    rank = np.ndim(value)
    if name.endswith("conv.weight") and rank == 5:
        return value[0]
    if name == "input.input" and rank == 4:
        return value[0]
    if name.startswith("noises.") and rank == 4:
        return value[0, 0]
    if name.startswith("to_rgb") and name.endswith(".bias") and rank == 4:
        return value[0, :, 0, 0]
    if name.endswith("noise.weight") and rank == 1:
        return value[0]
    return value


KIND = checkpoint_layouts.Kind(
    name="rosinality",
    description="StyleGAN2 of rosinality/stylegan2-pytorch (.pt)",
    recognize=lambda tree: isinstance(tree, dict) and bool(_parts(tree)),
    missing=_missing,
    parts=lambda tree: _parts(tree) or tuple(_KEYS),
    build=_build,
)
