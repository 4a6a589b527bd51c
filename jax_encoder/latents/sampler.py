"""Pictures out of seeds, the same for a seed in every company."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.latents import sampling, styles
from jax_encoder.nn import base


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampler:
    """How seeds become pictures.

    Attributes:
      generator: the network.
      truncation_psi: 1 for none.
      truncation_cutoff: rows to truncate; None for all.
      label: the class; conditional generators only.
      noise: "const" or "none"; generators with noise only.
      batch_size: pictures per compiled program; the last batch is padded.
    """

    generator: base.Generator
    truncation_psi: float = 1.0
    truncation_cutoff: int | None = None
    label: int | None = None
    noise: str = "const"
    batch_size: int = 4

    def ws(self, seeds: Sequence[int]) -> np.ndarray:
        """Returns `[N, num_ws, w_dim]`; z is what NVIDIA's scripts draw for a seed.

        Raises:
          ValueError: the generator has classes, and none of them is given.
        """
        config = self.generator.config
        z = sampling.seeded_z(config, seeds)
        if config.c_dim and self.label not in range(config.c_dim):
            raise InputError(
                f"This generator has {config.c_dim} classes: give `label`, 0 to"
                f" {config.c_dim - 1}."
            )
        w = np.concatenate(list(self._batches(functools.partial(_map, self.label), z)))
        ws = styles.of_mapping(jnp.asarray(w), config.num_ws)
        psi, cutoff = self.truncation_psi, self.truncation_cutoff
        return np.asarray(styles.truncate(ws, self.generator.w_avg[...], psi, cutoff))

    def render(self, ws: np.ndarray) -> Iterator[np.ndarray]:
        """Yields pictures `[H, W, C]` in [-1, 1], one per row of `ws`."""
        for batch in self._batches(functools.partial(_render, self.noise), ws):
            yield from batch

    def _batches(self, run: Callable, rows: np.ndarray) -> Iterator[np.ndarray]:
        """What `run` makes of `rows`, always `batch_size` at a time.

        One program serves any number of seeds, and runs them one after the other: a
        picture does not depend, in its last bits, on how many others are asked for.
        """
        for start in range(0, len(rows), self.batch_size):
            batch = rows[start : start + self.batch_size]
            padding = [(0, self.batch_size - len(batch))] + [(0, 0)] * (rows.ndim - 1)
            padded = np.pad(batch, padding, mode="edge")
            yield np.asarray(run(self.generator, padded))[: len(batch)]


@functools.partial(jax.jit, static_argnums=0)
def _map(label, generator, z):
    labels = sampling.class_label(generator.config, label)
    options = () if labels is None else (labels,)
    return jax.lax.map(lambda row: generator.mapping(row[None], *options)[0], z)


@functools.partial(jax.jit, static_argnums=0)
def _render(noise, generator, ws):
    return jax.lax.map(lambda row: generator.synthesis(row[None], noise)[0], ws)
