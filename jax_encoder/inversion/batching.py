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

    A picture gets the same bits alone, among others and on several devices, since `fn`
    is compiled the same however many slices there are: each turn cuts what the next one
    needs and puts away what the last one found, so that neither can be fused with `fn`,
    whose sums the compiler would then order otherwise. On CPUs it does not learn how
    many turns there are, either.

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
    if size is None or not num:
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

    def body(index, carry):
        current, found, results = carry
        results = jax.tree.map(
            lambda r, f: _put(r, f, (index - 1) * size), results, found
        )
        following = jax.tree.map(lambda x: _slice(x, (index + 1) * size, size), batch)
        return following, fn(current), results

    count: int | jax.Array = num // size
    if jax.default_backend() == "cpu":
        count = jax.lax.optimization_barrier(jnp.asarray(count, jnp.int32))
    found = jax.tree.map(lambda r: r[:size], results)
    _, found, results = jax.lax.fori_loop(0, count, body, (first, found, results))
    return jax.tree.map(lambda r, f: _put(r, f, num - size), results, found)


def smallest() -> int | None:
    """Tells in what slices small networks see a batch.

    Returns:
      1 on a CPU, where a picture so gets the same bits in every batch; None, all at
      once, elsewhere.
    """
    return 1 if jax.default_backend() == "cpu" else None


# To look for negative indices would triple the operations to compile.
_slice = functools.partial(
    jax.lax.dynamic_slice_in_dim, axis=0, allow_negative_indices=False
)
_put = functools.partial(
    jax.lax.dynamic_update_slice_in_dim, axis=0, allow_negative_indices=False
)
