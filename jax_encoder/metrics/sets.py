"""Distances between two sets of pictures, by their features."""

import numpy as np

from jax_encoder.metrics import features, frechet, kernel, manifold

_BATCH = 4096


def compare(
    real: np.ndarray,
    generated: np.ndarray,
    *,
    unbiased: bool = False,
    num_neighbors: int = 3,
    seed: int = 0,
) -> dict[str, float]:
    """All set measures at once.

    On Inception's features these are FID and KID. With fewer pictures than features
    they are defined, but biased upwards: compare only numbers of equally large sets.

    Args:
      real: `[n, D]` features, n at least 2.
      generated: `[m, D]` features, m at least 2.
      unbiased: covariances over n - 1 (pytorch-fid) instead of n (NVIDIA).
      num_neighbors: of precision and recall.
      seed: of the kernel distance's subsets.

    Returns:
      "frechet_distance", "kernel_distance" and, given more than `num_neighbors`
      pictures each, "precision" and "recall".

    Raises:
      ValueError: the features differ in length, or there are too few.
    """
    statistics = [features.statistics(_batches(rows)) for rows in (real, generated)]
    measures = {
        "frechet_distance": frechet.frechet_distance(*statistics, unbiased=unbiased),
        "kernel_distance": kernel.kernel_distance(real, generated, seed=seed),
    }
    if min(len(real), len(generated)) > num_neighbors:
        precision, recall = manifold.precision_recall(
            real, generated, num_neighbors=num_neighbors
        )
        measures |= {"precision": precision, "recall": recall}
    return measures


def _batches(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[k : k + _BATCH] for k in range(0, len(rows), _BATCH)]
