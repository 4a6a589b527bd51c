"""NVIDIA's StyleGAN3 pickles (configurations T and R).

The discriminator in these files is StyleGAN2's.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import errors
from converters.formats import assign, base, names, nvidia, persistence
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


def _recognize(tree: Any) -> bool:
    found = nvidia.modules(tree)
    generators = [found[part] for part in ("G_ema", "G") if part in found]
    if not generators:
        return False
    synthesis = persistence.submodules(generators[0]).get("synthesis")
    return synthesis is not None and "input" in persistence.submodules(synthesis)


def _build(tree: Any, part: str | None) -> Any:
    found = nvidia.modules(tree)
    part = part or next(iter(found))
    if part == "D":
        return nvidia.discriminator(found[part])
    return generator(found[part])


def generator(record: Record) -> stylegan3.Generator:
    """Makes a StyleGAN3 generator out of the pickled one.

    Raises:
      ConversionError: it does not fit.
    """
    arrays = persistence.state_dict(record)
    has_average = "mapping.w_avg" in arrays
    config = generator_config(record, "file" if has_average else "estimated")
    ours = {_our_name(k): _our_axes(k, v) for k, v in arrays.items()}
    if not has_average:
        ours["w_avg"] = np.zeros(config.w_dim, np.float32)
    module = assign.build(lambda: stylegan3.Generator(config, rngs=nnx.Rngs(0)), ours)
    _check_layers(config, persistence.submodule(record, "synthesis"))
    if not has_average:
        module.w_avg[...] = jnp.asarray(statistics.estimate(module).w_avg)
    return module


def generator_config(
    record: Record, w_avg_source: str = "file"
) -> stylegan3_config.GeneratorConfig:
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
        raise errors.ConversionError(
            f"a StyleGAN3 generator of {resolution} pixels and {num_layers} layers"
        )
    return stylegan3_config.GeneratorConfig(
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
        raise errors.ConversionError("the synthesis network tells no architecture")
    found = {}
    for name, kinds in _ARGUMENTS.items():
        value = given.get(name, synthesis.get(name, _ARGUMENTS))
        if value is _ARGUMENTS:
            continue
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, kinds) or (
            isinstance(value, bool) and bool not in kinds
        ):
            raise errors.ConversionError(
                f"the setting {name!r} of the SynthesisNetwork is {describe(value)}"
            )
        found[name] = float(value) if float in kinds and value is not None else value
    return found


def _integer(record: Record, name: str) -> int:
    value = persistence.setting(record, name, int, None)
    if value is None:
        raise errors.ConversionError(f"the {record.class_name} has no {name!r}")
    return value


def _check_layers(config: stylegan3_config.GeneratorConfig, synthesis: Record) -> None:
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
                raise errors.ConversionError(
                    f"{name!r} of the layer is {describe(got)}; {value} was expected",
                    entry=f"synthesis.{spec.name}",
                )


def _is_equal(got: Any, value: Any) -> bool:
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
        return names.dense(value) if np.ndim(value) == 2 else names.hwio(value)
    except errors.ConversionError as error:
        raise error.within("", name) from None


KIND = base.Kind(
    name="nvidia_stylegan3",
    description="StyleGAN3 pickle, configuration T or R (NVIDIA)",
    recognize=_recognize,
    parts=lambda tree: tuple(nvidia.modules(tree)) or nvidia.PARTS,
    build=_build,
)
