"""StyleGAN1 generators out of arrays under our names and in our axis order.

Both formats are first renamed to this layout. The architecture is read from names and
shapes; what they cannot tell is in `Settings`.
"""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import errors
from converters.formats import assign, names
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan1

_MAX_LAYERS = 24

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the arrays do not tell.

    Attributes:
      fused_scale: which upsampling layers are transposed convolutions.
      lod: level of detail.
      lr_multiplier: of the mapping network.
    """

    fused_scale: bool | str = "auto"
    lod: float = 0.0
    lr_multiplier: float = 0.01


def generator(arrays: Arrays, settings: Settings) -> stylegan1.Generator:
    """Makes a generator.

    Args:
      arrays: our names. Without "w_avg" the mean latent is estimated from random
        latents, and `config.w_avg_source` says so.
      settings: what the arrays do not tell.

    Raises:
      ConversionError: arrays are missing, unused or misshapen.
    """
    config = generator_config(arrays, settings)
    ours = dict(arrays)
    if config.w_avg_source == "estimated":
        ours["w_avg"] = np.zeros(config.w_dim, np.float32)
    if not any(name.endswith(".noise_weight") for name in ours):
        ours |= _no_noise(config)
    module = assign.build(lambda: stylegan1.Generator(config, rngs=nnx.Rngs(0)), ours)
    if config.w_avg_source == "estimated":
        module.w_avg[...] = jnp.asarray(statistics.estimate(module).w_avg)
    return module


def generator_config(arrays: Arrays, settings: Settings) -> stylegan1.GeneratorConfig:
    """Reads the architecture off the arrays.

    Raises:
      ConversionError: they are no StyleGAN1 generator.
    """
    num_layers = names.count(arrays, "synthesis.layer{}.bias")
    if not 4 <= num_layers <= _MAX_LAYERS or num_layers % 2:
        raise errors.ConversionError(
            f"no StyleGAN1 generator: {num_layers} synthesis layers; an even number"
            f" from 4 to {_MAX_LAYERS} was expected"
        )
    num_mapping = names.count(arrays, "mapping.dense{}.weight")
    if not num_mapping:
        raise errors.ConversionError("missing", entry="mapping.dense0.weight")
    z_dim, hidden_dim = _shape(arrays, "mapping.dense0.weight", 2)
    w_dim = _shape(arrays, f"mapping.dense{num_mapping - 1}.weight", 2)[1]
    first = [_shape(arrays, f"synthesis.layer{k}.bias", 1)[0] for k in (0, 1)]
    rest = [
        _shape(arrays, f"synthesis.layer{k}.bias", 1)[0]
        for k in range(2, num_layers, 2)
    ]
    last = f"synthesis.output{num_layers // 2 - 1}.weight"
    return stylegan1.GeneratorConfig(
        resolution=4 << (num_layers // 2 - 1),
        z_dim=z_dim,
        w_dim=w_dim,
        channels=(*first, *rest),
        num_mapping_layers=num_mapping,
        lr_multiplier=settings.lr_multiplier,
        hidden_dim=None if hidden_dim == w_dim else hidden_dim,
        fused_scale=settings.fused_scale,
        lod=settings.lod,
        image_channels=_shape(arrays, last, 4)[3],
        w_avg_source="file" if "w_avg" in arrays else "estimated",
    )


def _no_noise(config: stylegan1.GeneratorConfig) -> dict[str, np.ndarray]:
    """The noise of a generator that was trained without."""
    arrays = {}
    for k, shape in enumerate(config.noise_shapes):
        channels = config.channels[0 if k == 0 else k // 2 + 1]
        arrays[f"synthesis.layer{k}.noise_const"] = np.zeros(shape, np.float32)
        arrays[f"synthesis.layer{k}.noise_weight"] = np.zeros(channels, np.float32)
    return arrays


def _shape(arrays: Arrays, name: str, rank: int) -> tuple[int, ...]:
    if name not in arrays:
        raise errors.ConversionError("missing", entry=name)
    try:
        return names.check_rank(arrays[name], rank).shape
    except errors.ConversionError as error:
        raise error.within("", name) from None
