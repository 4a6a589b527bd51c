"""Outliers: pictures far from all others by their features."""

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.metrics import neighbors

_NUM_REFERENCES = 5000
_SHARE = 0.02


def deviations(
    features: np.ndarray, *, seed: int = 0, num_jobs: int | None = None
) -> np.ndarray:
    """How unusual pictures are.

    The distance to the neighbor at which 2 % of the pictures are nearer: so a group of
    outliers that are alike, up to that share, does not hide itself. At most 5,000
    pictures, drawn at random, are searched.

    Args:
      features: `[N, D]`, N at least 8.
      seed: of the choice.
      num_jobs: threads; None for one.

    Returns:
      `[N]`: the logarithm of the distance, in robust deviations (of the median absolute
      deviation) from its median; 0 for usual pictures.

    Raises:
      ValueError: fewer than 8 pictures.
    """
    if len(features) < 8:
        raise InputError(
            f"What is unusual shows among 8 pictures or more: {len(features)}."
        )
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(features))[:_NUM_REFERENCES])
    num = max(5, int(_SHARE * len(chosen)))
    distances, _ = neighbors.nearest(
        features, features[chosen], num + 1, num_jobs=num_jobs
    )
    return robust(np.log(np.maximum(distances[:, -1], 1e-12)))


def robust(values: np.ndarray) -> np.ndarray:
    """Values `[N]` as deviations from their median, by their median deviation."""
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    return (values - middle) / max(float(spread), 1e-9)
