"""Statistics of the mapping network's output: mean, spread, principal components.

P is the space before the mapping's last activation; P_N is P whitened by its principal
components (Zhu et al. 2020, "Improved StyleGAN Embedding", arXiv:2012.09036, Sec. 3).
"""

import dataclasses
import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jax_encoder.io import files, loading
from jax_encoder.latents import sampling
from jax_encoder.nn import base

# Inverts the leaky ReLU of slope 0.2 that ends every StyleGAN mapping network.
_P_SLOPE = 5.0
_BATCH = 4096
_NUM_FITTED = 20_000
_MAX_WIDTH = 2048
_MAX_SAMPLED = 100_000 * 512
_MAX_BYTES = 1 << 28


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A normal distribution in the coordinates of its principal components.

    Attributes:
      mean: `[D]`.
      components: `[D, D]`, one unit vector per row, largest variance first; the sign
        is fixed so that the entry of the largest magnitude is positive.
      std: `[D]`, the standard deviation along each component (n - 1).
    """

    mean: jax.Array
    components: jax.Array
    std: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentStatistics:
    """What the mapping network's output looks like.

    Attributes:
      w_avg: `[w_dim]` mean of w.
      w_std: scalar root mean square distance from the mean (the sum over dimensions
        of the variance, under the root), as the NVIDIA projector uses it.
      p: the principal components of P, or None where they were not computed.
      w: the principal components of W; there whenever those of P are.
    """

    w_avg: jax.Array
    w_std: jax.Array
    p: Gaussian | None = None
    w: Gaussian | None = None


def w_to_p(w: jax.Array) -> jax.Array:
    """Undoes the mapping's last leaky ReLU: W to P, elementwise."""
    return jnp.where(w >= 0, w, _P_SLOPE * w)


def p_to_w(p: jax.Array) -> jax.Array:
    """Applies the mapping's last leaky ReLU: P to W, elementwise."""
    return jnp.where(p >= 0, p, p / _P_SLOPE)


def whiten(p: jax.Array, gaussian: Gaussian, *, floor: float = 1e-3) -> jax.Array:
    """Maps P to P_N: `(p - mean) C^T / std` (arXiv:2012.09036, Eq. 3).

    Args:
      p: `[..., D]`.
      gaussian: the distribution of P.
      floor: smallest deviation divided by, relative to the largest. The last
        components of real generators deviate by 1e-5 of the first; whitening them
        would amplify rounding, so they are scaled less.

    Returns:
      `[..., D]`.
    """
    rows = (p - _like(gaussian.mean, p)) @ gaussian.components.T
    return rows / _like(_floored(gaussian.std, floor), p)


def unwhiten(p_n: jax.Array, gaussian: Gaussian, *, floor: float = 1e-3) -> jax.Array:
    """Maps P_N `[..., w_dim]` to P: the inverse of `whiten`."""
    rows = (p_n * _like(_floored(gaussian.std, floor), p_n)) @ gaussian.components
    return rows + _like(gaussian.mean, p_n)


def _like(vector: jax.Array, x: jax.Array) -> jax.Array:
    return vector.reshape((1,) * (x.ndim - 1) + (-1,))


def _floored(std: jax.Array, floor: float) -> jax.Array:
    return jnp.maximum(std, floor * jnp.max(std))


def fit(samples: ArrayLike) -> Gaussian:
    """Fits a Gaussian to samples.

    Args:
      samples: `[n, D]`; computed in float64 on the host.

    Returns:
      The Gaussian, in the dtype that JAX gives float64 arrays.
    """
    samples = np.asarray(samples, np.float64)
    mean = samples.mean(axis=0)
    centered = samples - mean
    return from_moments(mean, centered.T @ centered / (len(samples) - 1))


def estimate(
    generator: base.Generator,
    *,
    num_samples: int = 10_000,
    seed: int = 123,
    with_p: bool = False,
    labels: jax.Array | None = None,
) -> LatentStatistics:
    """Maps random latents and measures the result.

    The latents are `numpy.random.RandomState(seed).randn(num_samples, z_dim)`, as the
    NVIDIA projector draws them, so `w_avg` and `w_std` equal its own.

    Args:
      generator: has `config.z_dim` and `mapping`.
      num_samples: how many; P_N wants 1,000,000.
      seed: of the latents.
      with_p: also find the principal components of P.
      labels: `[1, c_dim]`, the class to measure; conditional generators only.

    Returns:
      The statistics.
    """
    random = np.random.RandomState(seed)
    moments = Moments(generator.config.w_dim)
    p_moments = Moments(generator.config.w_dim) if with_p else None
    for start in range(0, num_samples, _BATCH):
        count = min(_BATCH, num_samples - start)
        z = np.zeros((_BATCH, generator.config.z_dim), np.float32)
        z[:count] = random.randn(count, generator.config.z_dim)
        w = np.asarray(_map(generator, z, labels), np.float64)[:count]
        w = w.reshape(-1, generator.config.w_dim)  # some mappings give many rows
        moments.add(w)
        if p_moments is not None:
            p_moments.add(np.where(w >= 0, w, _P_SLOPE * w))
    mean, covariance = moments.finish()
    biased = (num_samples - 1) / num_samples
    return LatentStatistics(
        w_avg=jnp.asarray(mean, jnp.float32),
        w_std=jnp.asarray(np.sqrt(np.trace(covariance) * biased), jnp.float32),
        p=from_moments(*p_moments.finish()) if p_moments is not None else None,
        w=from_moments(mean, covariance) if p_moments is not None else None,
    )


@functools.partial(jax.jit)
def _map(generator, z, labels):
    return sampling.map_to_ws(generator, z, labels)[:, 0]


class Moments:
    """Running mean and covariance on the host, shifted to keep the digits.

    Samples are added in batches `[n, dim]` and not kept, however many they are.
    """

    def __init__(self, dim: int):
        self.count = 0
        self.shift: np.ndarray | None = None
        self.total = np.zeros(dim)
        self.products = np.zeros((dim, dim))

    def add(self, rows: np.ndarray) -> None:
        """Takes samples `[n, dim]` in."""
        if self.shift is None:
            self.shift = rows.mean(axis=0)
        rows = rows - self.shift
        self.count += len(rows)
        self.total += rows.sum(axis=0)
        self.products += rows.T @ rows

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean and the covariance (n - 1)."""
        assert self.shift is not None
        mean = self.total / self.count
        products = self.products - self.count * np.outer(mean, mean)
        return self.shift + mean, products / (self.count - 1)


def from_moments(mean: np.ndarray, covariance: np.ndarray) -> Gaussian:
    """The principal components of a mean `[D]` and a covariance `[D, D]`."""
    variances, vectors = np.linalg.eigh(covariance)
    components = vectors.T[::-1]
    peaks = np.take_along_axis(
        components, np.abs(components).argmax(axis=1)[:, None], axis=1
    )
    return Gaussian(
        mean=jnp.asarray(mean),
        components=jnp.asarray(components * np.sign(peaks)),
        std=jnp.asarray(np.sqrt(np.maximum(variances[::-1], 0.0))),
    )


def save(statistics: LatentStatistics, path: str | os.PathLike[str]) -> None:
    """Writes statistics as `.npz`; the file appears whole or not at all."""
    arrays: dict[str, object] = {"w_avg": statistics.w_avg, "w_std": statistics.w_std}
    for prefix, gaussian in (("p_", statistics.p), ("w_n_", statistics.w)):
        if gaussian is not None:
            fields = dataclasses.asdict(gaussian)
            arrays |= {f"{prefix}{field}": value for field, value in fields.items()}
    files.write_arrays(path, arrays)


def load(path: str | os.PathLike[str], *, w_dim: int | None = None) -> LatentStatistics:
    """Reads statistics that `save` wrote, or the `<ckpt>_PCA.npz` of II2S.

    II2S files hold P only (`X_mean`, `X_comp`, `X_stdev`); w_avg and w_std are then
    derived from samples of that Gaussian.

    Args:
      path: the file.
      w_dim: of the generator; None to take what the file has.

    Raises:
      LoadError: the file is damaged, holds neither layout, or belongs to a generator
        of another width.
    """
    arrays = loading.read_arrays(path, max_bytes=_MAX_BYTES)
    if "X_mean" in arrays:
        return _from_p(_gaussian(path, arrays, ("X_mean", "X_comp", "X_stdev"), w_dim))
    if "w_avg" not in arrays:
        raise loading.LoadError(
            path,
            f"holds {sorted(arrays)[:8]}: neither latent statistics (w_avg, w_std, p_*)"
            " nor an II2S PCA file (X_mean, X_comp, X_stdev)",
        )
    w_avg = loading.check(path, arrays, "w_avg", (w_dim,), largest=_MAX_WIDTH)
    found: dict[str, Gaussian] = {}
    for space, prefix in (("p", "p_"), ("w", "w_n_")):
        if any(name.startswith(prefix) for name in arrays):
            names = (f"{prefix}mean", f"{prefix}components", f"{prefix}std")
            found[space] = _gaussian(path, arrays, names, len(w_avg))
    if "p" in found and "w" not in found:
        # A file from before the components of W were kept.
        found["w"] = fit(_sample_w(found["p"], _NUM_FITTED))
    return LatentStatistics(
        w_avg=jnp.asarray(w_avg),
        w_std=jnp.asarray(loading.check(path, arrays, "w_std", ())),
        **found,
    )


def _gaussian(path, arrays, names: tuple[str, str, str], w_dim: int | None) -> Gaussian:
    """The Gaussian in three arrays, checked against each other."""
    mean = loading.check(path, arrays, names[0], (w_dim,), largest=_MAX_WIDTH)
    dim = len(mean)
    components = loading.check(path, arrays, names[1], (dim, dim))
    std = loading.check(path, arrays, names[2], (dim,))
    if np.min(std) < 0 or not np.max(std) > 0:
        raise loading.LoadError(path, f"{names[2]!r} holds no standard deviations")
    return Gaussian(
        mean=jnp.asarray(mean, jnp.float32),
        components=jnp.asarray(components, jnp.float32),
        std=jnp.asarray(std, jnp.float32),
    )


def _sample_w(p: Gaussian, num_samples: int = 100_000) -> jax.Array:
    key = jax.random.key(0)
    width = p.mean.shape[0]
    # No more numbers than the widest published generators need: files may be wider.
    num_samples = min(num_samples, _MAX_SAMPLED // width)
    normals = jax.random.normal(key, (num_samples, width))
    return p_to_w(unwhiten(normals, p, floor=0.0))


def _from_p(p: Gaussian) -> LatentStatistics:
    w = _sample_w(p)
    w_avg = jnp.mean(w, axis=0)
    w_std = jnp.sqrt(jnp.mean(jnp.sum(jnp.square(w - w_avg[None]), axis=1)))
    return LatentStatistics(w_avg=w_avg, w_std=w_std, p=p, w=fit(w[:_NUM_FITTED]))
