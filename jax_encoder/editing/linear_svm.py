"""A linear support vector machine, solved to the end by an interior-point method.

The dual of the soft-margin problem (Cortes and Vapnik 1995) is a quadratic program
with a bound on every variable and one equality. Its matrix is of rank D, so a step
costs N D^2 (Woodbury), and some twenty steps reach machine precision.
"""

import numpy as np

_MAX_STEPS = 100
_TOLERANCE = 1e-10


def fit(
    positive: np.ndarray, negative: np.ndarray, *, penalty: float = 1.0
) -> tuple[np.ndarray, float]:
    """Finds the hyperplane that separates two sets with the widest margin.

    Args:
      positive: `[N, D]`.
      negative: `[M, D]`.
      penalty: of every violation of the margin (C).

    Returns:
      normal `[D]` and intercept: positive where `x @ normal + intercept > 0`.

    Raises:
      ValueError: a set is empty.
    """
    if not len(positive) or not len(negative):
        raise ValueError(
            f"Both sets need samples: got {len(positive)} and {len(negative)}."
        )
    signs = np.repeat([1.0, -1.0], [len(positive), len(negative)])
    # A shift of all samples changes only the intercept, and rounding.
    center = (positive.mean(axis=0) + negative.mean(axis=0)) / 2
    rows = (np.concatenate([positive, negative]) - center[None]) * signs[:, None]
    alpha, intercept = _solve(rows, signs, penalty)
    normal = alpha @ rows
    return normal, float(intercept - normal @ center)


def _solve(rows: np.ndarray, signs: np.ndarray, bound: float):
    """Minimizes |rows' a|^2 / 2 - sum(a) for 0 <= a <= bound, signs a = 0."""
    num = len(rows)
    # A feasible start strictly inside: equal weight on both sides.
    num_each = np.where(signs > 0, np.sum(signs > 0), np.sum(signs < 0))
    alpha = 0.5 * bound * num_each.min() / num_each
    lower, upper = np.full(num, bound), np.full(num, bound)
    intercept = 0.0
    for _ in range(_MAX_STEPS):
        room = bound - alpha
        gap = (lower @ alpha + upper @ room) / (2 * num)
        slope = rows @ (alpha @ rows) - 1 + intercept * signs
        residual = np.abs(slope - lower + upper).max()
        if gap < _TOLERANCE * bound and residual < _TOLERANCE:
            break
        target = 0.1 * gap
        diagonal = lower / alpha + upper / room
        right = -slope + target / alpha - target / room
        step, change = _newton_step(rows, signs, diagonal, right, -signs @ alpha)
        lower_step = target / alpha - lower - lower / alpha * step
        upper_step = target / room - upper + upper / room * step
        reach = 0.99 * min(_longest(alpha, step), _longest(room, -step))
        dual_reach = 0.99 * min(
            _longest(lower, lower_step), _longest(upper, upper_step)
        )
        reach = min(reach, dual_reach, 1.0)
        alpha, intercept = alpha + reach * step, intercept + reach * change
        lower, upper = lower + reach * lower_step, upper + reach * upper_step
    return alpha, intercept


def _newton_step(rows, signs, diagonal, right, deficit):
    """Solves (rows rows' + diagonal) s + signs c = right, signs s = deficit."""
    scaled = rows / diagonal[:, None]
    inner = np.eye(rows.shape[1]) + rows.T @ scaled

    def solve(vector):
        return vector / diagonal - scaled @ np.linalg.solve(inner, vector @ scaled)

    towards, along = solve(right), solve(signs)
    change = (signs @ towards - deficit) / (signs @ along)
    return towards - change * along, change


def _longest(values, step) -> float:
    """The largest multiple of `step` that keeps `values` positive."""
    shrinks = step < 0
    return float(np.min(-values[shrinks] / step[shrinks], initial=np.inf))
