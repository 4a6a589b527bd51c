"""A line search that takes one value and one slope at a time.

It looks along a direction for a step that satisfies the strong Wolfe conditions
(Nocedal and Wright, "Numerical Optimization", Section 3.5): a sufficient decrease, and
a slope that has flattened. The search is a value: `begin` proposes a first step,
`advance` takes what was measured there and proposes the next. So the caller may measure
many searches at once, and none has to wait until another is over. All functions treat a
single search and work under `jax.vmap`.

Interpolation and extrapolation follow More and Thuente, "Line search algorithms with
guaranteed sufficient decrease" (1994). Near the minimum, where values differ by
rounding only, the slopes decide alone (Hager and Zhang 2005, "approximate Wolfe
conditions").
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Options of a search.

    Attributes:
      decrease: of the value, as a share of what the slope promises (c1).
      flattening: largest slope accepted, as a share of the first one (c2).
      num_trials: after which a search has failed.
      rounding: values that differ by this, relatively, count as equal.
    """

    decrease: float = 1e-4
    flattening: float = 0.9
    num_trials: int = 20
    rounding: float = 1e-6

    def __post_init__(self):
        if not 0 < self.decrease < self.flattening < 1:
            raise InputError(
                "Expected 0 < `decrease` < `flattening` < 1, got"
                f" {self.decrease} and {self.flattening}."
            )
        if self.num_trials < 1:
            raise InputError(f"`num_trials` must be positive, got {self.num_trials}.")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """What is known at a step along the direction; scalars.

    Attributes:
      step: how far along the direction.
      value: of the objective.
      slope: its derivative along the direction.
    """

    step: jax.Array
    value: jax.Array
    slope: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """Where a search stands.

    Attributes:
      start: the point it began at, with step 0.
      low: the point of the lowest value that decreases sufficiently.
      high: the other end of the bracket; meaningless before there is one.
      step: at which to measure next.
      is_bracketed: whether an accepted step lies between `low` and `high`.
      width: of the bracket before the last two trials.
      last_width: of the bracket before the last trial.
      num_trials: measured so far.
    """

    start: Point
    low: Point
    high: Point
    step: jax.Array
    is_bracketed: jax.Array
    width: jax.Array
    last_width: jax.Array
    num_trials: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a trial amounts to; booleans.

    Attributes:
      is_accepted: it satisfies the conditions; the search is over.
      is_failed: the search is over without such a step; `low` is the best it found.
      is_low: the trial is the new `low`.
    """

    is_accepted: jax.Array
    is_failed: jax.Array
    is_low: jax.Array


def begin(value: jax.Array, slope: jax.Array, step: jax.Array) -> Search:
    """Begins a search along a direction of descent.

    Args:
      value: a scalar, the objective where the search begins.
      slope: a scalar, its derivative along the direction, negative.
      step: a scalar, the first to try, positive.

    Returns:
      The search.
    """
    zero = jnp.zeros_like(value)
    start = Point(step=zero, value=value, slope=slope)
    return Search(
        start=start,
        low=start,
        high=start,
        step=step,
        is_bracketed=jnp.zeros((), bool),
        width=jnp.full_like(value, jnp.inf),
        last_width=jnp.full_like(value, jnp.inf),
        num_trials=jnp.zeros((), jnp.int32),
    )


def advance(
    search: Search, value: jax.Array, slope: jax.Array, config: SearchConfig
) -> tuple[Search, Verdict]:
    """Takes what was measured at `search.step`.

    Args:
      search: from `begin` or an earlier call.
      value: a scalar, the objective at the step; if not finite, it counts as too high.
      slope: a scalar, its derivative along the direction there.
      config: the conditions.

    Returns:
      The search with its next step, and what the trial amounts to.
    """
    is_finite = jnp.isfinite(value) & jnp.isfinite(slope)
    trial = Point(
        step=search.step,
        value=jnp.where(is_finite, value, jnp.inf),
        slope=jnp.where(is_finite, slope, jnp.inf),
    )
    start, low = search.start, search.low
    slack = config.rounding * jnp.abs(start.value)
    decreases = trial.value <= start.value + config.decrease * trial.step * start.slope
    # Where rounding hides the decrease, a slope that falls tells of it.
    is_level = (jnp.abs(trial.value - start.value) <= slack) & (
        trial.slope <= (2 * config.decrease - 1) * start.slope
    )
    is_lower = (trial.value < low.value) | (
        is_level & (trial.value <= low.value + slack)
    )
    is_low = is_finite & (decreases | is_level) & is_lower
    is_flat = jnp.abs(trial.slope) <= config.flattening * jnp.abs(start.slope)
    moved = _narrow(search, trial, is_low)
    num_trials = search.num_trials + 1
    is_accepted = is_low & is_flat
    is_tiny = moved.is_bracketed & (
        jnp.abs(moved.high.step - moved.low.step)
        <= jnp.finfo(value.dtype).eps * jnp.maximum(moved.high.step, moved.low.step)
    )
    is_over = (num_trials >= config.num_trials) | is_tiny
    return dataclasses.replace(moved, num_trials=num_trials), Verdict(
        is_accepted=is_accepted, is_failed=is_over & ~is_accepted, is_low=is_low
    )


def _narrow(search: Search, trial: Point, is_low: jax.Array) -> Search:
    """Puts the trial into the bracket, and chooses the next step."""
    old = search.low
    # The way from `low` to the bracket's other end, or to all larger steps.
    ahead = jnp.where(search.is_bracketed, search.high.step - old.step, 1.0)
    has_passed = trial.slope * ahead >= 0  # The minimum lies behind the trial.
    high = _choose(is_low, _choose(has_passed, old, search.high), trial)
    low = _choose(is_low, trial, old)
    is_bracketed = search.is_bracketed | ~is_low | has_passed
    width = jnp.abs(high.step - low.step)
    # An end that stays makes interpolation slow: halve what has not shrunk by a third.
    is_slow = width > 0.66 * search.width
    step = jnp.where(
        is_bracketed,
        jnp.where(is_slow, _middle(low, high), _interpolate(low, high)),
        _extrapolate(old, low),
    )
    return dataclasses.replace(
        search,
        low=low,
        high=high,
        step=step,
        is_bracketed=is_bracketed,
        width=search.last_width,
        last_width=jnp.where(is_bracketed, width, jnp.inf),
    )


def _interpolate(low: Point, high: Point) -> jax.Array:
    """A step inside the bracket, away from its ends."""
    cubic = _cubic(low, high)
    span = high.step - low.step
    # The parabola through both values and the slope at `low`; to trust it as much as
    # the cubic one keeps steps short where the value has risen.
    lead = high.value - low.value - low.slope * span
    parabola = low.step - low.slope * span * span / (2 * lead)
    is_risen = high.value > low.value
    is_shorter = jnp.abs(cubic - low.step) < jnp.abs(parabola - low.step)
    step = jnp.where(is_risen & ~is_shorter, (cubic + parabola) / 2, cubic)
    share = (step - low.step) / span
    # An infinite value tells nothing but that the step was far too long.
    share = jnp.where(jnp.isfinite(high.value), jnp.clip(share, 0.05, 0.95), 0.1)
    share = jnp.where(jnp.isfinite(share), share, 0.5)
    return low.step + share * span


def _extrapolate(old: Point, low: Point) -> jax.Array:
    """A step beyond `low`, where the objective still falls."""
    span = low.step - old.step
    step = _cubic(old, low)
    is_ahead = jnp.isfinite(step) & (step > low.step)
    longest = low.step + 4 * span
    return jnp.where(is_ahead, jnp.clip(step, low.step + 1.1 * span, longest), longest)


def _middle(low: Point, high: Point) -> jax.Array:
    share = jnp.where(jnp.isfinite(high.value), 0.5, 0.1)
    return low.step + share * (high.step - low.step)


def _cubic(a: Point, b: Point) -> jax.Array:
    """The minimum of the cubic through two points; NaN where it has none (Eq. 3.59)."""
    span = b.step - a.step
    mean = a.slope + b.slope - 3 * (b.value - a.value) / span
    root = jnp.sign(span) * jnp.sqrt(mean * mean - a.slope * b.slope)
    return b.step - span * (b.slope + root - mean) / (b.slope - a.slope + 2 * root)


def _choose(condition: jax.Array, a: Point, b: Point) -> Point:
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), a, b)
