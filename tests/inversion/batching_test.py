"""Slices of a batch, one after the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.inversion import batching


def double(tree):
    return {"twice": 2 * tree["x"], "whole": tree["n"] + 1}


@pytest.mark.parametrize("size", [None, 1, 2, 6, 9])
def test_slices_give_what_the_whole_gives(size):
    batch = {"x": jnp.arange(12.0).reshape(6, 2), "n": jnp.arange(6), "none": None}
    found = jax.jit(lambda b: batching.map_batches(double, b, size))(batch)
    np.testing.assert_array_equal(found["twice"], 2 * batch["x"])
    np.testing.assert_array_equal(found["whole"], batch["n"] + 1)


def test_no_slice_is_larger_than_asked():
    seen = []

    def note(x):
        seen.append(x.shape)
        return x

    batching.map_batches(note, jnp.zeros((6, 3)), 2)
    assert seen == [(2, 3)]  # traced once


def test_slices_must_divide_the_batch():
    with pytest.raises(ValueError, match="4 and 6"):
        batching.map_batches(lambda x: x, jnp.zeros((6, 3)), 4)
