"""Contours of distributions in the plane: ellipses, and lines of equal density."""

import numpy as np

from jax_encoder.latents import statistics


def ellipse(
    mean: np.ndarray, covariance: np.ndarray, radius: float, *, num: int = 181
) -> np.ndarray:
    """The points at a Mahalanobis distance from the mean of a Gaussian.

    Args:
      mean: `[2]`.
      covariance: `[2, 2]`.
      radius: in standard deviations; of a Gaussian, 1, 2 and 3 enclose 39, 86 and 99 %.
      num: points of the closed line.

    Returns:
      `[num, 2]`.
    """
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
    angle = np.linspace(0.0, 2 * np.pi, num)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    scaled = radius * circle * np.sqrt(np.maximum(values, 0.0))[None]
    return np.asarray(mean)[None] + scaled @ vectors.T


def marginal(
    gaussian: statistics.Gaussian, axes: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The distribution of two axes of a Gaussian.

    Args:
      gaussian: of D axes, in the coordinates of its components.
      axes: two of them.

    Returns:
      The mean `[2]` and the covariance `[2, 2]`.
    """
    chosen = list(axes)
    rows = np.asarray(gaussian.components, np.float64)[:, chosen]
    scaled = rows * np.asarray(gaussian.std, np.float64)[:, None]
    return np.asarray(gaussian.mean, np.float64)[chosen], scaled.T @ scaled


def density(
    points: np.ndarray,
    shares: tuple[float, ...] = (0.39, 0.86),
    *,
    num_cells: int = 64,
    blur: float = 3.5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]]:
    """Where points lie densely, and the levels above which shares of them do.

    Args:
      points: `[N, 2]`.
      shares: of the points, to be enclosed.
      num_cells: of the grid, along each axis.
      blur: deviation of the Gaussian that smooths the counts, in cells.

    Returns:
      x `[num_cells]`, y `[num_cells]`, density `[num_cells, num_cells]` (rows are y)
      and one level per share, ascending.
    """
    from scipy import ndimage

    low, high = np.percentile(points, [0.1, 99.9], axis=0)
    margin = 0.15 * np.maximum(high - low, 1e-12)
    spans = [(low[k] - margin[k], high[k] + margin[k]) for k in range(2)]
    counts, x, y = np.histogram2d(*points.T, bins=num_cells, range=spans)
    smooth = ndimage.gaussian_filter(counts, blur)
    indices = [
        np.clip(np.searchsorted(edges, points[:, k]) - 1, 0, num_cells - 1)
        for k, edges in enumerate((x, y))
    ]
    levels = np.quantile(smooth[indices[0], indices[1]], 1 - np.asarray(shares))
    centers = [(edges[1:] + edges[:-1]) / 2 for edges in (x, y)]
    return centers[0], centers[1], smooth.T, sorted(set(levels.tolist()))
