"""StyleGAN2's TensorFlow pickles (config-f, ADA): `(G, D, Gs)`.

The renaming is that of NVIDIA's `legacy.py`; see FORMATS in the docstrings of `_RULES`.
"""

import re
from collections.abc import Mapping

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import (
    checkpoint_layouts,
    entry_names,
    stylegan2_layouts,
    tf_networks,
)
from converters.readers.records import Record
from jax_encoder.nn import stylegan2 as networks
from jax_encoder.nn import stylegan2_discriminator

_FIRST_VERSION = 4


def _recognize(tree: object) -> bool:
    return tf_networks.is_triple(tree) and all(
        tf_networks.version(network) >= _FIRST_VERSION for network in tree
    )


def _build(tree: object, part: str | None, gaps: checkpoint_layouts.Gaps) -> nnx.Module:
    del gaps  # the pickled settings tell everything
    if not tf_networks.is_triple(tree):
        raise conversion_errors.ConversionError("not the three networks (G, D, Gs)")
    network = tf_networks.networks(tree)[part or "G_ema"]
    return discriminator(network) if part == "D" else generator(network)


def generator(network: Record) -> networks.StyleGAN2Generator:
    """Makes a generator out of a pickled one.

    Raises:
      ConversionError: it does not fit.
    """
    settings = tf_networks.settings(network)
    _check(settings, "mapping_nonlinearity", "nonlinearity")
    if settings.get("normalize_latents", True) is not True:
        raise conversion_errors.ConversionError(
            "a mapping network without normalized latents"
        )
    arrays = dict(_generator_arrays(tf_networks.variables(network)))
    return stylegan2_layouts.generator(
        arrays,
        stylegan2_layouts.GeneratorSettings(
            conv_clamp=_number(settings, "conv_clamp", None),
            lr_multiplier=_number(settings, "mapping_lrmul", 0.01) or 0.01,
            taps=_taps(settings),
        ),
    )


def discriminator(network: Record) -> stylegan2_discriminator.StyleGAN2Discriminator:
    """Makes a discriminator out of a pickled one.

    Raises:
      ConversionError: it does not fit.
    """
    settings = tf_networks.settings(network)
    _check(settings, "mapping_nonlinearity", "nonlinearity")
    arrays = dict(_discriminator_arrays(tf_networks.variables(network)))
    return stylegan2_layouts.discriminator(
        arrays,
        stylegan2_layouts.DiscriminatorSettings(
            conv_clamp=_number(settings, "conv_clamp", None),
            taps=_taps(settings),
            group_size=_group_size(network, settings),
            mapping_lr_multiplier=_number(settings, "mapping_lrmul", 0.1) or 0.1,
        ),
    )


_LEAVES = {
    "weight": "weight",
    "bias": "bias",
    "mod_weight": "affine.weight",
    "mod_bias": "affine.bias",
    "noise_strength": "noise_strength",
}


def _generator_arrays(variables: Mapping[str, np.ndarray]):
    """Yields NVIDIA's names and arrays in torch's axis order."""
    sides = [m[1] for m in map(_BLOCK.match, variables) if m]
    resolution = max((int(side) for side in sides), default=4)
    for name, value in variables.items():
        if name == "lod":
            continue
        if name == "dlatent_avg":
            yield "mapping.w_avg", value
        elif name.startswith("mapping/"):
            yield _mapping(name.removeprefix("mapping/"), "Dense", value)
        elif match := re.fullmatch(r"synthesis/noise(\d{1,2})", name):
            yield _noise(int(match[1]), value)
        elif name == "synthesis/4x4/Const/const":
            yield "synthesis.b4.const", entry_names.check_rank(value, 4)[0]
        elif match := re.fullmatch(r"synthesis/(.+)/(\w+)", name):
            yield _synthesis(match[1], match[2], value, resolution)
        else:
            yield name, value


_BLOCK = re.compile(r"synthesis/(\d{1,5})x\1/")
_LAYERS = {
    "Conv": "conv1",
    "Conv0_up": "conv0",
    "Conv1": "conv1",
    "ToRGB": "torgb",
    "Skip": "skip",
}


def _synthesis(
    path: str, leaf: str, value: np.ndarray, resolution: int
) -> tuple[str, np.ndarray]:
    """One array of a synthesis layer."""
    if match := re.fullmatch(r"ToRGB_lod(\d{1,2})", path):  # the old naming
        block, layer = f"b{resolution >> int(match[1])}", "torgb"
    elif match := re.fullmatch(r"(\d{1,5})x\1/(\w+)", path):
        block, layer = f"b{match[1]}", _LAYERS.get(match[2], match[2])
    else:
        return f"synthesis/{path}/{leaf}", value
    name = f"synthesis.{block}.{layer}.{_LEAVES.get(leaf, leaf)}"
    try:
        if leaf == "weight":
            # Torch correlates with the kernel that TensorFlow's upsampling convolves
            # with (`legacy.py`).
            is_up = layer in ("conv0", "skip")
            return name, entry_names.oihw(value[::-1, ::-1] if is_up else value)
        if leaf == "mod_weight":
            return name, entry_names.dense(value)
        return name, value + 1 if leaf == "mod_bias" else value
    except conversion_errors.ConversionError as error:
        raise error.within("", f"synthesis/{path}/{leaf}") from None


def _noise(index: int, value: np.ndarray) -> tuple[str, np.ndarray]:
    layer = 1 if index == 0 else (index + 1) % 2
    name = f"synthesis.b{2 ** ((index + 5) // 2)}.conv{layer}.noise_const"
    return name, entry_names.check_rank(value, 4)[0, 0]


def _mapping(name: str, stem: str, value: np.ndarray) -> tuple[str, np.ndarray]:
    """One array of a mapping network, whose layers are called `stem` + number."""
    layer, _, leaf = name.partition("/")
    match = re.fullmatch(rf"{stem}(\d{{1,3}})", layer)
    ours = "embed" if layer == "LabelEmbed" else match and f"fc{match[1]}"
    if not ours:
        return f"mapping/{name}", value
    return f"mapping.{ours}.{leaf}", entry_names.dense(
        value
    ) if leaf == "weight" else value


_DISCRIMINATOR_LAYERS = {
    "FromRGB": "fromrgb",
    "Conv0": "conv0",
    "Conv1_down": "conv1",
    "Skip": "skip",
    "Conv": "conv",
    "Dense0": "fc",
}


def _discriminator_arrays(variables: Mapping[str, np.ndarray]):
    """Yields NVIDIA's names and arrays in torch's axis order."""
    sides = [re.match(r"(\d{1,5})x\1/", name) for name in variables]
    resolution = max((int(match[1]) for match in sides if match), default=4)
    for name, value in variables.items():
        path, _, leaf = name.rpartition("/")
        layer = path
        if name == "lod":
            continue
        if match := re.fullmatch(r"FromRGB_lod(\d{1,2})", path):  # the old naming
            layer = f"b{resolution >> int(match[1])}.fromrgb"
        elif match := re.fullmatch(r"(\d{1,5})x\1/(\w+)", path):
            layer = f"b{match[1]}.{_DISCRIMINATOR_LAYERS.get(match[2], match[2])}"
        elif path == "Output":
            layer = "b4.out"
        elif path == "LabelEmbed" or path.startswith("Mapping"):
            yield _mapping(name, "Mapping", value)
            continue
        if leaf == "weight":
            value = (
                entry_names.dense(value) if value.ndim == 2 else entry_names.oihw(value)
            )
        yield f"{layer}.{leaf}", value


def _check(settings: Mapping[str, object], *activations: str) -> None:
    for name in activations:
        if settings.get(name, "lrelu") != "lrelu":
            raise conversion_errors.ConversionError(f"{name} other than 'lrelu'")


def _number(settings: Mapping[str, object], name: str, default: float | None):
    value = settings.get(name, default)
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, int | float):
        raise conversion_errors.ConversionError(f"the setting {name!r} is no number")
    return None if value is None else float(value)


def _taps(settings: Mapping[str, object]) -> tuple[float, ...]:
    kernel = settings.get("resample_kernel")
    if kernel is None or isinstance(kernel, np.ndarray):
        return stylegan2_layouts.taps(kernel)
    if not isinstance(kernel, list | tuple) or not all(
        isinstance(tap, int | float) for tap in kernel
    ):
        raise conversion_errors.ConversionError(
            "the setting 'resample_kernel' is no list of taps"
        )
    return stylegan2_layouts.taps(np.asarray(kernel, np.float64))


def _group_size(network: Record, settings: Mapping[str, object]) -> int | None:
    """Samples per minibatch statistic.

    Where the file does not set it, the default of its own source text holds (4 in
    stylegan2; the whole batch in stylegan2-ada, as in `legacy.py`). The text is only
    searched.
    """
    value = settings.get("mbstd_group_size")
    if "mbstd_group_size" not in settings:
        source = network.get("build_module_src", "")
        source = source[:1_000_000] if isinstance(source, str) else ""
        match = re.search(r"mbstd_group_size\s{0,80}=\s{0,80}(\d{1,6})\b", source)
        value = int(match[1]) if match else None
    if value is not None and not isinstance(value, int):
        raise conversion_errors.ConversionError(
            "the setting 'mbstd_group_size' is no number"
        )
    return value or None


KIND = checkpoint_layouts.Kind(
    name="tensorflow_stylegan2",
    description="StyleGAN2 pickle of the TensorFlow code (NVIDIA)",
    recognize=_recognize,
    missing=tf_networks.missing,
    parts=lambda tree: tf_networks.PARTS,
    build=_build,
)
