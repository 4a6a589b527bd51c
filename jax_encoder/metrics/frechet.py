"""Fréchet distance of two sets of features (Heusel et al. 2017, arXiv:1706.08500).

On Inception's pooled features it is the FID.
"""

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.metrics import features


def frechet_distance(
    statistics: features.FeatureStatistics,
    others: features.FeatureStatistics,
    *,
    unbiased: bool = False,
) -> float:
    """Fréchet distance of the Gaussians with these means and covariances.

    |m - m'|^2 + Tr(S + S' - 2 (S S')^(1/2)). The trace of the root is the sum of the
    singular values of S^(1/2) S'^(1/2), and the roots come from symmetric
    eigendecompositions: all real, and exact for covariances of deficient rank.

    Args:
      statistics: of one set.
      others: of the other set.
      unbiased: covariances over num - 1 (pytorch-fid) instead of num (NVIDIA).

    Returns:
      The squared distance; 0 for a set and itself, never negative.

    Raises:
      ValueError: the features differ in length.
    """
    if statistics.mean.shape != others.mean.shape:
        raise InputError(
            "Both sets must have features of the same network: got"
            f" {statistics.mean.shape} and {others.mean.shape}."
        )
    a = statistics.covariance(unbiased=unbiased)
    b = others.covariance(unbiased=unbiased)
    offset = statistics.mean - others.mean
    overlap = np.linalg.svd(_root(a) @ _root(b).T, compute_uv=False).sum()
    distance = offset @ offset + np.trace(a) + np.trace(b) - 2 * overlap
    return max(float(distance), 0.0)


def _root(covariance: np.ndarray) -> np.ndarray:
    """`[r, D]`, whose Gram matrix is the covariance of rank r."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    # Eigenvalues below this are rounding; their roots would not be small.
    floor = max(values[-1], 0.0) * len(values) * np.finfo(values.dtype).eps
    kept = values > floor
    return np.sqrt(values[kept])[:, None] * vectors[:, kept].T
