"""The optimizers of an inversion, by name: ours, a user's, and all of optax.

An optimizer is made of the learning rate, which is a schedule, and of its options. To
add one under a name, register what makes it:

    optimizers.register("clipped", lambda rate: optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(rate)))
"""

from collections.abc import Callable
from typing import Any, cast

import optax

from jax_encoder.errors import InputError
from jax_encoder.inversion import lbfgs, schedules

Factory = Callable[..., optax.GradientTransformation]
"""From the learning rate, and options by keyword, to a transformation."""

_OWN: dict[str, Factory] = {}
_LINE_SEARCHES: set[str] = set()

# Optimizers that treat every number by itself. They see the code and all noise maps as
# one vector: at 1024 pixels a sixth less to compile. Others may measure every array.
_ELEMENTWISE = ("adam", "adamw", "rmsprop", "sgd")


def register(name: str, factory: Factory, *, searches_lines: bool = False) -> Factory:
    """Makes an optimizer known by a name, before optax's of the same name.

    Args:
      name: as configurations and flags give it.
      factory: from the learning rate, and options by keyword, to a transformation. A
        step of an inversion evaluates the gradient once; `update` gets it with the
        objective as `value`.
      searches_lines: it compares the values of several points, so the objective must
        not change between two steps.

    Returns:
      The factory.

    Raises:
      ValueError: the name stands for another factory already.
    """
    if _OWN.setdefault(name, factory) is not factory:
        raise InputError(f"The optimizer {name!r} is {_OWN[name]} already.")
    if searches_lines:
        _LINE_SEARCHES.add(name)
    return factory


def searches_lines(optimizer: str | Factory) -> bool:
    """Whether an optimizer compares the values of several points."""
    return isinstance(optimizer, str) and optimizer in _LINE_SEARCHES


def make(
    optimizer: str | Factory,
    schedule: schedules.Rate,
    num_steps: int,
    options: tuple[tuple[str, object], ...] = (),
) -> optax.GradientTransformationExtraArgs:
    """Makes an optimizer with its schedule.

    Args:
      optimizer: a registered name, a name of optax, or a factory.
      schedule: of the learning rate.
      num_steps: in all.
      options: its other options, as pairs.

    Returns:
      The transformation.

    Raises:
      ValueError: there is none of this name, its options do not fit, or the factory
        makes no transformation.
    """
    rate = schedules.bind(schedule, num_steps)
    try:
        made = _factory(optimizer)(rate, **dict(options))
    except TypeError as error:
        raise InputError(
            f"The optimizer {optimizer!r} cannot be made of a learning rate and the"
            f" options {dict(options)}: {error}"
        ) from error
    if not isinstance(made, optax.GradientTransformation):
        raise InputError(
            "`optimizer` must make an optax transformation of a learning rate:"
            f" {optimizer!r} makes {type(made).__name__}."
        )
    flat = optax.flatten(made) if optimizer in _ELEMENTWISE else made
    return optax.with_extra_args_support(flat)


def _factory(optimizer: str | Factory) -> Factory:
    if isinstance(optimizer, optax.GradientTransformation):
        raise InputError(
            "`optimizer` must be a name, or a function from the learning rate to a"
            " transformation: write `lambda rate: optax.chain(..., optax.adam(rate))`"
            " instead of a transformation whose rate is set."
        )
    if not isinstance(optimizer, str):
        return optimizer
    found = _OWN.get(optimizer) or getattr(optax, optimizer, None)
    if not callable(found):
        known = ", ".join([*_OWN, *_ELEMENTWISE])
        raise InputError(
            f"optax has no optimizer {optimizer!r}, and none is registered under this"
            f" name; there are {known} and the others of optax."
        )
    return cast(Factory, found)


def _lbfgs(rate: object, **options: Any) -> optax.GradientTransformation:
    del rate  # Of a first-order optimizer; the line search finds the step.
    return lbfgs.lbfgs(**options)


register("lbfgs", _lbfgs, searches_lines=True)
