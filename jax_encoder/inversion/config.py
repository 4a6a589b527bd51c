"""The options of an inversion."""

import dataclasses
import functools
from typing import Any

import optax

from jax_encoder.inversion import schedules
from jax_encoder.inversion import terms as term_lib
from jax_encoder.latents import spaces

# Optimizers that treat every number by itself. They see the code and all noise maps as
# one vector: at 1024 pixels a sixth less to compile. Others may measure every array.
_ELEMENTWISE = ("adam", "adamw", "rmsprop", "sgd")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A share of the steps, rendered at a lower resolution.

    Attributes:
      share: of all steps, 0 to 1.
      resolution: at which to render and to compare.
    """

    share: float
    resolution: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectorConfig:
    """Options of an inversion; hashable, hence static under `jax.jit`.

    Attributes:
      space: what is searched, one of `latents.spaces.SPACES`.
      num_steps: gradient steps.
      optimizer: the name of an optax optimizer.
      optimizer_options: its other options, as pairs.
      schedule: the learning rate.
      terms: the objective.
      exploration: noise added to the values while they are optimized, or None.
      noise: the generator's noise maps: "const" (the checkpoint's), "none" or
        "optimize" (per picture).
      noise_weight: of the regularizer of optimized noise maps.
      noise_is_unbiased: divide by n - 1 when renormalizing optimized maps.
      stages: coarse resolutions of the first steps; the rest runs at full resolution.
      keep: the "best" values seen, or the "last".
      stop_below: a picture is done when its objective falls below this; or None.
      patience: a picture is done after this many steps without improvement; or None.
      micro_batch: pictures rendered at once; None: all.
      dtype: of the generator's convolutions.
      remat_from: the generator's maps of this side and above are computed again for
        the gradient instead of kept (`jax.checkpoint`). On a CPU this gains nothing
        (256 pixels: 516 MiB against 472); for accelerators. None: all are kept.
    """

    space: str = "w+"
    num_steps: int = 300
    optimizer: str = "adam"
    optimizer_options: tuple[tuple[str, float], ...] = ()
    schedule: schedules.Schedule = schedules.CosineRamps()
    terms: tuple[term_lib.Term, ...]
    exploration: schedules.Exploration | None = None
    noise: str = "const"
    noise_weight: float = 1e5
    noise_is_unbiased: bool = False
    stages: tuple[Stage, ...] = ()
    keep: str = "best"
    stop_below: float | None = None
    patience: int | None = None
    micro_batch: int | None = None
    dtype: str = "float32"
    remat_from: int | None = None

    def __post_init__(self):
        spaces.check(self.space)
        if self.num_steps < 1:
            raise ValueError(f"`num_steps` must be positive, got {self.num_steps}.")
        if not self.terms:
            raise ValueError("`terms` is empty: an inversion needs an objective.")
        if self.noise not in ("const", "none", "optimize"):
            raise ValueError(
                f'`noise` must be "const", "none" or "optimize", got {self.noise!r}.'
            )
        if self.keep not in ("best", "last"):
            raise ValueError(f'`keep` must be "best" or "last", got {self.keep!r}.')
        if sum(stage.share for stage in self.stages) > 1:
            raise ValueError(f"The shares of the stages exceed 1: {self.stages}.")
        if not callable(getattr(optax, self.optimizer, None)):
            raise ValueError(f"optax has no optimizer {self.optimizer!r}.")

    @property
    def image_terms(self) -> tuple[term_lib.Term, ...]:
        """The terms that compare pictures, without the priors on codes."""
        return tuple(t for t in self.terms if not isinstance(t, term_lib.LatentPrior))

    @property
    def needs_p(self) -> bool:
        """Whether the principal components of P are needed."""
        priors = (t for t in self.terms if isinstance(t, term_lib.LatentPrior))
        return self.space.startswith("p_n") or any(p.kind == "p_n" for p in priors)

    def make_optimizer(self) -> optax.GradientTransformation:
        """Returns the optimizer, with its schedule."""
        make = getattr(optax, self.optimizer)
        schedule = functools.partial(_call_schedule, self.schedule, self.num_steps)
        optimizer = make(schedule, **dict(self.optimizer_options))
        return optax.flatten(optimizer) if self.optimizer in _ELEMENTWISE else optimizer

    def plan(self, resolution: int, chunk: int) -> list[tuple[int, int, int]]:
        """Divides the steps into chunks that share a resolution.

        Args:
          resolution: of the generator.
          chunk: steps in a chunk, at most.

        Returns:
          (first step, number of steps, resolution) of every chunk.
        """
        bounds, start = [], 0
        for stage in self.stages:
            stop = start + round(stage.share * self.num_steps)
            bounds.append((start, stop, min(stage.resolution, resolution)))
            start = stop
        bounds.append((start, self.num_steps, resolution))
        return [
            (first, min(chunk, stop - first), side)
            for start, stop, side in bounds
            for first in range(start, stop, chunk)
        ]


def _call_schedule(schedule: schedules.Schedule, num_steps: int, step: Any) -> Any:
    return schedule(step, num_steps)
