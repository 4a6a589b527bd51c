"""StyleGAN2 generators as files of other programs."""

import json
import os
import warnings
from collections.abc import Mapping

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import entry_names
from converters.writers import torch_writer
from jax_encoder.io import files
from jax_encoder.nn import stylegan2 as networks

Arrays = dict[str, np.ndarray]


def nvidia(
    generator: networks.StyleGAN2Generator, path: str | os.PathLike[str]
) -> None:
    """Writes the state dict of NVIDIA's `Generator` as safetensors.

    In torch: `G.load_state_dict(safetensors.torch.load_file(path))`. `converters.load`
    reads it back exactly.

    Args:
      generator: any StyleGAN2 generator.
      path: the file.

    Raises:
      ConversionError: it is no StyleGAN2 generator.
      ImportError: the `convert` extra is not installed.
    """
    _check(generator)
    config = generator.config
    settings = {
        "conv_clamp": config.conv_clamp,
        "lr_multiplier": config.lr_multiplier,
        "taps": config.taps,
    }
    metadata = {"format": "pt", "jax_encoder": json.dumps(settings)}
    arrays = nvidia_arrays(generator)
    with files.writing(path) as file:
        file.write(_safetensors(arrays, metadata))


def _safetensors(arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    try:
        from safetensors import numpy as safetensors_numpy
    except ImportError as error:
        raise ImportError(
            "Writing safetensors needs the package safetensors:"
            " pip install 'jax_encoder[convert]'."
        ) from error
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return safetensors_numpy.save(whole, metadata)


def rosinality(
    generator: networks.StyleGAN2Generator, path: str | os.PathLike[str]
) -> None:
    """Writes a rosinality `.pt`: `{"g_ema": state dict, "latent_avg": [w_dim]}`.

    In torch: `Generator(size, style_dim, n_mlp).load_state_dict(ckpt["g_ema"])`.
    Activations are not clamped there, and its table of channels is fixed; a generator
    with `conv_clamp` or other channels is written with a warning.

    Args:
      generator: an unconditional StyleGAN2 generator with output skips.
      path: the file.

    Raises:
      ConversionError: that program has no such architecture.
    """
    state = rosinality_state(generator)
    latent_avg = np.asarray(generator.w_avg[...], np.float32)
    with files.writing(path) as file:
        torch_writer.write(file, {"g_ema": state, "latent_avg": latent_avg})


def rosinality_state(generator: networks.StyleGAN2Generator) -> Arrays:
    """Returns a generator's state dict as `rosinality` writes it, with its warnings.

    Raises:
      ConversionError: that program has no such architecture.
    """
    _check(generator)
    config = generator.config
    demands = {
        "output skips": config.architecture == "skip",
        "no labels": not config.c_dim,
        "z and w of one width": config.z_dim == config.w_dim and not config.hidden_dim,
        "RGB": config.image_channels == 3,
        "a mapping learning rate multiplier of 0.01": config.lr_multiplier == 0.01,
    }
    unmet = [demand for demand, is_met in demands.items() if not is_met]
    if unmet:
        raise conversion_errors.ConversionError(
            f"rosinality's generator needs {', '.join(unmet)}; export the NVIDIA layout"
        )
    if not _has_their_channels(config):
        warnings.warn(
            "rosinality's generator cannot have the channels"
            f" {dict(zip(config.resolutions, config.channels, strict=True))}: its table"
            " `self.channels` must be edited to these before the file is loaded.",
            stacklevel=2,
        )
    if config.conv_clamp is not None:
        warnings.warn(
            f"rosinality's generator does not clamp activations at {config.conv_clamp}:"
            " the pictures of extreme latents will differ.",
            stacklevel=2,
        )
    arrays = nvidia_arrays(generator)
    state = {their_name(k): unsqueeze(k, v) for k, v in arrays.items()}
    state.pop("")
    return state


def nvidia_arrays(generator: networks.StyleGAN2Generator) -> Arrays:
    """The generator's arrays under NVIDIA's names, in torch's axis order."""
    config = generator.config
    found: Arrays = {}
    for parts, variable in nnx.to_flat_state(nnx.state(generator)):
        name = ".".join(map(str, parts))
        value = np.asarray(variable[...], np.float32)
        if name == "w_avg":
            name = "mapping.w_avg"
        elif name == "synthesis.b4.const":
            value = np.transpose(value, (2, 0, 1))
        elif name.endswith(".weight"):
            value = (
                entry_names.dense(value) if value.ndim == 2 else entry_names.oihw(value)
            )
        found[name] = np.array(value, order="C")
    kernel = _kernel(config.taps)
    for resolution in config.resolutions:
        block = f"synthesis.b{resolution}"
        for owner in ("", ".conv0", ".conv1", ".skip"):
            if not owner or f"{block}{owner}.weight" in found:
                found[f"{block}{owner}.resample_filter"] = kernel
    return found


def _has_their_channels(config: networks.StyleGAN2Config) -> bool:
    """Whether `Generator(size, ..., channel_multiplier=m)` has this table for an m."""
    sides = config.resolutions
    return sides[-1] <= 1024 and any(
        config.channels
        == tuple(512 if side <= 32 else 16384 * m // side for side in sides)
        for m in range(1, 9)
    )


def _check(generator: object) -> None:
    if not isinstance(generator, networks.StyleGAN2Generator):
        raise conversion_errors.ConversionError(
            f"only StyleGAN2 generators can be exported, got {type(generator)}"
        )


def _kernel(taps: tuple[float, ...], gain: float = 1.0) -> np.ndarray:
    line = np.asarray(taps, np.float64)
    kernel = np.outer(line, line)
    return (gain * kernel / kernel.sum()).astype(np.float32)


_THEIR_LEAVES = {
    "weight": "conv.weight",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "noise_strength": "noise.weight",
}


def their_name(name: str) -> str:
    """Rosinality's name; empty for what the state dict does not hold."""
    if name == "mapping.w_avg" or name == "synthesis.b4.resample_filter":
        return ""
    if name == "synthesis.b4.const":
        return "input.input"
    network, block, rest = name.split(".", 2)
    if network == "mapping":
        return f"style.{int(block.removeprefix('fc')) + 1}.{rest}"
    side = int(block.removeprefix("b"))
    index = side.bit_length() - 4  # 8 pixels have the index 0
    layer, _, leaf = rest.partition(".")
    if leaf == "noise_const":
        return f"noises.noise_{2 * index + 1 + int(layer == 'conv1')}"
    if layer == "torgb":
        prefix = "to_rgb1" if side == 4 else f"to_rgbs.{index}"
        return f"{prefix}.{_THEIR_LEAVES.get(leaf, leaf)}"
    prefix = "conv1" if side == 4 else f"convs.{2 * index + int(layer == 'conv1')}"
    if leaf == "bias":
        return f"{prefix}.activate.bias"
    if leaf == "resample_filter":
        return f"{prefix}.conv.blur.kernel" if layer == "conv0" else ""
    if layer == "resample_filter":
        return f"to_rgbs.{index}.upsample.kernel"
    return f"{prefix}.{_THEIR_LEAVES[leaf]}"


def unsqueeze(name: str, value: np.ndarray) -> np.ndarray:
    """Adds the axes of length one that this layout has in front or behind."""
    if name.endswith(".resample_filter"):
        return value * 4  # upsampling gains the square of its factor
    if name.endswith("torgb.bias"):
        return value[None, :, None, None]
    if name == "synthesis.b4.const" or value.ndim == 4:
        return value[None]
    if name.endswith("noise_const"):
        return value[None, None]
    return value[None] if name.endswith("noise_strength") else value
