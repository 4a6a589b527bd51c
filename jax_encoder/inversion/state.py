"""The values that an inversion takes, changes and returns; all are pytrees."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from jax_encoder.latents import statistics
from jax_encoder.nn import base

RUNNING, STOPPED, DIVERGED = 0, 1, 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Models:
    """The frozen networks of an inversion.

    Attributes:
      generator: StyleGAN 1, 2 or 3.
      networks: perceptual networks by the names that the terms carry.
      statistics: of the generator's latents.
    """

    generator: base.Generator
    networks: base.Networks
    statistics: statistics.LatentStatistics


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Variables:
    """What is optimized.

    Attributes:
      values: `[N, D]` or `[N, num_ws, D]` in the searched space.
      noises: noise maps `[N, H, W]`, coarse to fine; empty unless optimized.
      features: `[N, H, W, C]` offset of the space's feature map, in units of the map's
        own size; None in spaces without.
    """

    values: jax.Array
    noises: tuple[jax.Array, ...]
    features: jax.Array | None = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """What stays the same from step to step.

    Attributes:
      prepared: per term, what it computed of the targets.
      weights: `[N, T]` one weight per picture and term of `config.objective`.
      labels: `[N, c_dim]`, or None.
    """

    prepared: tuple[base.Tree, ...]
    weights: jax.Array
    labels: jax.Array | None = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectorState:
    """What changes from one step to the next; all leaves are arrays of numbers.

    Attributes:
      step: steps done.
      seed: data of the PRNG key.
      variables: the current ones.
      opt_state: of the optimizer, one per picture.
      best: the variables of the lowest objective so far.
      best_loss: `[N]` that objective; infinite at first.
      best_step: `[N]` the step at which it was seen.
      status: `[N]` RUNNING, STOPPED or DIVERGED.
    """

    step: jax.Array
    seed: jax.Array
    variables: Variables
    opt_state: optax.OptState
    best: Variables
    best_loss: jax.Array
    best_step: jax.Array
    status: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Curves:
    """What was measured at every step of a chunk.

    Attributes:
      loss: `[steps, N]` the objective.
      terms: `[steps, N, T]` its terms, unweighted.
      names: of the T terms.
    """

    loss: jax.Array
    terms: jax.Array
    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})

    @classmethod
    def empty(cls, num: int, names: tuple[str, ...]) -> "Curves":
        """Returns the curves of no step, of `num` pictures."""
        return cls(
            loss=jnp.zeros((0, num)),
            terms=jnp.zeros((0, num, len(names))),
            names=names,
        )

    def __getitem__(self, name: str) -> jax.Array:
        """Returns `[steps, N]`: the objective for "loss", or a term by its name."""
        if name == "loss":
            return self.loss
        if name not in self.names:
            raise KeyError(f"{name!r}: there are 'loss' and {self.names}.")
        return self.terms[..., self.names.index(name)]

    def by_name(self) -> dict[str, jax.Array]:
        """Returns the objective as "loss", and every term, `[steps, N]` each."""
        return {name: self[name] for name in ("loss", *self.names)}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Projection:
    """The result for every picture.

    Attributes:
      ws: `[N, num_ws, w_dim]`.
      values: `[N, ...]` in the searched space.
      noises: optimized noise maps `[N, H, W]`; empty otherwise.
      features: `[N, H, W, C]` offset of the space's feature map, as synthesis takes it;
        None in spaces without.
      images: `[N, R, R, 3]` the reconstructions at full resolution, not clamped.
      loss: `[N]` the objective of the kept values (of the last stage's resolution).
      best_step: `[N]` the step at which the best objective was seen.
      status: `[N]` RUNNING (all steps done), STOPPED or DIVERGED.
    """

    ws: jax.Array
    values: jax.Array
    noises: tuple[jax.Array, ...]
    features: jax.Array | None
    images: jax.Array
    loss: jax.Array
    best_step: jax.Array
    status: jax.Array
