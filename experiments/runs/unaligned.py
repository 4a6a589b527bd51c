"""Inversions of pictures that stay as they are: the generator moves to each face.

StyleGAN3 draws its picture wherever its input's transform puts it. Every picture has a
transform of its own, so each is a batch of its own; all share one compiled program.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.runs import engines, projector_engine
from jax_encoder.alignment import frames, transforms
from jax_encoder.errors import InputError
from jax_encoder.inversion import batch_inverter
from jax_encoder.nn import stylegan3

MovedState = tuple[np.ndarray, batch_inverter.InverterState]
"""The transform `[3, 3]` of the picture, and the state of the engine under it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnalignedEngine:
    """Inverts one picture at a time, under its own transform.

    Attributes:
      engine: does the work.
      transforms: `[3, 3]` of every picture, by its name.
    """

    engine: projector_engine.ProjectorEngine
    transforms: Mapping[str, np.ndarray]

    def __getattr__(self, name: str) -> Any:
        """Everything else is the engine's."""
        if name.startswith("__") or name == "engine":
            raise AttributeError(name)
        return getattr(self.engine, name)

    def _under(self, matrix: np.ndarray) -> projector_engine.ProjectorEngine:
        """The engine with the generator moved."""
        inverter = self.engine.inverter
        generator = inverter.models.generator
        assert isinstance(generator, stylegan3.StyleGAN3Generator)
        moved = stylegan3.moved(generator, jnp.asarray(matrix))
        models = dataclasses.replace(inverter.models, generator=moved)
        inverter = dataclasses.replace(inverter, models=models)
        return dataclasses.replace(self.engine, inverter=inverter)

    def init(self, targets: np.ndarray, names: Sequence[str]) -> MovedState:
        """The state before the first step, of one picture."""
        (name,) = names
        matrix = np.asarray(self.transforms[name], np.float32)
        return matrix, self._under(matrix).init(targets, names)

    def template(self, targets: np.ndarray) -> MovedState:
        """A state of the same structure."""
        return np.eye(3, dtype=np.float32), self.engine.template(targets)

    def iterate(
        self, targets: np.ndarray, state: MovedState
    ) -> Iterator[tuple[MovedState, np.ndarray]]:
        """Goes on from a state; after each chunk the state and losses `[steps, 1]`."""
        matrix, inner = state
        for advanced, losses in self._under(matrix).iterate(targets, inner):
            yield (matrix, advanced), losses

    def render(self, targets: np.ndarray, state: MovedState) -> np.ndarray:
        """The picture of the kept values so far."""
        return self._under(state[0]).render(targets, state[1])

    def finish(
        self, targets: np.ndarray, state: MovedState, num: int
    ) -> engines.EngineOutcome:
        """The code, reconstruction and measures."""
        return self._under(state[0]).finish(targets, state[1], num)


def make(
    engine: projector_engine.ProjectorEngine, found: Mapping[str, frames.Frame]
) -> UnalignedEngine:
    """Prepares an engine for pictures that were left unaligned.

    Args:
      engine: of a StyleGAN3 generator.
      found: the frames, by the pictures' names.

    Returns:
      The engine.

    Raises:
      ValueError: the generator has no transform.
    """
    generator = engine.inverter.models.generator
    if not isinstance(generator, stylegan3.StyleGAN3Generator):
        raise InputError(
            "`unaligned`: only StyleGAN3 can move its own picture, and this is"
            f" {generator.config.family}; leave it out, and the photographs are aligned"
            " to the generator."
        )
    matrices = {
        name: matrix
        for name, frame in found.items()
        if (matrix := transforms.of_frame(frame)) is not None
    }
    return UnalignedEngine(engine=engine, transforms=matrices)
