"""How far samples are from a normal distribution, axis by axis and as a whole."""

import dataclasses

import numpy as np

from jax_encoder.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normality:
    """The shape of a distribution beside that of a normal one.

    Attributes:
      kurtosis: `[D]` excess kurtosis of every axis: 0 for a normal distribution, above
        for long tails, below for flat ones, -1.2 for a uniform one.
      skewness: `[D]` of every axis: 0 for a symmetric distribution.
      mardia: the multivariate kurtosis over what a normal distribution would have: 1
        for a normal one (Mardia 1970, "Measures of multivariate skewness and kurtosis
        with applications", Eq. 3.12). Unlike the axes' it does not depend on rotation.
    """

    kurtosis: np.ndarray
    skewness: np.ndarray
    mardia: float

    def sentence(self) -> str:
        """Says in one clause how normal the samples are."""
        low, high = self.kurtosis.min(), self.kurtosis.max()
        return (
            f"mean excess kurtosis {self.kurtosis.mean():+.2f} ({low:+.2f} to"
            f" {high:+.2f}), mean |skewness| {np.abs(self.skewness).mean():.2f},"
            f" Mardia's ratio {self.mardia:.2f}"
        )


def measure(samples: np.ndarray) -> Normality:
    """Measures the shape of a distribution.

    Args:
      samples: `[N, D]`, N above D.

    Returns:
      Kurtosis and skewness by the biased moments, and Mardia's ratio over the axes that
      vary.

    Raises:
      ValueError: another rank, or too few samples.
    """
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 2 or len(samples) <= samples.shape[1]:
        raise InputError(
            "The shape of a distribution needs samples [N, D], N above D: got"
            f" {samples.shape}."
        )
    centered = samples - samples.mean(axis=0)
    std = centered.std(axis=0)
    varies = std > 1e-9 * max(std.max(), 1e-30)
    scaled = centered / np.where(varies, std, 1.0)[None]
    return Normality(
        kurtosis=np.where(varies, (scaled**4).mean(axis=0) - 3.0, 0.0),
        skewness=np.where(varies, (scaled**3).mean(axis=0), 0.0),
        mardia=_mardia(scaled[:, varies]),
    )


def _mardia(scaled: np.ndarray) -> float:
    """The mean fourth power of the Mahalanobis distance, over `D (D + 2)`."""
    covariance = scaled.T @ scaled / len(scaled)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-9 * values[-1]
    white = scaled @ vectors[:, kept] / np.sqrt(values[kept])[None]
    squared = np.square(white).sum(axis=1)
    dim = white.shape[1]
    return float(np.square(squared).mean() / (dim * (dim + 2)))
