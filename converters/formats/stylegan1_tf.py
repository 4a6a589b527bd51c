"""StyleGAN1's TensorFlow pickles: `(G, D, Gs)`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from converters import conversion_errors
from converters.formats import (
    checkpoint_layouts,
    entry_names,
    stylegan1_layouts,
    tf_networks,
)
from converters.readers.records import Record
from jax_encoder.nn import stylegan1 as networks

_PARTS = ("G_ema", "G")
_VERSIONS = (2, 3)
# The arguments of the official build functions that change the computation, and the
# values that this project implements.
_SUPPORTED: Mapping[str, tuple[object, ...]] = {
    "use_styles": (True,),
    "const_input_layer": (True,),
    "use_pixel_norm": (False,),
    "use_instance_norm": (True,),
    "use_wscale": (True,),
    "mapping_use_wscale": (True,),
    "normalize_latents": (True,),
    "nonlinearity": ("lrelu",),
    "mapping_nonlinearity": ("lrelu",),
    "label_size": (0,),
    "fused_scale": (True, False, "auto"),
}
_LEAVES = {
    "weight": "weight",
    "bias": "bias",
    "Noise/weight": "noise_weight",
    "StyleMod/weight": "style_mod.weight",
    "StyleMod/bias": "style_mod.bias",
}
_LAYERS = {"Const": 0, "Conv": 1, "Conv0_up": 0, "Conv1": 1}


def _recognize(tree: object) -> bool:
    return tf_networks.is_triple(tree) and all(
        tf_networks.version(network) in _VERSIONS for network in tree
    )


def _build(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> networks.StyleGAN1Generator:
    del gaps  # the pickled settings tell everything
    if not tf_networks.is_triple(tree):
        raise conversion_errors.ConversionError("not the three networks (G, D, Gs)")
    return generator(tf_networks.networks(tree)[part or "G_ema"])


def generator(network: Record) -> networks.StyleGAN1Generator:
    """Makes a generator out of a pickled one.

    Raises:
      ConversionError: it does not fit.
    """
    settings = _settings(network)
    variables = tf_networks.variables(network)
    lod = variables.get("synthesis/lod", variables.get("lod", np.zeros(())))
    return stylegan1_layouts.generator(
        dict(_arrays(variables)),
        stylegan1_layouts.StyleGAN1Settings(
            fused_scale=settings.get("fused_scale", "auto"),
            lod=float(np.asarray(lod).reshape(())),
            lr_multiplier=float(settings.get("mapping_lrmul", 0.01)),
        ),
    )


def _settings(network: Record) -> dict[str, Any]:
    """The arguments of the build functions, checked."""
    settings = tf_networks.settings(network)
    components = network.get("components")
    for inner in (components if isinstance(components, dict) else {}).values():
        if tf_networks.is_network(inner):
            settings |= tf_networks.settings(inner)
    for name, supported in _SUPPORTED.items():
        value = settings.get(name, supported[0])
        if value not in supported:
            raise conversion_errors.ConversionError(
                f"the setting {name}={value!r:.40} is not known; only"
                f" {', '.join(map(repr, supported))}"
            )
    blur = settings.get("blur_filter", [1, 2, 1])
    if not np.array_equal(np.asarray(blur, np.float64), [1, 2, 1]):
        raise conversion_errors.ConversionError(f"the setting blur_filter={blur!r:.60}")
    return settings


def _arrays(variables: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yields our names and axis orders; what is not known keeps its name."""
    sides = [re.match(r"synthesis/(\d{1,5})x\1/", name) for name in variables]
    resolution = max((int(match[1]) for match in sides if match), default=4)
    for name, value in variables.items():
        if name in ("lod", "synthesis/lod"):
            continue
        if name == "dlatent_avg":
            yield "w_avg", value
        elif match := re.fullmatch(r"mapping/Dense(\d{1,3})/(weight|bias)", name):
            yield f"mapping.dense{match[1]}.{match[2]}", value
        elif match := re.fullmatch(r"synthesis/noise(\d{1,2})", name):
            plane = entry_names.check_rank(value, 4)[0, 0]
            yield f"synthesis.layer{match[1]}.noise_const", plane
        elif name == "synthesis/4x4/Const/const":
            const = entry_names.check_rank(value, 4)[0]
            yield "synthesis.const", np.transpose(const, (1, 2, 0))
        elif match := re.fullmatch(r"synthesis/ToRGB_lod(\d{1,2})/(\w+)", name):
            block = resolution.bit_length() - 3 - int(match[1])
            yield f"synthesis.output{block}.{match[2]}", value
        else:
            yield _layer(name), value


def _layer(name: str) -> str:
    match = re.fullmatch(r"synthesis/(\d{1,5})x\1/(\w+?)/(.+)", name)
    if not match or match[2] not in _LAYERS or match[3] not in _LEAVES:
        return name
    index = 2 * (int(match[1]).bit_length() - 3) + _LAYERS[match[2]]
    return f"synthesis.layer{index}.{_LEAVES[match[3]]}"


KIND = checkpoint_layouts.Kind(
    name="tensorflow_stylegan1",
    description="StyleGAN1 pickle of the TensorFlow code (NVIDIA)",
    recognize=_recognize,
    missing=tf_networks.missing,
    parts=lambda tree: _PARTS,
    build=_build,
)
