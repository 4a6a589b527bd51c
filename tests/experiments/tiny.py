"""A generator and a perceptual distance that cost nothing, as bundles."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import jax_encoder
from jax_encoder.nn import lpips, stylegan2

GENERATOR = stylegan2.GeneratorConfig(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)
LPIPS = lpips.LPIPSConfig(channels=((4,), (4,)))


def make(kind, config, seed):
    """A module with normal weights, without running its initialisers."""
    graphdef, state = nnx.split(nnx.eval_shape(lambda: kind(config, rngs=nnx.Rngs(0))))
    rng = np.random.default_rng(seed)

    def fill(leaf):
        values = rng.normal(size=leaf.shape)
        # The weights of a distance are positive.
        return jnp.asarray(abs(values) if kind is lpips.LPIPS else values, leaf.dtype)

    return nnx.merge(graphdef, jax.tree.map(fill, state))


def make_generator():
    return make(stylegan2.Generator, GENERATOR, 0)


def save(directory):
    """Writes the bundles `generator` and `lpips`."""
    distance = make(lpips.LPIPS, LPIPS, 1)
    for name, module in {"generator": make_generator(), "lpips": distance}.items():
        provenance = {"sha256": f"{name:0>64}"}
        jax_encoder.io.save(module, directory / name, provenance=provenance)
    return str(directory / "generator"), str(directory / "lpips")
