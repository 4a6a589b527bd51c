"""Learning rates and exploration noise as functions of the step.

Every schedule here is a frozen dataclass, hence static under `jax.jit`, and is called
with the step (from 0) and the number of steps. Those of optax are called with the step
alone and serve as well.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jax_encoder.errors import InputError


class Schedule:
    """A learning rate that depends on the share of the steps that is done."""

    def __call__(self, step: ArrayLike, num_steps: int) -> jax.Array:
        """Returns the learning rate of a step.

        Args:
          step: from 0.
          num_steps: in all.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same learning rate at every step."""

    learning_rate: float = 0.01

    def __call__(self, step: ArrayLike, num_steps: int) -> jax.Array:
        """Returns the learning rate of a step."""
        del num_steps
        return self.learning_rate * jnp.ones_like(step, dtype=_dtype())


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExponentialDecay(Schedule):
    """A learning rate that falls by a factor after every epoch.

    Attributes:
      learning_rate: of the first epoch.
      decay: factor per epoch.
      num_epochs: into how many equal parts the steps are divided.
    """

    learning_rate: float = 0.05
    decay: float = 0.9
    num_epochs: int = 20

    def __call__(self, step: ArrayLike, num_steps: int) -> jax.Array:
        """Returns the learning rate of a step."""
        epoch = jnp.floor(jnp.asarray(step, _dtype()) * self.num_epochs / num_steps)
        return self.learning_rate * self.decay**epoch


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Cosine up to the peak, cosine down (Smith and Topin 2018, arXiv:1708.07120).

    Attributes:
      learning_rate: the peak.
      warmup: share of the steps before the peak.
      start_division: the peak over the first rate.
      final_division: the first rate over the last.
    """

    learning_rate: float = 0.1
    warmup: float = 0.3
    start_division: float = 25.0
    final_division: float = 1e4

    def __call__(self, step: ArrayLike, num_steps: int) -> jax.Array:
        """Returns the learning rate of a step."""
        schedule = optax.cosine_onecycle_schedule(
            num_steps,
            self.learning_rate,
            self.warmup,
            self.start_division,
            self.final_division,
        )
        return jnp.asarray(schedule(step))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineRamps(Schedule):
    """The ramps of the StyleGAN2 projector (arXiv:1912.04958, Appendix D).

    The rate is zero at step 0, rises linearly, stays, and falls along a cosine.

    Attributes:
      learning_rate: the plateau.
      rampdown: share of the steps in which the rate falls.
      rampup: share of the steps in which the rate rises.
    """

    learning_rate: float = 0.1
    rampdown: float = 0.25
    rampup: float = 0.05

    def __call__(self, step: ArrayLike, num_steps: int) -> jax.Array:
        """Returns the learning rate of a step."""
        time = jnp.asarray(step, _dtype()) / num_steps
        ramp = jnp.minimum(1.0, (1.0 - time) / self.rampdown)
        ramp = 0.5 - 0.5 * jnp.cos(ramp * jnp.pi)
        return self.learning_rate * ramp * jnp.minimum(1.0, time / self.rampup)


Rate = Schedule | Callable[[ArrayLike], ArrayLike]


def check(schedule: Rate | float) -> Rate:
    """Makes sure that something is a schedule.

    Args:
      schedule: one of ours, one of optax's (from the step to the rate), or a number,
        which stands for a constant rate.

    Returns:
      The schedule.

    Raises:
      ValueError: it is none, or cannot be hashed.
    """
    if isinstance(schedule, int | float):
        return Constant(learning_rate=float(schedule))
    if isinstance(schedule, type) or not callable(schedule):
        raise InputError(
            "`schedule` must be a schedule of `inversion.schedules` or of optax, or a"
            f" number: got {schedule!r}."
        )
    try:
        hash(schedule)
    except TypeError as error:
        raise InputError(
            f"`schedule` must be hashable, as functions and frozen dataclasses are:"
            f" {schedule!r} is not."
        ) from error
    return schedule


def bind(schedule: Rate, num_steps: int) -> Callable[[ArrayLike], ArrayLike]:
    """Returns a schedule as optax calls it: from the step to the rate."""
    if isinstance(schedule, Schedule):
        return functools.partial(_call, schedule, num_steps)
    return schedule


def _call(schedule: Schedule, num_steps: int, step: ArrayLike) -> jax.Array:
    return schedule(step, num_steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exploration:
    """Noise added to the latents, fading out (arXiv:1912.04958, Appendix D).

    Attributes:
      factor: at step 0, relative to the spread of the space.
      ramp: share of the steps until it has faded.
    """

    factor: float = 0.05
    ramp: float = 0.75

    def __call__(self, step: ArrayLike, num_steps: int) -> jax.Array:
        """Returns the standard deviation of a step, relative to the spread."""
        time = jnp.asarray(step, _dtype()) / num_steps
        return self.factor * jnp.square(jnp.maximum(0.0, 1.0 - time / self.ramp))


def _dtype() -> jnp.dtype:
    """Float32, or float64 where the caller enabled it."""
    return jnp.result_type(float)
