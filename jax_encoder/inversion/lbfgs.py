"""L-BFGS as an optax transformation for batches: one gradient evaluation an update.

The line search is part of the optimizer's state: every update takes the value and the
gradient at the current trial point and answers with the next trial point, be it of the
same search or of the next. So `jax.vmap` over pictures wastes nothing, and no picture
waits until the search of another is over (Nocedal and Wright, "Numerical Optimization",
Algorithms 7.4, 7.5).

    optimizer = lbfgs.lbfgs(memory=20)
    state = optimizer.init(params)
    value, gradient = jax.value_and_grad(objective)(params)
    updates, state = optimizer.update(gradient, state, params, value=value)
    params = optax.apply_updates(params, updates)

The new parameters are a trial: the best ones so far may be older.
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from jax_encoder.errors import InputError
from jax_encoder.inversion import wolfe
from jax_encoder.nn import base


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """What the last moves tell about the curvature, the newest first.

    Attributes:
      moves: `[M, D]` differences of accepted points (s).
      changes: `[M, D]` differences of their gradients (y).
      inverses: `[M]` one over the products of the two (rho); 0 where there is none.
    """

    moves: jax.Array
    changes: jax.Array
    inverses: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class LbfgsState:
    """All that the next update depends on; arrays of fixed shapes.

    Attributes:
      point: `[D]` the accepted point.
      gradient: `[D]` the gradient there.
      direction: `[D]` along which the search goes.
      low_gradient: `[D]` the gradient at the best point of the search so far.
      history: of the accepted points.
      search: along `direction` from `point`.
      is_begun: whether any point has been accepted.
    """

    point: jax.Array
    gradient: jax.Array
    direction: jax.Array
    low_gradient: jax.Array
    history: History
    search: wolfe.Search
    is_begun: jax.Array


def lbfgs(
    memory: int = 20,
    first_step: float = 1.0,
    search: wolfe.SearchConfig | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes the transformation; its `update` needs `params` and `value=`.

    A point whose value or gradient is not finite counts as one that is too far away.
    Where curvature is bad or a search fails, the history is forgotten, and the next
    direction is that of steepest descent.

    Args:
      memory: pairs of moves and changes kept; twice as many arrays like the parameters.
      first_step: the length of the first trial of steepest descent.
      search: options of the line search.

    Returns:
      The transformation, for any pytree of parameters of one dtype.

    Raises:
      ValueError: `memory` or `first_step` is not positive.
    """
    if memory < 1 or int(memory) != memory:
        raise InputError(f"`memory` must be a positive whole number, got {memory}.")
    if not first_step > 0:
        raise InputError(f"`first_step` must be positive, got {first_step}.")
    options = wolfe.SearchConfig() if search is None else search

    def init(params: base.Tree) -> base.Tree:
        return _init(params, int(memory))

    def update(
        updates: object,
        state: base.Tree,
        params: base.Tree = None,
        *,
        value: jax.Array | None = None,
        **extra: object,
    ) -> tuple[base.Tree, base.Tree]:
        del extra
        if params is None or value is None:
            raise InputError(
                "L-BFGS needs the point and its value: call"
                " `update(gradient, state, params, value=value)`."
            )
        state = _advance(state, params, value, updates, options, first_step)
        trial = state.point + state.search.step * state.direction
        return jnp.where(state.is_begun, trial - params, 0.0), state

    return optax.flatten(optax.GradientTransformationExtraArgs(init, update))


def _init(params: jax.Array, memory: int) -> LbfgsState:
    zeros, scalar = jnp.zeros_like(params), jnp.zeros((), params.dtype)
    pairs = jnp.zeros((memory, *params.shape), params.dtype)
    return LbfgsState(
        point=params,
        gradient=zeros,
        direction=zeros,
        low_gradient=zeros,
        history=History(
            moves=pairs,
            changes=pairs,
            inverses=jnp.zeros((memory,), params.dtype),
        ),
        search=wolfe.begin(scalar, scalar, scalar),
        is_begun=jnp.zeros((), bool),
    )


def _advance(state, trial, value, gradient, options, first_step) -> LbfgsState:
    """Goes on with the search, or accepts a point and begins the next search."""
    is_finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    value = jnp.where(is_finite, value, jnp.inf)
    slope = _dot(gradient, state.direction)
    search, verdict = wolfe.advance(state.search, value, slope, options)
    going_on = dataclasses.replace(
        state,
        search=search,
        low_gradient=jnp.where(verdict.is_low, gradient, state.low_gradient),
    )
    first = dataclasses.replace(
        state, point=trial, gradient=gradient, is_begun=jnp.ones((), bool)
    )
    accepted = _accept(going_on, trial, gradient, verdict)
    begun = _begin(
        _where(state.is_begun, accepted, first),
        jnp.where(state.is_begun & ~verdict.is_accepted, search.low.value, value),
        first_step,
    )
    is_over = jnp.where(
        state.is_begun, verdict.is_accepted | verdict.is_failed, is_finite
    )
    going_on = _where(state.is_begun, going_on, state)
    return _where(is_over, begun, going_on)


def _accept(state, trial, gradient, verdict) -> LbfgsState:
    """Moves to the trial, or to the best point of a search that failed."""
    low_point = state.point + state.search.low.step * state.direction
    point = jnp.where(verdict.is_accepted, trial, low_point)
    low_gradient = jnp.where(
        state.search.low.step > 0, state.low_gradient, state.gradient
    )
    gradient = jnp.where(verdict.is_accepted, gradient, low_gradient)
    history = _remember(state.history, point - state.point, gradient - state.gradient)
    # A search that found nothing at all was led astray by the history.
    is_astray = ~verdict.is_accepted & (state.search.low.step == 0)
    history = dataclasses.replace(
        history, inverses=jnp.where(is_astray, 0.0, history.inverses)
    )
    return dataclasses.replace(state, point=point, gradient=gradient, history=history)


def _remember(history: History, move: jax.Array, change: jax.Array) -> History:
    """Adds a pair if the objective curves upward between its points."""
    product, square = _dot(move, change), _dot(change, change)
    is_good = product > jnp.finfo(move.dtype).eps * square

    def push(rows, row):
        return jnp.where(is_good, jnp.concatenate([row[None], rows[:-1]]), rows)

    return History(
        moves=push(history.moves, move),
        changes=push(history.changes, change),
        inverses=push(history.inverses, 1 / jnp.where(is_good, product, 1.0)),
    )


def _begin(state: LbfgsState, value: jax.Array, first_step: float) -> LbfgsState:
    """Begins a search from the accepted point."""
    gradient = state.gradient
    newton = -_apply_inverse(state.history, gradient)
    slope = _dot(newton, gradient)
    has_history = (state.history.inverses[0] > 0) & (slope < 0)  # False for NaN.
    square = _dot(gradient, gradient)
    direction = jnp.where(has_history, newton, -gradient)
    slope = jnp.where(has_history, slope, -square)
    length = jnp.sqrt(jnp.where(square > 0, square, 1.0))
    step = jnp.where(has_history, 1.0, first_step / length).astype(value.dtype)
    inverses = jnp.where(has_history, state.history.inverses, 0.0)
    return dataclasses.replace(
        state,
        direction=direction,
        low_gradient=gradient,
        history=dataclasses.replace(state.history, inverses=inverses),
        search=wolfe.begin(value, slope, step),
    )


def _apply_inverse(history: History, gradient: jax.Array) -> jax.Array:
    """The inverse Hessian times the gradient: two loops (Algorithm 7.4)."""

    def forward(rest, pair):
        move, change, inverse = pair
        share = inverse * _dot(move, rest)
        return rest - share * change, share

    def backward(found, pair_and_share):
        (move, change, inverse), share = pair_and_share
        return found + (share - inverse * _dot(change, found)) * move, None

    pairs = (history.moves, history.changes, history.inverses)
    rest, shares = jax.lax.scan(forward, gradient, pairs)
    square = _dot(history.changes[0], history.changes[0])
    is_known = (history.inverses[0] > 0) & (square > 0)
    curvature = jnp.where(is_known, history.inverses[0] * square, 1.0)
    found, _ = jax.lax.scan(backward, rest / curvature, (pairs, shares), reverse=True)
    return found


def _dot(a: jax.Array, b: jax.Array) -> jax.Array:
    # Not a matrix product: a sum gives every picture of a batch the bits it has alone.
    return jnp.sum(a * b)


def _where(condition, new, old):
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
