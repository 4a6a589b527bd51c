"""Nothing that is not finite becomes a file: the one check of all writers.

JAX is imported by who checks something: writers of plain files run in processes that
must not touch a device.
"""

import os
import pathlib

import numpy as np


class NotFiniteError(FloatingPointError):
    """Numbers to be written hold NaN or infinities.

    Attributes:
      entries: the names of the arrays that do.
    """

    def __init__(self, what: str, entries: list[str], num_arrays: int):
        """Says what is not written, and which arrays are to blame."""
        shown = ", ".join(entries[:3]) + (", ..." if len(entries) > 3 else "")
        where = f" in {shown}" if num_arrays > 1 or any(entries) else ""
        super().__init__(
            f"{what}: not written, since {len(entries)} of {num_arrays} arrays hold NaN"
            f" or infinite values{where}. What made them has diverged: lower its"
            " learning rate, or check the file that it started from."
        )
        self.entries = entries


def check(tree: object, what: str | os.PathLike[str]) -> None:
    """Refuses numbers that are not finite.

    Args:
      tree: a pytree of arrays and numbers; integers, keys and text pass.
      what: the file or thing that they are meant for, named in the error.

    Raises:
      NotFiniteError: an array holds NaN or an infinity.
    """
    import jax

    leaves = jax.tree_util.tree_leaves_with_path(tree)
    entries = [
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, leaf in leaves
        if not is_finite(leaf)
    ]
    if entries:
        name = str(what) if isinstance(what, pathlib.PurePath) else os.fspath(what)
        raise NotFiniteError(name, entries, len(leaves))


def is_finite(array: object) -> bool:
    """Whether every number of an array is finite.

    Args:
      array: an array or number of any type; where the type has no infinities, it is.
    """
    import jax
    import jax.numpy as jnp

    if isinstance(array, jax.Array) and jnp.issubdtype(
        array.dtype, jax.dtypes.prng_key
    ):
        return True
    values = np.asarray(array)
    if not jnp.issubdtype(values.dtype, np.inexact):
        return True
    return bool(np.isfinite(values).all())
