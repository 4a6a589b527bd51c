"""Principal directions (Härkönen et al. 2020, GANSpace, arXiv:2004.02546).

The components of w, or those of a layer's activations carried back to w by least
squares. Samples stream through: the published million is never kept.
"""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.editing.directions import Direction
from jax_encoder.errors import InputError
from jax_encoder.latents import statistics, styles
from jax_encoder.nn import base

_BATCH, _LAYER_BATCH = 4096, 64


def of_w(
    generator: base.Generator,
    *,
    num_samples: int = 1_000_000,
    num_components: int = 20,
    seed: int = 0,
) -> dict[str, Direction]:
    """The principal components of w.

    Args:
      generator: has `mapping` and `config`.
      num_samples: codes that are drawn; the publication takes a million.
      num_components: how many to return, largest variance first.
      seed: of the codes.

    Returns:
      By name, "pc00" and so on; one unit is one standard deviation along the component.
    """
    moments = statistics.Moments(generator.config.w_dim)
    for w in _codes(generator, num_samples, seed, _BATCH):
        moments.add(np.asarray(w, np.float64))
    found = statistics.from_moments(*moments.finish())
    vectors = np.asarray(found.components) * np.asarray(found.std)[:, None]
    about = {"method": "pca", "of": "w", "num_samples": num_samples, "seed": seed}
    return _named(vectors[:num_components], about)


def of_activations(
    generator: base.Generator,
    resolution: int,
    *,
    num_samples: int = 10_000,
    num_components: int = 20,
    seed: int = 0,
) -> dict[str, Direction]:
    """Moves of w that go along the principal components of a layer's activations.

    A first pass over the samples finds the components; a second, over the same ones,
    regresses w on their coordinates (GANSpace, Section 2.2).

    Args:
      generator: a StyleGAN2, whose blocks can be looked into.
      resolution: of the block whose output is looked at.
      num_samples: codes that are drawn.
      num_components: how many.
      seed: of the codes.

    Returns:
      By name; one unit is one standard deviation of the activations' component.

    Raises:
      ValueError: the generator has no such block.
    """
    sides = getattr(generator.config, "resolutions", ())
    if not hasattr(generator.synthesis, "stages") or resolution not in sides:
        raise InputError(
            f"Activations can be taken of a StyleGAN2's blocks {tuple(sides)}, not of"
            f" {resolution} in this {generator.config.family}; take the components of w"
            " instead."
        )
    basis = Incremental(num_components)
    for features, _ in _activations(generator, resolution, num_samples, seed):
        basis.add(features)
    products = np.zeros((len(basis.std), generator.config.w_dim))
    for features, w in _activations(generator, resolution, num_samples, seed):
        coordinates = (features - basis.mean) @ basis.components.T / basis.std
        products += coordinates.T @ w
    # The coordinates are uncorrelated, of mean 0 and variance 1.
    about: dict[str, object] = {
        "method": "pca",
        "of": f"activations at {resolution}",
    }
    about |= {"num_samples": num_samples, "seed": seed}
    return _named(products / (basis.count - 1), about)


def _named(vectors: np.ndarray, provenance: dict[str, object]) -> dict[str, Direction]:
    return {
        f"pc{k:02}": Direction(
            name=f"pc{k:02}",
            vector=vector.astype(np.float32),
            unit="sd",
            provenance=provenance | {"component": k},
        )
        for k, vector in enumerate(vectors)
        if vector.any()
    }


class Incremental:
    """A running principal component analysis of samples too wide for a covariance.

    It keeps the strongest components and merges each batch into them by a singular
    value decomposition (Ross et al. 2008, "Incremental learning for robust visual
    tracking", Section 3.1). What falls off is lost: exact while all components fit.

    Attributes:
      count: samples so far.
      mean: `[D]`.
      components: `[K, D]`, unit vectors, largest variance first.
    """

    def __init__(self, num_components: int):
        self.num_components = num_components
        self.count = 0
        self.mean = np.zeros(0)
        self.components = np.zeros((0, 0))
        self._singular = np.zeros(0)

    @property
    def std(self) -> np.ndarray:
        """`[K]`, the standard deviation along each component (n - 1)."""
        return self._singular / max(self.count - 1, 1) ** 0.5

    def add(self, rows: np.ndarray) -> None:
        """Takes samples `[n, D]` in."""
        rows = np.asarray(rows, np.float64)
        mean, num = rows.mean(axis=0), len(rows)
        stacked = rows - mean
        if self.count:
            share = (self.count * num / (self.count + num)) ** 0.5
            before = self._singular[:, None] * self.components
            shift = share * (self.mean - mean)[None]
            stacked = np.concatenate([before, stacked, shift])
            mean = (self.count * self.mean + num * mean) / (self.count + num)
        _, singular, axes = np.linalg.svd(stacked, full_matrices=False)
        kept = singular[: self.num_components] > 1e-9 * max(singular[0], 1e-30)
        self._singular = singular[: self.num_components][kept]
        self.components = axes[: self.num_components][kept]
        self.mean, self.count = mean, self.count + num


def _codes(generator, num_samples, seed, batch) -> Iterator[np.ndarray]:
    """Batches of w; the same for the same seed."""
    key = jax.random.key(seed)
    for index, start in enumerate(range(0, num_samples, batch)):
        shape = (batch, generator.config.z_dim)
        z = jax.random.normal(jax.random.fold_in(key, index), shape)
        yield np.asarray(_map(generator, z))[: num_samples - start]


def _activations(generator, resolution, num_samples, seed):
    """Batches of (activations `[n, D]`, w `[n, w_dim]`)."""
    for w in _codes(generator, num_samples, seed, _LAYER_BATCH):
        filled = np.resize(w, (_LAYER_BATCH, w.shape[1]))
        features = _features(generator, filled, resolution)[: len(w)]
        yield np.asarray(features, np.float64).reshape(len(w), -1), w


@jax.jit
def _map(generator, z):
    return generator.mapping(z)


@functools.partial(jax.jit, static_argnums=2)
def _features(generator, w, resolution):
    ws = styles.of_mapping(jnp.asarray(w), generator.config.num_ws)
    stages = generator.synthesis.stages(ws)
    return next(features for side, features, _ in stages if side == resolution)
