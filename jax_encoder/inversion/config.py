"""The options of an inversion."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping

import numpy as np
import optax

from jax_encoder.errors import InputError
from jax_encoder.inversion import optimizers, schedules
from jax_encoder.inversion import terms as term_lib
from jax_encoder.latents import spaces
from jax_encoder.nn import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A share of the steps, rendered at a lower resolution.

    Attributes:
      share: of all steps, 0 to 1.
      resolution: at which to render and to compare.
    """

    share: float
    resolution: int

    def __post_init__(self):
        if not 0 < self.share <= 1 or self.resolution < 4:
            raise InputError(
                "A stage's `share` must lie in 0 to 1 and its `resolution` be 4 or"
                f" more: got {self}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectorConfig:
    """Options of an inversion; hashable, hence static under `jax.jit`.

    Lists and dicts serve where tuples are kept.

    Attributes:
      space: what is searched, one of `latents.spaces.names()`.
      num_steps: gradient steps; 0 keeps the start.
      optimizer: the name of an optimizer, optax's or one that `optimizers.register` was
        told of; or a function from the learning rate to an optax transformation.
        "lbfgs" is `inversion.lbfgs`; its line search needs no learning rate.
      optimizer_options: its other options, as pairs.
      schedule: the learning rate: a schedule of `inversion.schedules` or of optax, or a
        number for a constant rate.
      terms: the objective. With optimized noise maps their regularizer is added, unless
        one of the terms looks at the maps already; in space F likewise the distance of
        the feature map from its start.
      exploration: noise added to the values while they are optimized, or None.
      noise: the generator's noise maps: "const" (the checkpoint's), "none" or
        "optimize" (per picture).
      noise_is_unbiased: divide by n - 1 when renormalizing optimized maps.
      stages: coarse resolutions of the first steps; the rest runs at full resolution.
      feature_start: in space F, the share of the steps in which only the rows of W+
        move; then these rest before the feature map, which moves with the later ones.
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
    optimizer: str | optimizers.Factory = "adam"
    optimizer_options: tuple[tuple[str, object], ...] = ()
    schedule: schedules.Rate = schedules.CosineRamps()
    terms: tuple[term_lib.Term, ...]
    exploration: schedules.Exploration | None = None
    noise: str = "const"
    noise_is_unbiased: bool = False
    stages: tuple[Stage, ...] = ()
    feature_start: float = 0.5
    keep: str = "best"
    stop_below: float | None = None
    patience: int | None = None
    micro_batch: int | None = None
    dtype: str = "float32"
    remat_from: int | None = None

    def __post_init__(self):
        options = self.optimizer_options
        pairs = options.items() if isinstance(options, Mapping) else options
        for name in ("terms", "stages"):
            value = getattr(self, name)
            if not isinstance(value, Iterable):
                shown = checks.describe(value)
                raise InputError(f"`{name}` must be a list, got {shown}.")
        keep = {
            "optimizer_options": tuple(tuple(pair) for pair in pairs),
            "schedule": schedules.check(self.schedule),
            "terms": tuple(self.terms),
            "stages": tuple(self.stages),
        }
        for name, value in keep.items():
            object.__setattr__(self, name, value)
        spaces.get(self.space)
        self._check_choices()
        self._check_terms()
        self.make_optimizer()
        if self.searches_lines:
            self._check_line_search()
        self._check_shares()

    def _check_choices(self) -> None:
        checks.check_whole(self.num_steps, "num_steps", low=0)
        for name in ("patience", "micro_batch", "remat_from"):
            if (value := getattr(self, name)) is not None:
                checks.check_whole(value, name, low=1)
        if self.stop_below is not None and not isinstance(
            self.stop_below, int | float | np.number
        ):
            raise InputError(f"`stop_below` must be a number, got {self.stop_below!r}.")
        choices = {
            "noise": ("const", "none", "optimize"),
            "keep": ("best", "last"),
            "dtype": ("float32", "bfloat16"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                listed = ", ".join(f'"{choice}"' for choice in allowed[:-1])
                raise InputError(
                    f'`{name}` must be {listed} or "{allowed[-1]}", got'
                    f" {getattr(self, name)!r}."
                )

    def _check_shares(self) -> None:
        if sum(stage.share for stage in self.stages) > 1:
            raise InputError(f"The shares of the stages exceed 1: {self.stages}.")
        if not 0 <= self.feature_start <= 1:
            raise InputError(
                "`feature_start` is a share of the steps, 0 to 1: got"
                f" {self.feature_start}."
            )

    def _check_line_search(self) -> None:
        if self.exploration is not None:
            raise InputError(
                f"`exploration` moves the objective while {self.optimizer!r} searches"
                ' along a line: choose None, or a first-order optimizer such as "adam".'
            )
        if self.keep == "last":
            raise InputError(
                f'`keep` must be "best" for {self.optimizer!r}: the last point is but a'
                " trial of its line search."
            )

    def _check_terms(self) -> None:
        if not self.terms:
            raise InputError("`terms` is empty: an inversion needs an objective.")
        for term in self.terms:
            if not isinstance(term, term_lib.Term):
                raise InputError(
                    "Every term must be an instance of a subclass of `terms.Term`, got"
                    f" {term!r}."
                )
            try:
                hash(term)
            except TypeError as error:
                raise InputError(
                    f"The term {term.name!r} cannot be hashed; make its class a frozen"
                    f" dataclass with numbers, texts and tuples only: {error}."
                ) from error
            if term.needs_noises and self.noise != "optimize":
                raise InputError(
                    f"The term {term.name!r} looks at optimized noise maps: give"
                    f' noise="optimize", got noise={self.noise!r}.'
                )
            if term.needs_features and not self._has_features:
                raise InputError(
                    f"The term {term.name!r} looks at the offset of a feature map: give"
                    f' space="f", got space={self.space!r}.'
                )
        names = ("loss", *self.names)
        if len(set(names)) < len(names):
            raise InputError(
                "Curves are told apart by the names of the terms, and `loss` is that of"
                f" the objective: give every term its own `name`, got {self.names}."
            )

    @property
    def objective(self) -> tuple[term_lib.Term, ...]:
        """The terms, and the priors on noise and feature maps that they do not have."""
        added = []
        if self.noise == "optimize" and not any(t.needs_noises for t in self.terms):
            added.append(term_lib.NoiseRegularizer())
        if self._has_features and not any(t.needs_features for t in self.terms):
            added.append(term_lib.FeatureOffsetPrior())
        return (*self.terms, *added)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the terms of the objective."""
        return tuple(term.name for term in self.objective)

    @property
    def image_terms(self) -> tuple[term_lib.ImageTerm, ...]:
        """The terms that compare pictures, without the priors on codes."""
        return tuple(t for t in self.terms if isinstance(t, term_lib.ImageTerm))

    @property
    def network_names(self) -> tuple[str, ...]:
        """The networks that the terms ask for, each once."""
        names = (name for term in self.terms for name in term.network_names)
        return tuple(dict.fromkeys(names))

    @property
    def needs_p(self) -> bool:
        """Whether the principal components of P are needed."""
        return self.latent_space.needs_p or any(t.needs_p for t in self.terms)

    @property
    def latent_space(self) -> spaces.Space:
        """What the name of the space stands for."""
        return spaces.get(self.space)

    @property
    def searches_lines(self) -> bool:
        """Whether the optimizer compares values of one objective at several points."""
        return optimizers.searches_lines(self.optimizer)

    @property
    def _has_features(self) -> bool:
        return self.latent_space.has_features

    @property
    def feature_step(self) -> int:
        """The first step at which the feature map moves; 0 in spaces without."""
        return round(self.feature_start * self.num_steps) if self._has_features else 0

    def make_optimizer(self) -> optax.GradientTransformationExtraArgs:
        """Returns the optimizer, with its schedule."""
        return optimizers.make(
            self.optimizer, self.schedule, self.num_steps, self.optimizer_options
        )

    def plan(self, resolution: int, chunk: int) -> list[tuple[int, int, int]]:
        """Divides the steps into chunks that share a resolution.

        Args:
          resolution: of the generator.
          chunk: steps in a chunk, at most.

        Returns:
          (first step, number of steps, resolution) of every chunk.
        """
        return [
            (first, min(chunk, stop - first), side)
            for start, stop, side in self._parts(resolution)
            for first in range(start, stop, chunk)
        ]

    def turns(self, resolution: int) -> frozenset[int]:
        """The steps at which the objective or what is searched becomes another.

        Args:
          resolution: of the generator.
        """
        parts = self._parts(resolution)
        changes = {
            start
            for (_, _, before), (start, _, side) in itertools.pairwise(parts)
            if before != side
        }
        inner = {self.feature_step} & set(range(1, self.num_steps))
        return frozenset(changes | inner)

    def _parts(self, resolution: int) -> list[tuple[int, int, int]]:
        """(first step, step after the last, resolution) of all that goes undivided."""
        bounds, start = [], 0
        for stage in self.stages:
            stop = start + round(stage.share * self.num_steps)
            bounds.append((start, stop, min(stage.resolution, resolution)))
            start = stop
        bounds.append((start, self.num_steps, resolution))
        turn, parts = self.feature_step, []
        for start, stop, side in bounds:
            cuts = [start, turn, stop] if start < turn < stop else [start, stop]
            parts += [(*pair, side) for pair in itertools.pairwise(cuts)]
        return [part for part in parts if part[0] < part[1]]
