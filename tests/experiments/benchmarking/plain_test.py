"""Special formulations are left out where asked, and come back."""

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarking import plain
from jax_encoder.ops import convolution, filtered_lrelu, formulations

_X = jax.ShapeDtypeStruct((1, 64, 64, 64), jnp.float32)
_KERNEL = jax.ShapeDtypeStruct((3, 3, 64, 64), jnp.float32)
_NARROW = jax.ShapeDtypeStruct((3, 3, 64, 3), jnp.float32)


def chosen():
    """Which of the special formulations a 64 x 64 map with 64 channels gets.

    Filled up with zeros are three channels.
    """
    return {
        "strips": formulations.strip_rows(_X, _KERNEL, (1, 3, 3, 1)) is not None,
        "tiles": formulations.tile_rows(_X, _KERNEL) is not None,
        "phases": "scan" in _lrelu_program(),
        "filling": "pad[" in str(jax.make_jaxpr(convolution.conv2d)(_X, _NARROW)),
    }


def _lrelu_program():
    """Of a filtered leaky ReLU: tiles are a loop."""
    resampling = filtered_lrelu.Resampling(up=2, down=2, padding=(9, 9))
    taps = jax.ShapeDtypeStruct((12,), jnp.float32)

    def apply(x, up, down):
        return formulations.filtered_lrelu2d(x, up, down, resampling)

    return str(jax.make_jaxpr(apply)(_X, taps, taps))


@pytest.mark.parametrize("name", plain.SPECIAL)
def test_leaves_out_one(name):
    assert all(chosen().values())
    with plain.without([name]):
        assert chosen() == {other: other != name for other in plain.SPECIAL}
    assert all(chosen().values())


def test_leaves_out_all():
    with plain.without():
        assert not any(chosen().values())


def test_what_was_traced_before_is_traced_anew():
    up = jax.jit(formulations.up_conv2d)
    before = str(jax.make_jaxpr(up)(_X, _KERNEL))
    with plain.without(["strips"]):
        assert str(jax.make_jaxpr(up)(_X, _KERNEL)) != before
    assert str(jax.make_jaxpr(up)(_X, _KERNEL)) == before
