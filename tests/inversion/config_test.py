"""What an inversion's configuration refuses, and how it divides its steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jax_encoder.inversion import schedules, terms
from jax_encoder.inversion.config import ProjectorConfig, Stage


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "fixed"}, "\"optimize\", got 'fixed'"),
        ({"keep": "first"}, "\"last\", got 'first'"),
        ({"space": "s"}, "'s'"),
        ({"num_steps": 0}, "must be positive, got 0"),
        ({"terms": ()}, "needs an objective"),
        ({"optimizer": "adamx"}, "no optimizer 'adamx'"),
        ({"stages": (Stage(share=0.7, resolution=8),) * 2}, "exceed 1"),
    ],
)
def test_what_is_refused_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        ProjectorConfig(**{"terms": (terms.Pixel(),), **options})


def test_the_plan_has_every_step_once():
    config = ProjectorConfig(
        num_steps=50,
        terms=(terms.Pixel(),),
        stages=(Stage(share=0.5, resolution=8), Stage(share=0.2, resolution=64)),
    )
    plan = config.plan(32, 20)
    assert plan == [(0, 20, 8), (20, 5, 8), (25, 10, 32), (35, 15, 32)]


def test_only_p_n_needs_the_components():
    prior = terms.LatentPrior(kind="p_n")
    assert ProjectorConfig(terms=(terms.Pixel(), prior)).needs_p
    assert ProjectorConfig(space="p_n+", terms=(terms.Pixel(),)).needs_p
    assert not ProjectorConfig(space="p+", terms=(terms.Pixel(),)).needs_p


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd", "lamb"])
def test_optimizers_do_what_they_do_to_single_arrays(name):
    """Also those that divide by the norm of an array, as lamb does."""
    config = ProjectorConfig(
        terms=(terms.Pixel(),),
        optimizer=name,
        schedule=schedules.Constant(learning_rate=0.1),
    )
    values = {"code": jnp.arange(1.0, 4.0), "noise": jnp.full((2, 2), 0.3)}
    slopes = {"code": jnp.array([1.0, -2.0, 3.0]), "noise": jnp.full((2, 2), -0.7)}

    def move(optimizer):
        moved, state = values, optimizer.init(values)
        for _ in range(3):
            updates, state = optimizer.update(slopes, state, moved)
            moved = optax.apply_updates(moved, updates)
        return moved

    ours, theirs = move(config.make_optimizer()), move(getattr(optax, name)(0.1))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
