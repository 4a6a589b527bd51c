"""Maps computed again instead of kept: the same numbers, less to keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarking import networks


@pytest.mark.parametrize("family", ["stylegan1", "stylegan2", "stylegan3"])
def test_gives_the_same_gradient(family):
    generator = networks.generator(family, 16, "small")
    ws = networks.latents(generator, 2)

    def slope(ws, remat_from):
        def objective(ws):
            images = generator.synthesis(ws, remat_from=remat_from)
            return jnp.sum(jnp.square(images))

        return jax.grad(objective)(ws)

    trace = jax.make_jaxpr(slope, static_argnums=1)
    assert "remat" not in str(trace(ws, None))
    assert "remat" in str(trace(ws, 16))
    run = jax.jit(slope, static_argnums=1)
    kept, again = np.asarray(run(ws, None)), np.asarray(run(ws, 8))
    np.testing.assert_allclose(again, kept, atol=1e-5 * np.abs(kept).max())
