"""SHA-256 of arrays, whatever the file: whose they are, and whether a bit changed."""

import concurrent.futures
import hashlib
import os
import pathlib
from collections.abc import Mapping

import jax
import numpy as np
from flax import nnx

from jax_encoder.io import files


def of_arrays(arrays: Mapping[str, object]) -> str:
    """Digests named arrays; their order does not matter.

    Args:
      arrays: by name.

    Returns:
      64 hexadecimal digits, of the names, types, shapes and contents.
    """
    # Hashing lets other threads run.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        lines = sorted(pool.map(_line, arrays.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(item: tuple[str, object]) -> str:
    name, array = item[0], np.asarray(item[1])
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256(content.data).hexdigest()
    return f"{name} {array.dtype} {list(array.shape)} {digest}"


def of_files(directory: str | os.PathLike[str]) -> str:
    """Digests all files below a directory: their names and contents.

    Args:
      directory: whose files are read, several at a time.

    Returns:
      64 hexadecimal digits.

    Raises:
      OSError: one of them cannot be read.
    """
    root = pathlib.Path(directory)
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = pool.map(files.sha256, paths)
        lines = [
            f"{path.relative_to(root).as_posix()} {digest}"
            for path, digest in zip(paths, found, strict=True)
        ]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


def of_tree(tree: object) -> str:
    """Digests the arrays of a nested dict; see `of_arrays`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return of_arrays({jax.tree_util.keystr(path): leaf for path, leaf in leaves})


def of_module(module: nnx.Module) -> str:
    """Digests the arrays of a network; see `of_arrays`."""
    return of_tree(nnx.to_pure_dict(nnx.state(module)))
