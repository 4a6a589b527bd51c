"""Work on a batch, a few pictures at a time."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.nn import base


def map_batches(
    fn: Callable[[base.Tree], base.Tree], batch: base.Tree, size: int | None
) -> base.Tree:
    """Applies `fn` to slices of a batch, one after the other.

    On CPUs the compiler does not learn how many slices there are. So it compiles a
    single slice as it compiles one of many, and a picture gets the same bits alone,
    among others and on several devices.

    Args:
      fn: from a pytree of `[size, ...]` arrays to a pytree of `[size, ...]` arrays; not
        differentiated from outside.
      batch: pytree of `[N, ...]` arrays of numbers.
      size: pictures in a slice; None: all at once, without a loop.

    Returns:
      What `fn` gives, `[N, ...]`.

    Raises:
      ValueError: `size` does not divide the batch.
    """
    num = jax.tree.leaves(batch)[0].shape[0]
    if size is None:
        return fn(batch)
    size = min(size, num)
    if num % size:
        raise InputError(
            f"`micro_batch` must divide the pictures of a device: {size} and {num}."
        )
    fn = jax.jit(fn)  # Traced once, though its shapes are asked for first.
    first = jax.tree.map(lambda x: x[:size], batch)
    results = jax.tree.map(
        lambda s: jnp.zeros((num, *s.shape[1:]), s.dtype), jax.eval_shape(fn, first)
    )

    def body(index, results):
        start = index * size
        found = fn(jax.tree.map(lambda x: _slice(x, start, size), batch))
        return jax.tree.map(lambda r, f: _put(r, f, start), results, found)

    count: int | jax.Array = num // size
    if jax.default_backend() == "cpu":
        count = jax.lax.optimization_barrier(jnp.asarray(count, jnp.int32))
    return jax.lax.fori_loop(0, count, body, results)


# To look for negative indices would triple the operations to compile.
_slice = functools.partial(
    jax.lax.dynamic_slice_in_dim, axis=0, allow_negative_indices=False
)
_put = functools.partial(
    jax.lax.dynamic_update_slice_in_dim, axis=0, allow_negative_indices=False
)
