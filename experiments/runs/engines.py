"""What computes an inversion, as the loop over batches sees it."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from jax_encoder.io import json_types
from jax_encoder.nn import base


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineOutcome:
    """What an engine found for a batch.

    Attributes:
      ws: `[N, num_ws, w_dim]`.
      images: `[N, R, R, 3]` reconstructions, nominally in [-1, 1].
      measures: by name, `[N]` each: psnr, lpips...
      is_diverged: `[N]` whether a picture's loss became NaN; its best is kept.
      arrays: further arrays to keep with the codes, `[N, ...]` each.
      attachments: further files by the engine's `extensions`; each writes that of the
        picture of an index to a path.
    """

    ws: np.ndarray
    images: np.ndarray
    measures: Mapping[str, np.ndarray]
    is_diverged: np.ndarray
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    attachments: Mapping[str, Callable[[int, str], None]] = dataclasses.field(
        default_factory=dict
    )


class Engine(Protocol):
    """An inversion of batches of one size, a chunk of steps at a time.

    A state is a pytree of arrays and all that the next chunk depends on besides the
    targets.
    """

    @property
    def resolution(self) -> int:
        """The side of targets and reconstructions in pixels."""
        ...

    @property
    def channels(self) -> int:
        """How many targets and reconstructions have: 3, 1 (gray) or 4 (RGBA)."""
        ...

    @property
    def num_steps(self) -> int:
        """How many steps an inversion takes in all."""
        ...

    @property
    def finishing_share(self) -> float:
        """How much of the work `finish` is, 0 to 1; for the progress shown."""
        ...

    @property
    def multiple(self) -> int:
        """A batch's size should be a multiple of this."""
        ...

    @property
    def settings(self) -> Mapping[str, json_types.Json]:
        """JSON values on which the codes depend."""
        ...

    @property
    def details(self) -> Mapping[str, json_types.Json]:
        """JSON values to write into every code file: space, preset..."""
        ...

    @property
    def extensions(self) -> tuple[str, ...]:
        """The endings of a picture's further files, such as ".difference.npz"."""
        ...

    def init(self, targets: np.ndarray, names: Sequence[str]) -> base.Tree:
        """The state before the first step, for targets `[N, R, R, 3]` and names."""
        ...

    def template(self, targets: np.ndarray) -> object:
        """A state of the same structure, shapes and types; its values mean nothing."""
        ...

    def iterate(
        self, targets: np.ndarray, state: base.Tree
    ) -> Iterator[tuple[base.Tree, np.ndarray]]:
        """Goes on from a state; after each chunk the state and losses `[steps, N]`."""
        ...

    def render(self, targets: np.ndarray, state: base.Tree) -> np.ndarray:
        """The pictures `[N, R, R, 3]` at this state, for a film."""
        ...

    def finish(self, targets: np.ndarray, state: base.Tree, num: int) -> EngineOutcome:
        """The result of the first `num` pictures; the rest fills up the batch."""
        ...
