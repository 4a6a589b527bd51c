"""StyleGAN2 networks out of arrays under NVIDIA's names, in torch's axis order.

Every StyleGAN2 format is first renamed to this layout (that of the state dict of
stylegan2-ada-pytorch). The architecture is read from names and shapes; what they cannot
tell is in `GeneratorSettings` and `DiscriminatorSettings`.
"""

import dataclasses
import re
from collections.abc import Mapping

import jax
import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import assign, checkpoint_layouts, entry_names
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2, stylegan2_discriminator

DEFAULT_TAPS = (1.0, 3.0, 3.0, 1.0)
_MAX_RESOLUTION = 1 << 14

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """What the arrays of a generator do not tell.

    Attributes:
      conv_clamp: bound on the activations, or None.
      lr_multiplier: of the mapping network.
      taps: the one-dimensional resampling filter.
    """

    conv_clamp: float | None = None
    lr_multiplier: float = 0.01
    taps: tuple[float, ...] = DEFAULT_TAPS


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings:
    """What the arrays of a discriminator do not tell.

    Attributes:
      conv_clamp: bound on the activations, or None.
      taps: the one-dimensional resampling filter.
      group_size: samples per minibatch statistic, or None for the whole batch.
      mapping_lr_multiplier: of the label mapping.
    """

    conv_clamp: float | None = None
    taps: tuple[float, ...] = DEFAULT_TAPS
    group_size: int | None = 4
    mapping_lr_multiplier: float = 0.01


def generator(
    arrays: Arrays, settings: GeneratorSettings
) -> stylegan2.StyleGAN2Generator:
    """Makes a generator.

    Args:
      arrays: NVIDIA's names, "mapping.*" and "synthesis.*". Without "mapping.w_avg" the
        mean latent is estimated from 10,000 random latents, and `config.w_avg_source`
        says so.
      settings: what the arrays do not tell.

    Raises:
      ConversionError: arrays are missing, unused or misshapen.
    """
    arrays = entry_names.without(arrays, r".*\.resample_filter")
    config = generator_config(arrays, settings)
    ours = {_our_name(k): _our_axes(k, v) for k, v in arrays.items()}
    if config.w_avg_source == "estimated":
        ours["w_avg"] = np.zeros(config.w_dim, np.float32)
    for resolution in config.resolutions:  # generators trained without noise
        for layer in ("conv0", "conv1"):
            prefix = f"synthesis.b{resolution}.{layer}"
            if f"{prefix}.weight" in ours and f"{prefix}.noise_strength" not in ours:
                plane = np.zeros((resolution, resolution), np.float32)
                ours.setdefault(f"{prefix}.noise_const", plane)
                ours[f"{prefix}.noise_strength"] = np.zeros((), np.float32)
    module = assign.build(
        lambda: stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0)), ours
    )
    if config.w_avg_source == "estimated":
        module.w_avg[...] = jax.numpy.asarray(statistics.estimate(module).w_avg)
    return module


def generator_config(
    arrays: Arrays, settings: GeneratorSettings
) -> stylegan2.StyleGAN2Config:
    """Reads the architecture of a generator off its arrays.

    Raises:
      ConversionError: they are no StyleGAN2 generator.
    """
    resolutions = _resolutions(arrays, r"synthesis\.b(\d+)\.conv1\.weight")
    rgb = f"synthesis.b{resolutions[-1]}.torgb.weight"
    num_layers = entry_names.count(arrays, "mapping.fc{}.weight")
    w_dim = _shape(arrays, "synthesis.b4.conv1.affine.weight", 2)[1]
    c_dim, embed_dim, z_dim = 0, None, w_dim
    if "mapping.embed.weight" in arrays:
        embed_dim, c_dim = _shape(arrays, "mapping.embed.weight", 2)
    if num_layers:
        z_dim = _shape(arrays, "mapping.fc0.weight", 2)[1] - (embed_dim or 0)
    hidden = _shape(arrays, "mapping.fc0.weight", 2)[0] if num_layers > 1 else w_dim
    return stylegan2.StyleGAN2Config(
        resolution=resolutions[-1],
        z_dim=z_dim,
        w_dim=w_dim,
        c_dim=c_dim,
        channels=tuple(
            _shape(arrays, f"synthesis.b{r}.conv1.weight", 4)[0] for r in resolutions
        ),
        num_mapping_layers=num_layers,
        lr_multiplier=settings.lr_multiplier,
        embed_dim=None if embed_dim == w_dim else embed_dim,
        hidden_dim=None if hidden == w_dim else hidden,
        architecture=_generator_architecture(arrays),
        conv_clamp=settings.conv_clamp,
        taps=settings.taps,
        image_channels=_shape(arrays, rgb, 4)[0],
        w_avg_source="file" if "mapping.w_avg" in arrays else "estimated",
    )


def _generator_architecture(arrays: Arrays) -> str:
    if "synthesis.b4.torgb.weight" in arrays:
        return "skip"
    return "resnet" if "synthesis.b8.skip.weight" in arrays else "orig"


def discriminator(
    arrays: Arrays, settings: DiscriminatorSettings
) -> stylegan2_discriminator.StyleGAN2Discriminator:
    """Makes a discriminator.

    Args:
      arrays: NVIDIA's names, "b4.*" and so on.
      settings: what the arrays do not tell.

    Raises:
      ConversionError: arrays are missing, unused or misshapen.
    """
    arrays = entry_names.without(arrays, r".*\.resample_filter")
    config = discriminator_config(arrays, settings)
    ours = {name: _our_axes(name, value) for name, value in arrays.items()}
    width = config.channels[0]
    ours["b4.fc.weight"] = entry_names.dense_from_chw(
        arrays["b4.fc.weight"], width, 4, 4
    )
    return assign.build(
        lambda: stylegan2_discriminator.StyleGAN2Discriminator(
            config, rngs=nnx.Rngs(0)
        ),
        ours,
    )


def discriminator_config(
    arrays: Arrays, settings: DiscriminatorSettings
) -> stylegan2_discriminator.StyleGAN2DiscriminatorConfig:
    """Reads the architecture of a discriminator off its arrays.

    Raises:
      ConversionError: they are no StyleGAN2 discriminator.
    """
    resolutions = (4, *_resolutions(arrays, r"b(\d+)\.conv1\.weight", first=8))
    width, with_statistic = _shape(arrays, "b4.conv.weight", 4)[:2]
    _shape(arrays, "b4.fc.weight", 2)
    top = resolutions[-1]
    architecture = "resnet" if f"b{top}.skip.weight" in arrays else "orig"
    if "b4.fromrgb.weight" in arrays:
        architecture = "skip"
    is_conditional = "mapping.embed.weight" in arrays
    cmap_dim, c_dim = (
        _shape(arrays, "mapping.embed.weight", 2) if is_conditional else (0, 0)
    )
    inner = (_shape(arrays, f"b{r}.conv0.weight", 4)[0] for r in resolutions[1:])
    return stylegan2_discriminator.StyleGAN2DiscriminatorConfig(
        resolution=top,
        c_dim=c_dim,
        cmap_dim=cmap_dim,
        channels=(width, *inner),
        architecture=architecture,
        conv_clamp=settings.conv_clamp,
        taps=settings.taps,
        group_size=settings.group_size,
        num_group_channels=with_statistic - width,
        num_mapping_layers=entry_names.count(arrays, "mapping.fc{}.weight"),
        mapping_lr_multiplier=settings.mapping_lr_multiplier,
        image_channels=_shape(arrays, f"b{top}.fromrgb.weight", 4)[1],
    )


def taps(
    kernel: np.ndarray | None, gaps: checkpoint_layouts.Gaps | None = None
) -> tuple[float, ...]:
    """The one-dimensional filter of a stored resampling kernel.

    Args:
      kernel: `[K, K]` separable, or `[K]`; any scale. None: the usual filter.
      gaps: asked for the filter where there is no kernel.

    Raises:
      ConversionError: the kernel is not the square of a one-dimensional one.
    """
    if kernel is None:
        return tuple(gaps.fill("taps", DEFAULT_TAPS)) if gaps else DEFAULT_TAPS
    kernel = np.asarray(kernel, np.float64)
    if kernel.ndim not in (1, 2) or not 1 <= kernel.shape[0] <= 64 or not kernel.sum():
        raise conversion_errors.ConversionError(
            f"a resampling filter of shape {kernel.shape}"
        )
    line = (kernel.sum(axis=0) if kernel.ndim == 2 else kernel) / kernel.sum()
    if kernel.ndim == 2 and not np.allclose(
        np.outer(line, line), kernel / kernel.sum(), atol=1e-6
    ):
        raise conversion_errors.ConversionError(
            "the resampling filter is not separable"
        )
    usual = np.asarray(DEFAULT_TAPS) / 8
    if line.shape == usual.shape and np.allclose(line, usual, atol=1e-6):
        return DEFAULT_TAPS
    return tuple(float(tap) for tap in line)


def noise(arrays: Arrays, gaps: checkpoint_layouts.Gaps) -> dict[str, np.ndarray]:
    """Noise maps for files that have none, such as rosinality's before May 2020.

    Their own programs draw new ones whenever they load such a file; so do we, always
    the same for a seed.

    Args:
      arrays: NVIDIA's names.
      gaps: asked for the seed, where maps are missing.
    """
    layers = [
        match
        for name in sorted(arrays)
        if (match := re.fullmatch(r"(synthesis\.b(\d{1,5})\.conv[01])\.weight", name))
        and f"{match[1]}.noise_strength" in arrays
        and f"{match[1]}.noise_const" not in arrays
    ]
    random = np.random.default_rng(gaps.fill("noise_seed", 0) if layers else 0)
    found = {}
    for match in layers:
        side = min(int(match[2]), _MAX_RESOLUTION)
        plane = random.standard_normal((side, side), np.float32)
        found[f"{match[1]}.noise_const"] = plane
    return found


def _resolutions(arrays: Arrays, pattern: str, first: int = 4) -> tuple[int, ...]:
    """The sides of the blocks that are there; checks that none is left out."""
    matches = (re.fullmatch(pattern, name) for name in arrays)
    sides = {int(match[1]) for match in matches if match and len(match[1]) < 6}
    top = max(sides, default=0)
    wanted = [first]
    while wanted[-1] < min(top, _MAX_RESOLUTION):
        wanted.append(2 * wanted[-1])
    if sides != set(wanted):
        raise conversion_errors.ConversionError(
            f"no StyleGAN2 network: blocks of the sides {sorted(sides)[:20]}"
        )
    return tuple(wanted)


def _shape(arrays: Arrays, name: str, rank: int) -> tuple[int, ...]:
    if name not in arrays:
        raise conversion_errors.ConversionError("missing", entry=name)
    try:
        return entry_names.check_rank(arrays[name], rank).shape
    except conversion_errors.ConversionError as error:
        raise error.within("", name) from None


def _our_name(name: str) -> str:
    return "w_avg" if name == "mapping.w_avg" else name


def _our_axes(name: str, value: np.ndarray) -> np.ndarray:
    try:
        if name == "synthesis.b4.const":
            return np.transpose(entry_names.check_rank(value, 3), (1, 2, 0))
        if not name.endswith(".weight"):
            return value
        return (
            entry_names.dense(value) if np.ndim(value) == 2 else entry_names.hwio(value)
        )
    except conversion_errors.ConversionError as error:
        raise error.within("", name) from None
