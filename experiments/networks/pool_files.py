"""Pools of seeds as files."""

import os

import jax
import jax.numpy as jnp

from jax_encoder.inversion import starts
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import files, loading

_MAX_SIDE = 4096


def save(
    pool: starts.SeedPool, path: str | os.PathLike[str], *, is_compressed: bool = False
) -> None:
    """Writes a pool as `.npz`; the file appears whole or not at all."""
    leaves = jax.tree.leaves(pool.prepared)
    arrays: dict[str, object] = {f"prepared_{k}": x for k, x in enumerate(leaves)}
    arrays = {"z": pool.z, "side": pool.side, **arrays}
    files.write_arrays(path, arrays, is_compressed=is_compressed)


def load(
    path: str | os.PathLike[str], models: Models, config: ProjectorConfig
) -> starts.SeedPool:
    """Reads a pool that `save` wrote for the same networks and terms.

    Raises:
      LoadError: the file is damaged, or belongs to other networks or terms.
    """
    arrays = loading.read_arrays(path)
    width = models.generator.config.z_dim
    z = loading.check(path, arrays, "z", (None, width))
    side = int(loading.check(path, arrays, "side", ()))
    if not 1 <= side <= _MAX_SIDE:
        raise loading.LoadError(path, f"a side of {side}, not 1 to {_MAX_SIDE}")
    abstract = starts.features_of_a_pool(models, config, side)
    leaves, structure = jax.tree.flatten(abstract)
    if len(arrays) != len(leaves) + 2:
        raise loading.LoadError(
            path,
            "holds the features of other terms or networks; delete it, or give the"
            " terms it was made with",
        )
    read = [
        loading.check(path, arrays, f"prepared_{k}", (len(z), *leaf.shape[1:]))
        for k, leaf in enumerate(leaves)
    ]
    prepared = jax.tree.unflatten(structure, [jnp.asarray(x) for x in read])
    return starts.SeedPool(z=jnp.asarray(z), prepared=prepared, side=side)
