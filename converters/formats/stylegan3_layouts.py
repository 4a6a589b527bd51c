"""NVIDIA's StyleGAN3 pickles (configurations T and R).

The discriminator in these files is StyleGAN2's.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import (
    assign,
    checkpoint_layouts,
    entry_names,
    nvidia,
    persistence,
)
from converters.readers.records import Record
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan3, stylegan3_config
from jax_encoder.nn.checks import describe

# Arguments of the official constructors (layers' included), their types and our fields.
_ARGUMENTS: Mapping[str, tuple[type, ...]] = {
    "channel_base": (int,),
    "channel_max": (int,),
    "num_layers": (int,),
    "num_critical": (int,),
    "first_cutoff": (int, float),
    "first_stopband": (int, float),
    "last_stopband_rel": (int, float),
    "margin_size": (int,),
    "output_scale": (int, float),
    "conv_kernel": (int,),
    "filter_size": (int,),
    "lrelu_upsampling": (int,),
    "use_radial_filters": (bool,),
    "conv_clamp": (int, float, type(None)),
}
_MAX_LAYERS = 256
_MAX_RESOLUTION = 1 << 14


def _recognize(tree: object) -> bool:
    found = nvidia.modules(tree)
    generators = [found[part] for part in ("G_ema", "G") if part in found]
    if not generators:
        return False
    synthesis = persistence.submodules(generators[0]).get("synthesis")
    return synthesis is not None and "input" in persistence.submodules(synthesis)


def _build(tree: object, part: str | None, gaps: checkpoint_layouts.Gaps) -> nnx.Module:
    del gaps  # the pickled modules tell everything
    found = nvidia.modules(tree)
    part = part or next(iter(found))
    if part == "D":
        return nvidia.discriminator(found[part])
    return generator(found[part])


def generator(record: Record) -> stylegan3.StyleGAN3Generator:
    """Makes a StyleGAN3 generator out of the pickled one.

    Raises:
      ConversionError: it does not fit.
    """
    arrays = persistence.state_dict(record)
    has_average = "mapping.w_avg" in arrays
    config = generator_config(record, "file" if has_average else "estimated")
    _check_layers(config, persistence.submodule(record, "synthesis"))
    return _from_arrays(arrays, config)


def _from_arrays(
    arrays: Mapping[str, np.ndarray], config: stylegan3_config.StyleGAN3Config
) -> stylegan3.StyleGAN3Generator:
    ours = {_our_name(k): _our_axes(k, v) for k, v in arrays.items()}
    ours.setdefault("w_avg", np.zeros(config.w_dim, np.float32))
    module = assign.build(
        lambda: stylegan3.StyleGAN3Generator(config, rngs=nnx.Rngs(0)), ours
    )
    if config.w_avg_source == "estimated":
        module.w_avg[...] = jnp.asarray(statistics.estimate(module).w_avg)
    return module


def generator_config(
    record: Record, w_avg_source: str = "file"
) -> stylegan3_config.StyleGAN3Config:
    """Reads the architecture from the attributes of the pickled modules.

    Raises:
      ConversionError: an attribute is missing, or of the wrong type.
    """
    synthesis = persistence.submodule(record, "synthesis")
    mapping = persistence.submodule(record, "mapping")
    arguments = _arguments(synthesis)
    resolution = _integer(synthesis, "img_resolution")
    num_layers = arguments.get("num_layers", 14)
    if not 8 <= resolution <= _MAX_RESOLUTION or not 2 <= num_layers <= _MAX_LAYERS:
        raise conversion_errors.ConversionError(
            f"a StyleGAN3 generator of {resolution} pixels and {num_layers} layers"
        )
    return stylegan3_config.StyleGAN3Config(
        resolution=resolution,
        z_dim=_integer(mapping, "z_dim"),
        c_dim=_integer(mapping, "c_dim"),
        w_dim=_integer(synthesis, "w_dim"),
        num_mapping_layers=_integer(mapping, "num_layers"),
        lr_multiplier=nvidia.lr_multiplier(mapping),
        image_channels=_integer(synthesis, "img_channels"),
        w_avg_source=w_avg_source,
        **arguments,
    )


def _arguments(synthesis: Record) -> dict[str, Any]:
    """The constructor's arguments; what the file does not name has its default."""
    given = synthesis.get("_init_kwargs")
    if not isinstance(given, dict):
        raise conversion_errors.ConversionError(
            "the synthesis network tells no architecture"
        )
    found = {}
    for name, kinds in _ARGUMENTS.items():
        value = given.get(name, synthesis.get(name, _ARGUMENTS))
        if value is _ARGUMENTS:
            continue
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, kinds) or (
            isinstance(value, bool) and bool not in kinds
        ):
            raise conversion_errors.ConversionError(
                f"the setting {name!r} of the SynthesisNetwork is {describe(value)}"
            )
        found[name] = float(value) if float in kinds and value is not None else value
    return found


def _integer(record: Record, name: str) -> int:
    value = persistence.setting(record, name, int, None)
    if value is None:
        raise conversion_errors.ConversionError(
            f"the {record.class_name} has no {name!r}"
        )
    return value


def _check_layers(config: stylegan3_config.StyleGAN3Config, synthesis: Record) -> None:
    """Holds every layer's geometry in the file against ours."""
    for spec in config.layers:
        layer = persistence.submodule(synthesis, spec.name)
        low, high = spec.resampling.padding
        wanted = {
            "up_factor": spec.resampling.up,
            "down_factor": spec.resampling.down,
            "padding": [low, high, low, high],
            "in_size": [spec.in_size] * 2,
            "out_size": [spec.out_size] * 2,
            "is_torgb": spec.is_torgb,
            "conv_clamp": spec.resampling.clamp,
        }
        for name, value in wanted.items():
            got = layer.get(name, value)
            if not _is_equal(got, value):
                raise conversion_errors.ConversionError(
                    f"{name!r} of the layer is {describe(got)}; {value} was expected",
                    entry=f"synthesis.{spec.name}",
                )


def _is_equal(got: object, value: object) -> bool:
    """Whether a foreign value is a number, or a few, that equal ours."""
    if isinstance(got, list | tuple):
        wanted = value if isinstance(value, list) else []
        return len(got) == len(wanted) and all(map(_is_equal, got, wanted))
    if isinstance(got, np.ndarray):
        return got.size <= 4 and np.array_equal(got, np.asarray(value))
    is_scalar = got is None or isinstance(got, int | float | np.generic)
    return is_scalar and not isinstance(value, list) and got == value


def _our_name(name: str) -> str:
    return "w_avg" if name == "mapping.w_avg" else name


def _our_axes(name: str, value: np.ndarray) -> np.ndarray:
    if not name.endswith(".weight"):
        return value
    try:
        return (
            entry_names.dense(value) if np.ndim(value) == 2 else entry_names.hwio(value)
        )
    except conversion_errors.ConversionError as error:
        raise error.within("", name) from None


_LAYER = re.compile(r"synthesis\.L(\d{1,2})_(\d{1,5})_(\d{1,5})\.weight")
_INPUT_MARKS = ("synthesis.input.freqs", "synthesis.input.affine.weight")
_BARE_MARKS = tuple(mark.removeprefix("synthesis.") for mark in _INPUT_MARKS)


def _build_state_dict(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> stylegan3.StyleGAN3Generator:
    """Makes a generator out of a state dict, which tells little of the architecture."""
    del part  # there is one
    state = entry_names.texts(entry_names.table(tree))
    if _BARE_MARKS[0] in state:
        state = {f"synthesis.{name}": value for name, value in state.items()}
    if "mapping.fc0.weight" not in state:
        gaps.assumed["mapping"] = "none: the file has the synthesis network alone"
    config = _config_of_state_dict(entry_names.Entries(state), gaps)
    return _from_arrays(state, config)


def _config_of_state_dict(
    state: entry_names.Entries, gaps: checkpoint_layouts.Gaps
) -> stylegan3_config.StyleGAN3Config:
    layers = sorted(
        tuple(map(int, m.groups())) for m in map(_LAYER.fullmatch, state) if m
    )
    if [index for index, *_ in layers] != list(range(len(layers))) or len(layers) < 3:
        raise conversion_errors.ConversionError(
            f"no StyleGAN3 generator: layers of the numbers {layers[:20]}"
        )
    resolution, image_channels = layers[-1][1:]
    w_dim = entry_names.check_rank(state[_INPUT_MARKS[1]], 2).shape[1]
    num_mapping = entry_names.count(state, "mapping.fc{}.weight")
    embed = state.get("mapping.embed.weight")
    z_dim = w_dim
    if num_mapping:
        z_dim = entry_names.check_rank(state["mapping.fc0.weight"], 2).shape[1]
        z_dim -= len(embed) if embed is not None else 0
    first = "synthesis.L{}_{}_{}.weight".format(*layers[0])
    kernel = entry_names.check_rank(state[first], 4).shape[-1]
    known = {
        "resolution": resolution,
        "z_dim": z_dim,
        "w_dim": w_dim,
        "c_dim": entry_names.check_rank(embed, 2).shape[1] if embed is not None else 0,
        "num_mapping_layers": num_mapping,
        "num_layers": len(layers) - 1,
        "image_channels": image_channels,
        "conv_kernel": kernel,
        "use_radial_filters": kernel == 1,
        "channel_max": max(width for *_, width in layers),
        "w_avg_source": "file" if "mapping.w_avg" in state else "estimated",
    }
    open_values = {
        name: gaps.fill(name, default)
        for name, default in (("lr_multiplier", 0.01), ("conv_clamp", 256.0))
    }
    return _with_layers(known | open_values, layers)


def _with_layers(
    known: dict[str, Any], layers: list[tuple[int, ...]]
) -> stylegan3_config.StyleGAN3Config:
    """The configuration whose layers have the sizes and widths in the file's names.

    Raises:
      ConversionError: none of the published shape has.
    """
    expected = [f"L{index}_{size}_{width}" for index, size, width in layers]
    for exponent in range(6, 20):
        config = stylegan3_config.StyleGAN3Config(**known, channel_base=1 << exponent)
        if [spec.name for spec in config.layers] == expected:
            return config
    raise conversion_errors.ConversionError(
        "a StyleGAN3 generator whose layers have other sizes than the published"
        " settings give (cutoffs, margin, critical layers), which a state dict does"
        " not tell; convert the training's own .pkl instead"
    )


def _recognize_state_dict(tree: object) -> bool:
    return entry_names.is_state_dict(tree) and any(
        all(mark in tree for mark in marks) for marks in (_INPUT_MARKS, _BARE_MARKS)
    )


STATE_DICT_KIND = checkpoint_layouts.Kind(
    name="nvidia_stylegan3_state_dict",
    description="state dict of NVIDIA's StyleGAN3 generator",
    recognize=_recognize_state_dict,
    missing=checkpoint_layouts.needs(_INPUT_MARKS, _BARE_MARKS),
    parts=lambda tree: ("G_ema",),
    build=_build_state_dict,
)
KIND = checkpoint_layouts.Kind(
    name="nvidia_stylegan3",
    description="StyleGAN3 pickle, configuration T or R (NVIDIA)",
    recognize=_recognize,
    missing=nvidia.missing,
    parts=lambda tree: tuple(nvidia.modules(tree)) or nvidia.PARTS,
    build=_build,
)
