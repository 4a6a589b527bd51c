"""Finds directions from codes and scores: boundary, mean difference, regression.

`METHODS` lists what one attribute's scores are enough for; `regress` looks at all
attributes together and finds directions that change one and hardly the others.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jax_encoder.editing import boundaries
from jax_encoder.editing.directions import Direction, DirectionError
from jax_encoder.errors import InputError


def svm(
    codes: np.ndarray,
    scores: np.ndarray,
    *,
    name: str,
    space: str = "w",
    chosen: float = 0.02,
    split_ratio: float = 0.7,
    invalid_value: float | None = None,
) -> Direction:
    """The normal of the hyperplane between high and low scores (InterFaceGAN).

    Args:
      codes: `[N, D]` in Z or W.
      scores: `[N]`.
      name: of the attribute.
      space: of the codes.
      chosen: extremes on each side, a share or a number (`boundaries.train_boundary`).
      split_ratio: the share of them that is trained on.
      invalid_value: samples of this score are left out.

    Returns:
      The direction, of unit length, with its accuracies as provenance.

    Raises:
      ValueError: the shapes do not fit, or there are too few samples.
    """
    trained = boundaries.train_boundary(
        codes,
        scores,
        chosen=chosen,
        split_ratio=split_ratio,
        invalid_value=invalid_value,
    )
    provenance = {
        "method": "svm",
        "num_samples": len(codes),
        "chosen": chosen,
        "validation_accuracy": trained.validation_accuracy,
        "remaining_accuracy": trained.remaining_accuracy,
    }
    return Direction(
        name=name, vector=trained.boundary[0], space=space, provenance=provenance
    )


def difference(
    codes: np.ndarray,
    scores: np.ndarray,
    *,
    name: str,
    space: str = "w",
    threshold: float | None = None,
    invalid_value: float | None = None,
) -> Direction:
    """The mean code with a tag minus the mean code without.

    Args:
      codes: `[N, D]`, or `[N, num_ws, D]` in W+ for a move of its own per row.
      scores: `[N]`, a tag (0 or 1) or a strength.
      name: of the attribute.
      space: of the codes.
      threshold: from here on a code has the tag; default: halfway between the lowest
        and the highest score.
      invalid_value: samples of this score are left out.

    Returns:
      The direction, of unit length; its provenance tells the true "distance".

    Raises:
      DirectionError: all codes have the tag, or none has.
    """
    codes, scores = np.asarray(codes), np.ravel(scores)
    if invalid_value is not None:
        codes, scores = codes[scores != invalid_value], scores[scores != invalid_value]
    if threshold is None and len(scores):
        threshold = float(scores.min() + scores.max()) / 2
    has_tag = scores >= threshold
    if len(codes) != len(scores) or has_tag.all() or not has_tag.any():
        raise DirectionError(
            f"{name}: needs codes with the tag and codes without; {int(has_tag.sum())}"
            f" of {len(scores)} scores reach {threshold}, for {len(codes)} codes."
        )
    means = [
        codes[group].mean(axis=0, dtype=np.float64) for group in (has_tag, ~has_tag)
    ]
    vector = means[0] - means[1]
    distance = float(np.linalg.norm(vector))
    provenance = {
        "method": "difference",
        "num_samples": len(codes),
        "num_with_tag": int(has_tag.sum()),
        "distance": distance,
    }
    return Direction(
        name=name,
        vector=(vector / max(distance, 1e-30)).astype(np.float32),
        space=space,
        provenance=provenance,
    )


METHODS: Mapping[str, Callable[..., Direction]] = {"svm": svm, "difference": difference}


def regress(
    codes: np.ndarray,
    scores: np.ndarray,
    *,
    names: Sequence[str],
    space: str = "w",
    reach: float = 0.03,
) -> dict[str, Direction]:
    """Directions that change one score each and the others as little as possible.

    A line is fitted to every score. Of all moves that change one of them by its
    standard deviation, the direction is that with the least sum of squared changes of
    the other scores (in their standard deviations) and, weighed by `reach`, of the
    move's own squared length (in the codes' standard deviations), so that edited codes
    stay where the generator has learned to draw.

    Args:
      codes: `[N, D]` in Z or W; more than D of them.
      scores: `[N, K]`.
      names: K.
      space: of the codes.
      reach: 0 for directions that go as far as they must; large for the shortest way,
        which changes all that is correlated.

    Returns:
      By name. The unit is "sd", as far as the line is right; `effects.calibrated`
      corrects it by measuring. Scores that do not vary have none.

    Raises:
      ValueError: the shapes do not fit.
    """
    codes, scores = np.asarray(codes, np.float64), np.asarray(scores, np.float64)
    if codes.ndim != 2 or scores.shape != (len(codes), len(names)):
        raise InputError(
            f"`codes` must be [N, D] and `scores` [N, {len(names)}]: got"
            f" {codes.shape} and {scores.shape}."
        )
    std = scores.std(axis=0)
    varies = std > 1e-9
    targets = (scores - scores.mean(axis=0)) / np.where(varies, std, 1.0)
    centered = codes - codes.mean(axis=0)
    slopes, _, _, _ = np.linalg.lstsq(centered, targets, rcond=1e-9)
    explained = 1 - np.mean((targets - centered @ slopes) ** 2, axis=0)
    vectors = decoupled(slopes.T, np.cov(centered.T), reach=reach)
    return {
        name: Direction(
            name=name,
            vector=vectors[k].astype(np.float32),
            space=space,
            unit="sd",
            scale=float(std[k]),
            provenance={
                "method": "regression",
                "num_samples": len(codes),
                "reach": reach,
                "explained": float(explained[k]),
            },
        )
        for k, name in enumerate(names)
        if varies[k] and vectors[k].any()
    }


def decoupled(
    slopes: np.ndarray, covariance: np.ndarray, *, reach: float
) -> np.ndarray:
    """Solves for the moves of `regress`, given the slopes.

    Minimizes `|S d|^2 + reach d' C^-1 d` for `S_k d = 1`, S the slopes and C the
    covariance: with `C = L L'` and `d = L u` a system of equations for u.

    Args:
      slopes: `[K, D]`, change of every score per unit of the code.
      covariance: `[D, D]` of the codes.
      reach: weight of the length.

    Returns:
      `[K, D]`; zeros where a score has no slope.
    """
    variances, axes = np.linalg.eigh(covariance)
    # Directions in which codes do not vary are none to move in.
    is_used = variances > 1e-9 * variances.max()
    root = axes[:, is_used] * np.sqrt(variances[is_used])
    whitened = slopes @ root
    system = whitened.T @ whitened + reach * np.eye(whitened.shape[1])
    moves = np.linalg.solve(system, whitened.T).T
    gains = np.sum(moves * whitened, axis=1, keepdims=True)
    is_moved = gains > 1e-12
    return np.where(is_moved, moves / np.where(is_moved, gains, 1.0), 0.0) @ root.T
