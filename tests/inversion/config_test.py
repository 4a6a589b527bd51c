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
        ({"num_steps": -1}, "must not be negative: got -1"),
        ({"terms": ()}, "needs an objective"),
        ({"optimizer": "adamx"}, "no optimizer 'adamx'"),
        ({"optimizer": optax.adam(0.1)}, "`lambda rate: optax.chain"),
        ({"optimizer": lambda rate: rate}, "makes partial"),
        ({"optimizer_options": {"beta": 1}}, "options {'beta': 1}"),
        ({"schedule": None}, "of optax, or a number: got None"),
        ({"stages": (Stage(share=0.7, resolution=8),) * 2}, "exceed 1"),
        ({"terms": (jnp.square,)}, "subclass of `terms.Term`"),
        ({"terms": (terms.Pixel(), terms.Pixel(size=8))}, "its own `name`"),
        ({"terms": (terms.Pixel(name="loss"),)}, "its own `name`"),
        ({"terms": (terms.NoiseRegularizer(),)}, 'give noise="optimize"'),
        ({"dtype": "float16"}, "\"bfloat16\", got 'float16'"),
        ({"patience": 0}, "`patience` must be positive"),
        ({"optimizer": "lbfgs", "keep": "last"}, "must be \"best\" for 'lbfgs'"),
        (
            {"optimizer": "lbfgs", "exploration": schedules.Exploration()},
            "moves the objective while 'lbfgs' searches",
        ),
        (
            {"optimizer": "lbfgs", "optimizer_options": (("memory", 0),)},
            "`memory` must be a positive whole number, got 0",
        ),
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


def test_lists_serve_where_tuples_are_kept():
    config = ProjectorConfig(
        terms=[terms.Pixel()],
        stages=[Stage(share=0.5, resolution=8)],
        optimizer_options={"b1": 0.8},
        schedule=0.5,
    )
    assert config == ProjectorConfig(
        terms=(terms.Pixel(),),
        stages=(Stage(share=0.5, resolution=8),),
        optimizer_options=(("b1", 0.8),),
        schedule=schedules.Constant(learning_rate=0.5),
    )
    assert hash(config)


def test_optimized_maps_are_regularized_once():
    plain = ProjectorConfig(terms=(terms.Pixel(),), noise="optimize")
    assert plain.names == ("pixel", "noise")
    assert plain.objective[1].weight == 1e5
    own = terms.NoiseRegularizer(weight=2.0)
    config = ProjectorConfig(terms=(own, terms.Pixel()), noise="optimize")
    assert config.objective == (own, terms.Pixel())


def test_schedules_of_optax_are_called_with_the_step_alone():
    config = ProjectorConfig(
        terms=(terms.Pixel(),),
        optimizer="sgd",
        schedule=optax.piecewise_constant_schedule(1.0, {2: 0.1}),
    )
    optimizer, slope = config.make_optimizer(), jnp.ones(3)
    state, moves = optimizer.init(slope), []
    for _ in range(4):
        updates, state = optimizer.update(slope, state, slope)
        moves.append(float(updates[0]))
    np.testing.assert_allclose(moves, [-1.0, -1.0, -0.1, -0.1], rtol=1e-6)


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
