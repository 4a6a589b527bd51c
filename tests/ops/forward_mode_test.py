"""Forward mode by pulling back twice, also through generators and LPIPS."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jax_encoder as je
from jax_encoder.nn import stylegan2
from jax_encoder.ops import forward_mode


def test_it_equals_jax_where_jax_can():
    def fn(x, y):
        return {"a": jnp.sin(x) * y["b"], "c": jnp.sum(x * x)}

    primals = (jnp.arange(3.0), {"b": jnp.ones(3)})
    tangents = (jnp.array([1.0, -2.0, 0.5]), {"b": jnp.array([0.1, 0.2, 0.3])})
    ours = forward_mode.jvp(fn, primals, tangents)
    theirs = jax.jvp(fn, primals, tangents)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6), ours, theirs)


def test_it_goes_through_synthesis_and_lpips():
    config = stylegan2.StyleGAN2Config(
        resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 8), num_mapping_layers=2
    )
    generator = stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))
    distance, target = je.demo.lpips(), jnp.zeros((1, 16, 16, 3))

    def fn(ws):
        return distance(generator.synthesis(ws), target)[0]

    keys = jax.random.split(jax.random.key(1), 2)
    ws, direction = (jax.random.normal(k, (1, config.num_ws, 8)) for k in keys)
    value, slope = jax.jit(lambda *x: forward_mode.jvp(fn, x[:1], x[1:]))(ws, direction)
    expected, gradient = jax.jit(jax.value_and_grad(fn))(ws)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, jnp.sum(gradient * direction), rtol=1e-3)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="`tangents` must have the structure"):
        forward_mode.jvp(jnp.sin, (jnp.ones(3),), (jnp.ones(2),))
