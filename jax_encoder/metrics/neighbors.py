"""Nearest neighbors among features, in memory that grows with their number only.

Needs the `analysis` extra: the search is scikit-learn's, which goes block by block.
"""

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.latents import maps


def nearest(
    queries: np.ndarray, data: np.ndarray, num: int, *, num_jobs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest rows.

    Args:
      queries: `[M, D]`.
      data: `[N, D]`.
      num: neighbors of each query; fewer where the data are fewer.
      num_jobs: threads; None for one.

    Returns:
      Euclidean distances `[M, num]`, ascending, and row numbers `[M, num]`.

    Raises:
      ValueError: no data, or rows of different lengths.
      ImportError: the `analysis` extra is not installed.
    """
    if queries.ndim != 2 or data.ndim != 2 or queries.shape[1] != data.shape[1]:
        raise InputError(
            "Features must be [M, D] and [N, D] of the same network: got"
            f" {queries.shape} and {data.shape}."
        )
    if not len(data) or num < 1:
        raise InputError(f"There must be data to search and neighbors to find: {num}.")
    search = maps.import_sklearn().neighbors.NearestNeighbors(
        n_neighbors=min(num, len(data)), algorithm="brute", n_jobs=num_jobs
    )
    search.fit(np.ascontiguousarray(data, np.float32))
    return search.kneighbors(np.ascontiguousarray(queries, np.float32))


def within(
    data: np.ndarray, num: int, *, num_jobs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest other rows of every row.

    Args:
      data: `[N, D]`, N at least 2.
      num: neighbors of each row, itself not counted.
      num_jobs: threads; None for one.

    Returns:
      Distances `[N, num]`, ascending, and row numbers `[N, num]`; an equal row counts
      as a neighbor at distance 0.

    Raises:
      ValueError: fewer than two rows.
    """
    if len(data) < 2:
        raise InputError(f"Neighbors need two rows at least, got {len(data)}.")
    distances, rows = nearest(data, data, num + 1, num_jobs=num_jobs)
    # Of equal rows any may come first: a row that does not list itself drops the last.
    is_own = rows == np.arange(len(data))[:, None]
    is_own[~is_own.any(axis=1), -1] = True
    shape = (len(data), rows.shape[1] - 1)
    return distances[~is_own].reshape(shape), rows[~is_own].reshape(shape)
