"""Maps of samples in the plane: PCA, t-SNE, locally linear embedding.

Needs the `analysis` extra (scikit-learn). A map of one's own is a function, registered:

    maps.register("umap", my_map)
"""

import dataclasses
from collections.abc import Callable
from types import ModuleType

import numpy as np

from jax_encoder.errors import InputError

_NUM_PREPARED = 30
_NUM_NEIGHBORS = 12
_NUM_STEPS = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Map:
    """Samples laid out in the plane.

    Attributes:
      points: `[N, 2]`.
      others: `[M, 2]` where other codes lie on the same map.
      axes: what the two axes say.
      about: a clause on how well the map shows the space.
    """

    points: np.ndarray
    others: np.ndarray
    axes: tuple[str, str]
    about: str = ""


Method = Callable[[np.ndarray, np.ndarray, int], Map]


def import_sklearn() -> ModuleType:
    """Imports the parts of scikit-learn that this project uses.

    Raises:
      ImportError: the `analysis` extra is not installed.
    """
    try:
        import sklearn
        import sklearn.cluster
        import sklearn.decomposition
        import sklearn.manifold
        import sklearn.neighbors
    except ImportError as error:
        raise ImportError(
            "Maps of latent spaces need scikit-learn: pip install"
            " 'jax_encoder[analysis]'."
        ) from error
    return sklearn


def draw(
    samples: np.ndarray,
    method: str = "pca",
    *,
    others: np.ndarray | None = None,
    seed: int = 0,
) -> Map:
    """Lays samples out in the plane.

    Args:
      samples: `[N, D]`.
      method: one of `names()`.
      others: `[M, D]` codes to be found on the same map, which do not shape it where
        the method can do without ("pca", "lle"); t-SNE lays them out with the rest.
      seed: of methods that draw random numbers.

    Returns:
      The map.

    Raises:
      ValueError: an unknown method, samples of another rank, fewer than 16, or not
        finite.
      ImportError: the `analysis` extra is not installed.
    """
    if method not in _METHODS:
        raise InputError(f"`method` must be one of {names()}, got {method!r}.")
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 2 or len(samples) < 16:
        raise InputError(
            f"A map needs samples [N, D], N at least 16: got {samples.shape}."
        )
    others = np.zeros((0, samples.shape[1])) if others is None else np.asarray(others)
    if others.ndim != 2 or others.shape[1] != samples.shape[1]:
        raise InputError(
            f"`others` must be [M, {samples.shape[1]}] as the samples are, got"
            f" {others.shape}."
        )
    if not (np.isfinite(samples).all() and np.isfinite(others).all()):
        raise InputError("A map needs finite samples; some are NaN or infinite.")
    return _METHODS[method](samples, others.astype(np.float64), seed)


def register(name: str, method: Method) -> Method:
    """Makes a map known by a name.

    Args:
      name: as flags give it.
      method: `(samples [N, D], others [M, D], seed) -> Map`.

    Raises:
      ValueError: the name is another map's.
    """
    if _METHODS.setdefault(name, method) != method:
        raise InputError(f"There is another map {name!r}; choose a name.")
    return method


def names() -> tuple[str, ...]:
    """Returns the names of all maps."""
    return tuple(_METHODS)


def explained_variance(std: np.ndarray) -> np.ndarray:
    """The share of the variance that the first k components explain, `[D]`.

    Args:
      std: `[D]` standard deviations along the components, largest first.
    """
    variance = np.square(np.asarray(std, np.float64))
    return np.cumsum(variance) / max(variance.sum(), 1e-300)


def apart(points: np.ndarray, side: float, *, num: int | None = None) -> np.ndarray:
    """Chooses points around which squares do not overlap.

    Args:
      points: `[N, 2]`, those wanted most first.
      side: of the squares, in the points' units.
      num: at most this many; None for all that fit.

    Returns:
      Indices of the chosen points: every other point that could still be added in their
      order would overlap one of them.
    """
    chosen: list[int] = []
    taken = np.zeros((0, 2))
    for index, point in enumerate(points):
        if num is not None and len(chosen) >= num:
            break
        if not (np.abs(taken - point[None]).max(axis=1) < side).any():
            chosen.append(index)
            taken = points[chosen]
    return np.asarray(chosen, int)


def _pca(samples: np.ndarray, others: np.ndarray, seed: int) -> Map:
    """The two principal components."""
    fitted = import_sklearn().decomposition.PCA(2, random_state=seed).fit(samples)
    shares = fitted.explained_variance_ratio_
    return Map(
        points=fitted.transform(samples),
        others=fitted.transform(others) if len(others) else np.zeros((0, 2)),
        axes=(f"component 1 ({shares[0]:.1%})", f"component 2 ({shares[1]:.1%})"),
        about=f"two components explain {shares.sum():.1%} of the variance",
    )


def _tsne(samples: np.ndarray, others: np.ndarray, seed: int) -> Map:
    """Keeps neighbors together (van der Maaten and Hinton 2008), distances not."""
    sklearn = import_sklearn()
    joined = np.concatenate([samples, others])
    if joined.shape[1] > _NUM_PREPARED:
        reduce = sklearn.decomposition.PCA(_NUM_PREPARED, random_state=seed)
        joined = reduce.fit_transform(joined)
    perplexity = min(30.0, (len(joined) - 1) / 3)
    fitted = sklearn.manifold.TSNE(
        2,
        perplexity=perplexity,
        max_iter=_NUM_STEPS,
        angle=0.7,  # coarser than the default, in half of the time
        init="pca",
        random_state=seed,
        n_jobs=2,
    )
    points = fitted.fit_transform(joined.astype(np.float32))
    return Map(
        points=points[: len(samples)],
        others=points[len(samples) :],
        axes=("t-SNE 1", "t-SNE 2"),
        about=f"perplexity {perplexity:.0f}, divergence {fitted.kl_divergence_:.2f}",
    )


def _lle(samples: np.ndarray, others: np.ndarray, seed: int) -> Map:
    """Keeps how neighbors make up each other (Roweis and Saul 2000)."""
    sklearn = import_sklearn()
    count = min(_NUM_NEIGHBORS, len(samples) - 1)
    fitted = sklearn.manifold.LocallyLinearEmbedding(
        n_neighbors=count, n_components=2, random_state=seed, n_jobs=2
    ).fit(samples)
    placed = fitted.transform(others) if len(others) else np.zeros((0, 2))
    scale = np.maximum(fitted.embedding_.std(axis=0), 1e-30)[None]
    return Map(
        points=fitted.embedding_ / scale,
        others=placed / scale,
        axes=("LLE 1 (deviations)", "LLE 2 (deviations)"),
        about=f"{count} neighbors, error {fitted.reconstruction_error_:.1e}",
    )


_METHODS: dict[str, Method] = {"pca": _pca, "tsne": _tsne, "lle": _lle}
