"""Linear boundaries of attributes (Shen et al. 2020, arXiv:1907.10786).

A boundary is a unit vector `[1, D]`: the normal of a hyperplane through the origin of
Z or W, on whose sides an attribute is present or absent.
"""

import dataclasses
from typing import Protocol

import numpy as np

from jax_encoder.editing import linear_svm
from jax_encoder.errors import InputError


class Permuter(Protocol):
    """A `numpy.random.Generator` or `RandomState`."""

    def permutation(self, x: int, /) -> np.ndarray:
        """A random order of `range(x)`."""
        ...


@dataclasses.dataclass(frozen=True)
class TrainedBoundary:
    """A boundary and how well it separates.

    The accuracies are those of the classifier with its intercept, which the boundary
    itself leaves out, as the publication does.

    Attributes:
      boundary: `[1, D]` float32, of unit length; along it the score grows.
      validation_accuracy: on chosen samples that were not trained on; NaN without any.
      remaining_accuracy: on all samples between the chosen extremes; NaN without any.
    """

    boundary: np.ndarray
    validation_accuracy: float
    remaining_accuracy: float


def train_boundary(
    codes: np.ndarray,
    scores: np.ndarray,
    *,
    chosen: float = 0.02,
    split_ratio: float = 0.7,
    invalid_value: float | None = None,
    rng: Permuter | None = None,
) -> TrainedBoundary:
    """Separates the codes of the highest and of the lowest scores.

    Args:
      codes: `[N, D]` in Z or W.
      scores: `[N]` or `[N, 1]`, an attribute's strength.
      chosen: how many extremes on each side: a share up to 1, else a number; half of
        the samples at most.
      split_ratio: the share of them that is trained on; the rest validates.
      invalid_value: samples of this score are left out.
      rng: chooses which train, positive ones first; default: seed 0.

    Returns:
      The boundary and its accuracies.

    Raises:
      ValueError: the shapes do not fit, codes or scores are not finite, no sample is
        left to train on, or the scores of both extremes are the same.
    """
    codes, scores = _sorted(codes, scores, invalid_value)
    num = _num_extremes(scores, chosen)
    num_train = int(num * split_ratio)
    _check_extremes(scores, num, num_train)
    rng = np.random.default_rng(0) if rng is None else rng
    positive = codes[:num][rng.permutation(num)]
    negative = codes[len(codes) - num :][rng.permutation(num)]
    normal, intercept = linear_svm.fit(positive[:num_train], negative[:num_train])
    middle = slice(num, len(codes) - num)
    threshold = (scores[0] + scores[-1]) / 2

    def accuracy(samples, is_positive):
        if not len(samples):
            return float("nan")
        return float(np.mean((samples @ normal + intercept > 0) == is_positive))

    validation = np.concatenate([positive[num_train:], negative[num_train:]])
    return TrainedBoundary(
        (normal / np.linalg.norm(normal))[None].astype(np.float32),
        accuracy(validation, np.arange(len(validation)) < num - num_train),
        accuracy(codes[middle], scores[middle] >= threshold),
    )


def _sorted(
    codes: np.ndarray, scores: np.ndarray, invalid_value: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """The valid codes `[N, D]` and scores `[N]`, the highest score first."""
    codes, scores = np.asarray(codes, np.float64), np.ravel(np.asarray(scores))
    if codes.ndim != 2 or len(codes) != len(scores):
        raise InputError(
            "`codes` must be [N, D] and `scores` [N] or [N, 1]: got"
            f" {codes.shape} and {scores.shape}. For W+ take one row of `ws`."
        )
    if invalid_value is not None:
        is_valid = scores != invalid_value
        codes, scores = codes[is_valid], scores[is_valid]
    _check_finite(codes, scores)
    order = np.argsort(scores)[::-1]
    return codes[order], scores[order]


def _num_extremes(scores: np.ndarray, chosen: float) -> int:
    """How many samples count on each side."""
    num = int(len(scores) * chosen) if 0 < chosen <= 1 else int(chosen)
    return min(num, len(scores) // 2)


def _check_extremes(scores: np.ndarray, num: int, num_train: int) -> None:
    """Refuses extremes that tell nothing apart."""
    if num_train < 1:
        raise InputError(
            f"No samples to train on: {len(scores)} valid ones, {num} of them chosen on"
            " each side. Give more samples, or choose larger `chosen` or `split_ratio`."
        )
    if scores[num - 1] <= scores[len(scores) - num]:
        raise InputError(
            f"The {num} highest and the {num} lowest scores reach the same value,"
            f" {scores[num - 1]}: they tell nothing apart. Choose a smaller share, or"
            " scores that differ."
        )


def _check_finite(codes: np.ndarray, scores: np.ndarray) -> None:
    """Refuses what would make a boundary of noise."""
    is_bad = ~(np.isfinite(scores) & np.isfinite(codes).all(axis=1))
    if is_bad.any():
        raise InputError(
            f"{int(is_bad.sum())} of {len(scores)} samples have a code or score that is"
            f" NaN or infinite, the first at index {int(np.argmax(is_bad))}. Leave them"
            " out, or name their score with `invalid_value`."
        )


def project_boundary(primal: np.ndarray, *conditions: np.ndarray) -> np.ndarray:
    """Makes a boundary's normal orthogonal to other boundaries' (Section 3.3).

    Moving along the result changes the primal attribute and leaves the conditional
    ones at their distance.

    Args:
      primal: `[1, D]`, of unit length.
      *conditions: any number of the same.

    Returns:
      `[1, D]`, of unit length; the primal itself without conditions.

    Raises:
      ValueError: a shape is wrong, or nothing is left of the primal.
    """
    for boundary in (primal, *conditions):
        if boundary.ndim != 2 or boundary.shape != (1, primal.shape[-1]):
            raise InputError(
                f"Boundaries must be [1, {primal.shape[-1]}] each: got"
                f" {boundary.shape}."
            )
    if not conditions:
        return primal
    basis = np.concatenate(conditions).astype(np.float64)
    # Least squares also where the conditions depend on each other.
    shares = np.linalg.lstsq(basis.T, primal[0].astype(np.float64), rcond=1e-7)[0]
    rest = primal - (shares @ basis)[None]
    length = np.linalg.norm(rest)
    if length < 1e-6:
        raise InputError(
            "The primal boundary is a combination of the conditions: nothing is left"
            " to move along. Leave one of them out."
        )
    return (rest / length).astype(primal.dtype)


def linear_interpolate(
    code: np.ndarray,
    boundary: np.ndarray,
    *,
    start: float = -3.0,
    stop: float = 3.0,
    num_steps: int = 10,
) -> np.ndarray:
    """Moves a code along a boundary's normal, in equal steps.

    Args:
      code: `[1, D]` in Z or W, or `[1, num_ws, D]` in W+.
      boundary: `[1, D]`, of unit length.
      start: the first position. For Z and W a signed distance from the boundary, so
        that all codes end up with the same strength of the attribute; for W+ an offset
        from the code.
      stop: the last position.
      num_steps: positions.

    Returns:
      `[num_steps, D]` or `[num_steps, num_ws, D]`.

    Raises:
      ValueError: the shapes do not fit.
    """
    is_code = code.ndim in (2, 3) and len(code) == 1
    if not is_code or boundary.shape != (1, code.shape[-1]):
        raise InputError(
            "`code` must be [1, D] or [1, num_ws, D] and `boundary` [1, D]: got"
            f" {code.shape} and {boundary.shape}."
        )
    positions = np.linspace(start, stop, num_steps)
    if code.ndim == 2:
        offsets = positions - float(np.sum(code * boundary))
        return code + (offsets[:, None] * boundary).astype(code.dtype)
    moves = positions[:, None] * boundary
    return code + moves[:, None].astype(code.dtype)
