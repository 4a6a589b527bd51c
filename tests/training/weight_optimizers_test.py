import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jax_encoder.training import weight_optimizers


def _run(optimizer, num_steps):
    params = {"x": jnp.array([3.0, -2.0])}
    state, path = optimizer.init(params), []
    for _ in range(num_steps):
        gradient = jax.grad(lambda p: jnp.sum(jnp.square(p["x"])))(params)
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        path.append(np.asarray(params["x"]))
    return np.stack(path)


def test_lookahead_steps_back_a_share_of_the_way():
    inner = optax.sgd(0.1)
    found = _run(weight_optimizers.lookahead(inner, period=3, step_size=0.5), 3)
    fast = _run(inner, 3)
    start = np.array([3.0, -2.0])
    np.testing.assert_allclose(found[:2], fast[:2], rtol=1e-6)
    np.testing.assert_allclose(found[2], start + 0.5 * (fast[2] - start), rtol=1e-6)


def test_lookahead_equals_that_of_optax():
    inner = optax.radam(0.05, b1=0.95, b2=0.999, eps=1e-5)
    found = _run(weight_optimizers.lookahead(inner, period=6, step_size=0.5), 14)
    theirs = optax.lookahead(inner, sync_period=6, slow_step_size=0.5)
    params = optax.LookaheadParams.init_synced({"x": jnp.array([3.0, -2.0])})
    state = theirs.init(params)
    for row in found:
        gradient = jax.grad(lambda p: jnp.sum(jnp.square(p["x"])))(params.fast)
        updates, state = theirs.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(row, params.fast["x"], rtol=1e-5)


@pytest.mark.parametrize("name", weight_optimizers.NAMES)
def test_every_optimizer_goes_down(name):
    config = weight_optimizers.OptimizerConfig(
        name=name, learning_rate=0.1, max_norm=1.0
    )
    path = _run(weight_optimizers.make(config), 20)
    assert (np.abs(path[-1]) < np.abs(path[0]) - 0.05).all()


@pytest.mark.parametrize("name", weight_optimizers.SCHEDULES)
def test_schedules_stay_below_the_largest_rate(name):
    config = weight_optimizers.OptimizerConfig(
        schedule=name, num_steps=100, learning_rate=0.5
    )
    rates = np.array([weight_optimizers.schedule(config)(k) for k in range(101)])
    np.testing.assert_allclose(rates.max(), 0.5, rtol=1e-3)
    assert (rates >= 0).all()
    assert (rates[-1] < 0.01) == (name != "constant")


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="`name` must be one of"):
        weight_optimizers.OptimizerConfig(name="sgd9")
    with pytest.raises(ValueError, match="must be positive: got 0.0 and 10000"):
        weight_optimizers.OptimizerConfig(learning_rate=0.0)
