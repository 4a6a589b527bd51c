"""Kernel distance of two sets of features (Binkowski et al. 2018, arXiv:1801.01401).

On Inception's pooled features it is the KID.
"""

import numpy as np

from jax_encoder.errors import InputError


def kernel_distance(
    real: np.ndarray,
    generated: np.ndarray,
    *,
    num_subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    subsets: np.ndarray | None = None,
) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x y / D + 1)^3.

    The mean over random subsets, in float64.

    Args:
      real: `[n, D]` features.
      generated: `[m, D]` features.
      num_subsets: pairs of subsets.
      subset_size: rows in each, at most what both sets have.
      seed: of the choice, which is without replacement.
      subsets: the choice itself, `[2 num_subsets, subset_size]` row numbers: generated,
        real, generated, real, ...; then the options above are ignored.

    Returns:
      The distance; around 0, also below, for sets of the same distribution.

    Raises:
      ValueError: the features differ in length or there are fewer than two rows.
    """
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise InputError(
            "Features must be [n, D] and [m, D] of the same network: got"
            f" {real.shape} and {generated.shape}."
        )
    if subsets is None:
        size = min(len(real), len(generated), subset_size)
        rng = np.random.default_rng(seed)
        rows = [
            rng.choice(count, size, replace=False)
            for _ in range(num_subsets)
            for count in (len(generated), len(real))
        ]
        subsets = np.stack(rows)
    if subsets.shape[1] < 2:
        raise InputError("A kernel distance needs two pictures in each set at least.")
    real, generated = real.astype(np.float64), generated.astype(np.float64)
    pairs = zip(subsets[0::2], subsets[1::2], strict=True)
    return float(np.mean([_mmd(generated[x], real[y]) for x, y in pairs]))


def _mmd(x: np.ndarray, y: np.ndarray) -> float:
    size = len(x)
    within = _kernel(x, x) + _kernel(y, y)
    across = _kernel(x, y)
    within_sum = within.sum() - np.trace(within)
    return within_sum / (size * (size - 1)) - 2 * across.mean()


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
