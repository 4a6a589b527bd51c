"""A tuned network as its difference to its parent: only what changed is stored."""

import os
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.io import files, loading

M = TypeVar("M", bound=nnx.Module)
_PREFIX = "difference:"


def save(
    tuned: nnx.Module,
    parent: nnx.Module,
    path: str | os.PathLike[str],
    *,
    parent_sha256: str,
) -> None:
    """Writes the arrays in which two networks differ; whole or not at all.

    Args:
      tuned: the tuned network.
      parent: the network that the tuning started from.
      path: an `.npz` file.
      parent_sha256: of the parent, which `load` compares.

    Raises:
      ValueError: the networks have different variables.
    """
    new, old = _flatten(tuned), _flatten(parent)
    if {k: v.shape for k, v in new.items()} != {k: v.shape for k, v in old.items()}:
        raise InputError("The tuned network has other variables than its parent.")
    changed: dict[str, object] = {
        _PREFIX + name: new[name] - old[name]
        for name in new
        if not np.array_equal(new[name], old[name])
    }
    files.write_arrays(path, {"parent_sha256": parent_sha256, **changed})


def load(parent: M, path: str | os.PathLike[str], *, parent_sha256: str) -> M:
    """Adds a difference to its parent.

    Args:
      parent: the network that the tuning started from; stays as it is.
      path: what `save` wrote.
      parent_sha256: of the parent.

    Returns:
      The tuned network.

    Raises:
      ValueError: the file is damaged, no difference, or one to another parent.
    """
    arrays = loading.read_arrays(path)
    owner = str(arrays.pop("parent_sha256", ""))[:80]
    if owner != parent_sha256:
        raise InputError(
            f"{path} is a difference to the network {owner or '(none named)'}, not to"
            f" {parent_sha256}: load it with the generator that was tuned."
        )
    graphdef, state = nnx.split(parent)
    known = {_PREFIX + name: leaf.shape for name, leaf in _flatten(parent).items()}
    if unknown := sorted(arrays.keys() - known.keys()):
        raise InputError(f"{path} changes unknown variables: {unknown[:8]}.")
    for name in arrays:
        loading.check(path, arrays, name, known[name])

    def add(key_path, leaf):
        change = arrays.get(_PREFIX + _name(key_path))
        return leaf if change is None else leaf + jnp.asarray(change, leaf.dtype)

    pure = jax.tree_util.tree_map_with_path(add, nnx.to_pure_dict(state))
    nnx.replace_by_pure_dict(state, pure)
    return nnx.merge(graphdef, state)


def _flatten(module: nnx.Module) -> dict[str, np.ndarray]:
    pure = nnx.to_pure_dict(nnx.state(module))
    leaves = jax.tree_util.tree_leaves_with_path(pure)
    return {_name(path): np.asarray(leaf) for path, leaf in leaves}


def _name(path) -> str:
    return ".".join(str(key.key) for key in path)
