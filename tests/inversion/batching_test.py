"""Slices of a batch, one after the other."""

import os
import subprocess
import sys

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


def test_of_nothing_comes_nothing():
    found = batching.map_batches(double, {"x": jnp.zeros((0, 2)), "n": jnp.zeros(0)}, 1)
    assert found["twice"].shape == (0, 2)


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


PROGRAM = """
import jax, jax.numpy as jnp, numpy as np, optax
from jax_encoder.inversion import batching, lbfgs

optimizer = lbfgs.lbfgs(memory=3)
matrix = jax.random.normal(jax.random.key(0), (40, 32))
targets = jnp.tanh(jax.random.normal(jax.random.key(1), (3, 40)))

def objective(point, target):
    return jnp.sum(jnp.square(jnp.tanh(matrix @ point) - target))

def step(batch):
    points, states, targets = batch
    values, gradients = jax.vmap(jax.value_and_grad(objective))(points, targets)
    updates, states = jax.vmap(
        lambda g, s, p, v: optimizer.update(g, s, p, value=v)
    )(gradients, states, points, values)
    return optax.apply_updates(points, updates), states

@jax.jit
def search(targets):
    points = jnp.zeros((len(targets), 32))
    return jax.lax.fori_loop(
        0,
        12,
        lambda _, carry: batching.map_batches(step, (*carry, targets), 1),
        (points, jax.vmap(optimizer.init)(points)),
    )[0]

found = search(targets)
np.testing.assert_array_equal(search(targets[:1]), found[:1])
assert np.abs(found).max() > 0.1
"""


def test_a_line_search_gives_the_same_bits_alone_and_in_a_batch():
    """As people run it: only a program compiled in full fuses its sums as it likes."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
