"""Pivotal tuning of any number of pictures, some at a time."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.inversion import pivotal
from jax_encoder.inversion.state import Models
from jax_encoder.nn import base


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuner:
    """Tunes a generator around codes.

    Attributes:
      models: the frozen networks.
      config: what to do.
    """

    models: Models
    config: pivotal.PivotalConfig

    def __call__(self, ws: jax.Array, targets: jax.Array, key: jax.Array) -> "Tuned":
        """Tunes around all pivots.

        Pictures with a generator of their own are tuned `config.num_parallel` at a
        time, by one program however many they are; what was tuned waits on the host.

        Args:
          ws: `[N, num_ws, w_dim]` the pivots.
          targets: `[N, R, R, 3]` in [-1, 1].
          key: PRNG key of the locality samples.

        Returns:
          The tuned generators.
        """
        if self.config.shares_weights:
            parts = [self._tune(ws, targets, key)]
        else:
            size = min(self.config.num_parallel, len(ws))
            parts = []
            for first in range(0, len(ws), size):
                # The last group is filled up, so that only one program is compiled.
                index = np.minimum(np.arange(first, first + size), len(ws) - 1)
                parts.append(self._tune(ws[index], targets[index], key))
        images = np.concatenate([np.asarray(part.images) for part in parts])
        num_steps = np.concatenate([np.asarray(part.num_steps) for part in parts])
        return Tuned(
            parent=self.models.generator,
            config=self.config,
            parts=tuple(parts),
            images=images[: len(ws)],
            num_steps=num_steps[: len(ws)],
        )

    def _tune(self, ws, targets, key) -> pivotal.Tuning:
        tuning = pivotal.tune(self.models, ws, targets, key, config=self.config)
        return jax.device_get(tuning)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """Tuned generators.

    Attributes:
      parent: the generator as it was.
      config: what was done.
      parts: per group of pictures, on the host.
      images: `[N, R, R, 3]` what they make of the pivots.
      num_steps: `[N]` steps until a picture was done.
    """

    parent: base.Generator
    config: pivotal.PivotalConfig
    parts: tuple[pivotal.Tuning, ...]
    images: np.ndarray
    num_steps: np.ndarray

    def generator(self, index: int | None = None) -> base.Generator:
        """Returns the tuned generator of a picture; None for the shared one."""
        size = len(self.parts[0].images)
        part = self.parts[0 if index is None else index // size]
        place = None if index is None else index % size
        part = jax.tree.map(jnp.asarray, part)
        return pivotal.tuned_generator(self.parent, part, self.config, place)
