"""What encodes a batch of pictures: networks, compiled once, serving every shard.

A picture's code depends on the picture, its id and the settings: neither on the batch,
the shard or the worker that it happens to meet.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from experiments.sharing import picture_loop
from experiments.stores import tables
from jax_encoder.io import json_types


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoded:
    """What was found for the pictures of a batch.

    Attributes:
      ws: `[N, num_ws, w_dim]`.
      measures: by name, `[N]` each.
      is_diverged: `[N]`.
      images: `[N, R, R, C]` reconstructions, or None.
      attributes: `[N, K]` scores, or None.
    """

    ws: np.ndarray
    measures: Mapping[str, np.ndarray]
    is_diverged: np.ndarray
    images: np.ndarray | None = None
    attributes: np.ndarray | None = None


class Session(picture_loop.BatchSession[Encoded], Protocol):
    """What `shards.encode` needs of whoever computes."""

    @property
    def layout(self) -> tables.RowLayout:
        """The layout of the rows."""
        ...

    @property
    def about(self) -> Mapping[str, json_types.Json]:
        """JSON values for the table: generator_sha256, preset..."""
        ...

    @property
    def seed(self) -> int:
        """The seed of all that is drawn at random."""
        ...

    def encode(self, targets: np.ndarray, ids: Sequence[str]) -> Encoded:
        """Encodes a batch `[N, R, R, C]` of pictures with these ids."""
        ...

    def judge(self, row: Mapping[str, object]) -> str:
        """The verdict on a row: "good", "fair" or "poor"; "" without one."""
        ...


def seed_of(seed: int, name: str) -> int:
    """The seed of a picture, which depends on nothing but the run's and its id.

    Args:
      seed: of the run.
      name: the picture's id.

    Returns:
      A number below 2^31.
    """
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
