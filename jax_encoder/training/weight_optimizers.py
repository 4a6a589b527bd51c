"""The optimizers and schedules that regressors and encoders are trained with."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jax_encoder.errors import InputError

NAMES = ("adam", "radam", "ranger")
SCHEDULES = ("constant", "one_cycle", "exponential", "cosine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """An optimizer and its learning rate.

    Attributes:
      name: "adam", "radam", or "ranger": RAdam with lookahead, as pSp's encoders.
      learning_rate: the largest.
      schedule: "constant"; "one_cycle", up and down along cosines; "exponential", to a
        hundredth at the end; "cosine", to zero at the end.
      num_steps: of the whole training, which the schedule spans.
      max_norm: bound on the gradient's length; None for none.
    """

    name: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    num_steps: int = 10_000
    max_norm: float | None = None

    def __post_init__(self):
        if self.name not in NAMES or self.schedule not in SCHEDULES:
            raise InputError(
                f"`name` must be one of {NAMES} and `schedule` one of {SCHEDULES}: got"
                f" {self.name!r} and {self.schedule!r}."
            )
        if self.learning_rate <= 0 or self.num_steps < 1:
            raise InputError(
                "`learning_rate` and `num_steps` must be positive: got"
                f" {self.learning_rate} and {self.num_steps}."
            )


def make(config: OptimizerConfig) -> optax.GradientTransformation:
    """Returns the optimizer that a config describes."""
    rate = schedule(config)
    if config.name == "adam":
        optimizer = optax.adam(rate)
    elif config.name == "radam":
        optimizer = optax.radam(rate)
    else:
        inner = optax.radam(rate, b1=0.95, b2=0.999, eps=1e-5)
        optimizer = lookahead(inner, period=6, step_size=0.5)
    if config.max_norm is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(config.max_norm), optimizer)


def schedule(config: OptimizerConfig) -> optax.Schedule:
    """Returns the learning rate as a function of the step."""
    rate, num_steps = config.learning_rate, config.num_steps
    if config.schedule == "one_cycle":
        return optax.cosine_onecycle_schedule(max(num_steps, 2), rate)
    if config.schedule == "exponential":
        return optax.exponential_decay(rate, num_steps, 0.01)
    if config.schedule == "cosine":
        return optax.cosine_decay_schedule(rate, num_steps)
    return optax.constant_schedule(rate)


class LookaheadState(NamedTuple):
    """The state of `lookahead`: the inner one, the slow weights, steps done."""

    inner: optax.OptState
    slow: optax.Params
    step: jax.Array


def lookahead(
    inner: optax.GradientTransformation, *, period: int, step_size: float
) -> optax.GradientTransformation:
    """Wraps an optimizer in lookahead (Zhang et al. 2019, arXiv:1907.08610).

    Unlike `optax.lookahead` it keeps the slow weights in its own state, so that what is
    trained stays a plain tree of weights.

    Args:
      inner: takes the fast steps.
      period: fast steps between two slow ones.
      step_size: of the slow ones, as a share of the way to the fast weights.
    """

    def init(params):
        slow = jax.tree.map(jnp.copy, params)
        return LookaheadState(inner.init(params), slow, jnp.zeros((), jnp.int32))

    def update(updates, state, params=None):
        assert params is not None, "lookahead needs the weights"
        updates, inner_state = inner.update(updates, state.inner, params)
        step = state.step + 1
        is_due = step % period == 0

        def slower(slow, old, change):
            return jnp.where(is_due, slow + step_size * (old + change - slow), slow)

        slow = jax.tree.map(slower, state.slow, params, updates)
        updates = jax.tree.map(
            lambda s, old, change: jnp.where(is_due, s - old, change),
            slow,
            params,
            updates,
        )
        return updates, LookaheadState(inner_state, slow, step)

    return optax.GradientTransformation(init, update)
