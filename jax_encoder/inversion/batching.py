"""Work on a batch, a few pictures at a time."""

from collections.abc import Callable
from typing import Any

import jax


def map_batches(fn: Callable[[Any], Any], batch: Any, size: int | None) -> Any:
    """Applies `fn` to slices of a batch, one after the other.

    Args:
      fn: from a pytree of `[size, ...]` arrays to a pytree of `[size, ...]` arrays.
      batch: pytree of `[N, ...]` arrays.
      size: pictures in a slice; None: all at once.

    Returns:
      What `fn` gives, `[N, ...]`.

    Raises:
      ValueError: `size` does not divide the batch.
    """
    num = jax.tree.leaves(batch)[0].shape[0]
    if size is None or size >= num:
        return fn(batch)
    if num % size:
        raise ValueError(
            f"`micro_batch` must divide the pictures of a device: {size} and {num}."
        )
    sliced = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), batch)
    mapped = jax.lax.map(fn, sliced)
    return jax.tree.map(lambda x: x.reshape(num, *x.shape[2:]), mapped)
