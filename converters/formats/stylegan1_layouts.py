"""StyleGAN1 generators out of arrays under our names and in our axis order.

Both formats are first renamed to this layout. The architecture is read from names and
shapes; what they cannot tell is in `StyleGAN1Settings`.
"""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import assign, entry_names
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan1

_MAX_LAYERS = 24

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleGAN1Settings:
    """What the arrays do not tell.

    Attributes:
      fused_scale: which upsampling layers are transposed convolutions.
      lod: level of detail.
      lr_multiplier: of the mapping network.
      has_tanh: the pictures pass through tanh.
    """

    fused_scale: bool | str = "auto"
    lod: float = 0.0
    lr_multiplier: float = 0.01
    has_tanh: bool = False


def generator(
    arrays: Arrays, settings: StyleGAN1Settings
) -> stylegan1.StyleGAN1Generator:
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
    if "w_avg" in ours:
        ours["w_avg"] = _mean_row(ours["w_avg"], config.w_dim)
    if config.w_avg_source == "estimated":
        ours["w_avg"] = np.zeros(config.w_dim, np.float32)
    if not any(name.endswith(".noise_weight") for name in ours):
        ours |= _no_noise(config)
    module = assign.build(
        lambda: stylegan1.StyleGAN1Generator(config, rngs=nnx.Rngs(0)), ours
    )
    if config.w_avg_source == "estimated":
        module.w_avg[...] = jnp.asarray(statistics.estimate(module).w_avg)
    return module


def generator_config(
    arrays: Arrays, settings: StyleGAN1Settings
) -> stylegan1.StyleGAN1Config:
    """Reads the architecture off the arrays.

    Raises:
      ConversionError: they are no StyleGAN1 generator.
    """
    num_layers = entry_names.count(arrays, "synthesis.layer{}.bias")
    _check_depth(num_layers)
    num_mapping = entry_names.count(arrays, "mapping.dense{}.weight")
    if not num_mapping:
        raise conversion_errors.ConversionError(
            "missing", entry="mapping.dense0.weight"
        )
    z_dim, hidden_dim = _shape(arrays, "mapping.dense0.weight", 2)
    num_outputs = _shape(arrays, f"mapping.dense{num_mapping - 1}.weight", 2)[1]
    w_dim = _shape(arrays, "synthesis.layer0.style_mod.weight", 2)[0]
    if num_outputs not in (w_dim, w_dim * num_layers):
        raise conversion_errors.ConversionError(
            f"a mapping network of {num_outputs} outputs for {num_layers} rows of w of"
            f" {w_dim}"
        )
    first = [_shape(arrays, f"synthesis.layer{k}.bias", 1)[0] for k in (0, 1)]
    rest = [
        _shape(arrays, f"synthesis.layer{k}.bias", 1)[0]
        for k in range(2, num_layers, 2)
    ]
    last = f"synthesis.output{num_layers // 2 - 1}.weight"
    return stylegan1.StyleGAN1Config(
        resolution=4 << (num_layers // 2 - 1),
        z_dim=z_dim,
        w_dim=w_dim,
        channels=(*first, *rest),
        num_mapping_layers=num_mapping,
        lr_multiplier=settings.lr_multiplier,
        hidden_dim=None if hidden_dim == w_dim or num_mapping == 1 else hidden_dim,
        num_mapped_ws=num_outputs // w_dim,
        has_tanh=settings.has_tanh,
        fused_scale=settings.fused_scale,
        lod=settings.lod,
        image_channels=_shape(arrays, last, 4)[3],
        w_avg_source="file" if "w_avg" in arrays else "estimated",
    )


def _check_depth(num_layers: int) -> None:
    if not 4 <= num_layers <= _MAX_LAYERS or num_layers % 2:
        raise conversion_errors.ConversionError(
            f"no StyleGAN1 generator: {num_layers} synthesis layers; an even number"
            f" from 4 to {_MAX_LAYERS} was expected"
        )


def _mean_row(w_avg: np.ndarray, w_dim: int) -> np.ndarray:
    """`[w_dim]`, also where the file has a mean for every row of w."""
    if np.ndim(w_avg) == 1 and w_avg.size > w_dim and w_avg.size % w_dim == 0:
        return np.asarray(w_avg, np.float32).reshape(-1, w_dim).mean(axis=0)
    return w_avg


def _no_noise(config: stylegan1.StyleGAN1Config) -> dict[str, np.ndarray]:
    """The noise of a generator that was trained without."""
    arrays = {}
    for k, shape in enumerate(config.noise_shapes):
        channels = config.channels[0 if k == 0 else k // 2 + 1]
        arrays[f"synthesis.layer{k}.noise_const"] = np.zeros(shape, np.float32)
        arrays[f"synthesis.layer{k}.noise_weight"] = np.zeros(channels, np.float32)
    return arrays


def _shape(arrays: Arrays, name: str, rank: int) -> tuple[int, ...]:
    if name not in arrays:
        raise conversion_errors.ConversionError("missing", entry=name)
    try:
        return entry_names.check_rank(arrays[name], rank).shape
    except conversion_errors.ConversionError as error:
        raise error.within("", name) from None
