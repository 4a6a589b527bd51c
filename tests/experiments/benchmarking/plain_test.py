"""Special formulations are left out where asked, and come back."""

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarking import plain
from jax_encoder.ops import formulations

_X = jax.ShapeDtypeStruct((1, 64, 64, 64), jnp.float32)
_KERNEL = jax.ShapeDtypeStruct((3, 3, 64, 64), jnp.float32)


def chosen():
    """Which of the special formulations a 64 x 64 map with 64 channels gets."""
    return {
        "strips": formulations.strip_rows(_X, _KERNEL, (1, 3, 3, 1)) is not None,
        "tiles": formulations.tile_rows(_X, _KERNEL) is not None,
        "phases": formulations.BACKENDS["cpu"].lrelu_tile is not None,
    }


@pytest.mark.parametrize("name", plain.SPECIAL)
def test_leaves_out_one(name):
    assert all(chosen().values())
    with plain.without(name):
        assert chosen() == {other: other != name for other in plain.SPECIAL}
    assert all(chosen().values())


def test_leaves_out_all():
    with plain.without():
        assert not any(chosen().values())


def test_what_was_traced_before_is_traced_anew():
    up = jax.jit(formulations.up_conv2d)
    before = str(jax.make_jaxpr(up)(_X, _KERNEL))
    with plain.without("strips"):
        assert str(jax.make_jaxpr(up)(_X, _KERNEL)) != before
    assert str(jax.make_jaxpr(up)(_X, _KERNEL)) == before
