"""A linear support vector machine (Cortes and Vapnik 1995), solved by scikit-learn.

Needs the `analysis` extra.
"""

import numpy as np

from jax_encoder.errors import InputError

# Of the dual's optimality conditions; scikit-learn's own default stops at 1e-3.
_TOLERANCE = 1e-9
_CACHE_MEGABYTES = 1000


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
      ImportError: the `analysis` extra is not installed.
    """
    if not len(positive) or not len(negative):
        raise InputError(
            f"Both sets need samples: got {len(positive)} and {len(negative)}."
        )
    try:
        from sklearn import svm
    except ImportError as error:
        raise ImportError(
            "Boundaries need scikit-learn: pip install 'jax_encoder[analysis]'."
        ) from error
    signs = np.repeat([1, -1], [len(positive), len(negative)])
    # A shift of all samples changes only the intercept, and rounding.
    center = (positive.mean(axis=0) + negative.mean(axis=0)) / 2
    machine = svm.SVC(
        kernel="linear", C=penalty, tol=_TOLERANCE, cache_size=_CACHE_MEGABYTES
    )
    rows = np.concatenate([positive, negative]) - center[None]
    normal = np.asarray(machine.fit(rows, signs).coef_)[0]
    # Many intercepts are optimal where all that touches the margin violates it: take
    # the nearest to the middle of the gap. The slope of the loss in the intercept is -N
    # at first, and grows by one where a sample's margin begins or ends to be violated.
    heights = rows @ normal
    middle = -(heights[signs > 0].min() + heights[signs < 0].max()) / 2
    turns = np.sort(signs - heights)
    intercept = np.clip(middle, turns[len(positive) - 1], turns[len(positive)])
    return normal, float(intercept - normal @ center)
