"""A generator and a perceptual distance that cost nothing, as bundles."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import jax_encoder
from jax_encoder.io import images
from jax_encoder.nn import lpips, regressors, stylegan2

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)
ENCODER = regressors.ImageToLatentConfig(
    num_ws=4,
    w_dim=8,
    input_size=8,
    num_channels=4,
    hidden_size=4,
    depths=(1, 1),
    width=4,
)
LPIPS = lpips.LPIPSConfig(channels=((4,), (4,)))


def make(kind, config, seed):
    """A module with normal weights, without running its initializers."""
    graphdef, state = nnx.split(nnx.eval_shape(lambda: kind(config, rngs=nnx.Rngs(0))))
    rng = np.random.default_rng(seed)

    def fill(path, leaf):
        values = rng.normal(size=leaf.shape)
        # So are the weights of a distance.
        is_positive = kind is lpips.LPIPS or "running_var" in str(path)
        return jnp.asarray(abs(values) if is_positive else values, leaf.dtype)

    return nnx.merge(graphdef, jax.tree_util.tree_map_with_path(fill, state))


def pure_state(module):
    """A module's arrays as nested dicts."""
    return nnx.to_pure_dict(nnx.state(module))


def make_generator():
    return make(stylegan2.StyleGAN2Generator, GENERATOR, 0)


def write_pictures(directory: pathlib.Path, names: str) -> pathlib.Path:
    """Writes a random picture for every letter of `names`."""
    directory.mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        pixels = rng.integers(100, 156, (8, 8, 3), np.uint8)
        images.write(directory / f"{name}.png", pixels)
    return directory


def save(directory):
    """Writes the bundles `generator` and `lpips`."""
    distance = make(lpips.LPIPS, LPIPS, 1)
    for name, module in {"generator": make_generator(), "lpips": distance}.items():
        provenance = {"sha256": f"{name:0>64}"}
        jax_encoder.io.save(module, directory / name, provenance=provenance)
    return str(directory / "generator"), str(directory / "lpips")


def start_encoding(place, *arguments):
    """Starts `experiments.encode_image` with the bundles of `save`."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "experiments.encode_image"),
            *(f"--generator={place}/generator", f"--lpips={place}/lpips", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(place / "cache")},
    )
