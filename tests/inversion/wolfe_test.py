"""The line search: what it accepts, and when it gives up."""

import functools

import jax
import jax.numpy as jnp
import pytest

from jax_encoder.inversion import wolfe

CONFIG = wolfe.SearchConfig(flattening=0.1)

# The first two are like those of More and Thuente (1994), Section 5.
FUNCTIONS = {
    "rational": lambda t: -t / (t * t + 2),
    "quartic": lambda t: (t + 0.2) ** 5 - 2 * (t + 0.2) ** 4,
    "valley": lambda t: (t - 3) ** 2 * (t + 3.5) ** 2 - 8 * t,
    "wavy": lambda t: -t - 0.1 * jnp.sin(8 * t) + 0.02 * t * t,
    "wall": lambda t: -jnp.log(1 - t) - 3 * t,  # NaN from 1 on.
}


@functools.partial(jax.jit, static_argnames=("function", "config"))
def search(function, firsts, config=CONFIG):
    """Runs a search from every first step `[N]` to its end.

    Returns:
      The last steps tried `[N]`, the last verdicts, and the searches.
    """
    measure = jax.value_and_grad(function)

    def run(first):
        def is_running(carry):
            _, verdict, _ = carry
            return ~(verdict.is_accepted | verdict.is_failed)

        def body(carry):
            found, _, _ = carry
            return *wolfe.advance(found, *measure(found.step), config), found.step

        no = jnp.zeros((), bool)
        nothing = wolfe.Verdict(is_accepted=no, is_failed=no, is_low=no)
        begun = wolfe.begin(*measure(jnp.zeros(())), first)
        found, verdict, tried = jax.lax.while_loop(
            is_running, body, (begun, nothing, first)
        )
        return tried, verdict, found

    return jax.vmap(run)(firsts)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_accepted_step_satisfies_the_strong_conditions(name):
    function = FUNCTIONS[name]
    steps, verdict, found = search(function, jnp.logspace(-3, 3, 61))
    assert verdict.is_accepted.all()
    assert found.num_trials.max() <= 18
    value, slope = jax.value_and_grad(function)(0.0)
    there, slopes = jax.vmap(jax.value_and_grad(function))(steps)
    promised = CONFIG.decrease * steps * slope
    assert (there <= value + promised + 1e-6 * jnp.abs(value)).all()
    assert (jnp.abs(slopes) <= CONFIG.flattening * jnp.abs(slope) * 1.001).all()


def test_a_good_first_step_is_taken_at_once():
    step, _, found = search(lambda t: (t - 1) ** 2, jnp.ones(1))
    assert (step[0], found.num_trials[0]) == (1.0, 1)


def test_a_search_that_cannot_succeed_fails_in_time():
    @jax.custom_jvp
    def promise(t):
        return t

    # The slope at 0 promises a decrease that no step gives.
    promise.defjvp(lambda t, dt: (t[0], jnp.where(t[0] == 0, -1.0, 1.0) * dt[0]))
    config = wolfe.SearchConfig(num_trials=7)
    step, verdict, found = search(promise, jnp.ones(1), config)
    assert verdict.is_failed.all()
    assert not verdict.is_accepted.any()
    assert found.num_trials[0] == 7
    assert found.low.step[0] == 0
    assert step[0] < 0.1


def test_falling_without_end_is_followed_and_the_best_kept():
    config = wolfe.SearchConfig(num_trials=5)
    step, verdict, found = search(lambda t: -2.0 * t, jnp.ones(1), config)
    assert verdict.is_failed.all()
    assert found.num_trials[0] == 5
    assert found.low.step[0] == step[0] > 100


def test_bad_conditions_are_refused():
    with pytest.raises(ValueError, match="Expected 0 < `decrease` < `flattening` < 1"):
        wolfe.SearchConfig(decrease=0.9, flattening=0.1)
    with pytest.raises(ValueError, match="`num_trials` must be positive, got 0"):
        wolfe.SearchConfig(num_trials=0)
