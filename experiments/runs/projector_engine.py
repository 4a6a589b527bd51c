"""The library's projector as an engine of the loop over batches."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh

from experiments.runs import engines, tuning
from jax_encoder.inversion import colors as color_lib
from jax_encoder.inversion import driver, memory, projector
from jax_encoder.inversion import state as states
from jax_encoder.inversion.config import ProjectorConfig

Start = Callable[[jax.Array, Sequence[str]], tuple[jax.Array, jax.Array | None]]
"""From targets `[N, R, R, 3]` and names to the first values in the searched space, and
weights `[N, T]` per picture and term or None for the terms' own."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineState:
    """All that the next chunk depends on.

    Attributes:
      projector: the projector's state.
      weights: `[N, T]` per picture and term.
    """

    projector: states.ProjectorState
    weights: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectorEngine:
    """Inverts batches with one generator and one configuration.

    Attributes:
      models: the frozen networks.
      config: what to do.
      start: where to begin.
      settings: JSON values on which the codes depend besides `config`.
      details: JSON values to write into every code file.
      seed: of noise maps and exploration.
      chunk: steps between two looks at the state.
      lpips: measures the result, `(images, targets) -> [N]`; or None.
      colors: of the generator's own pictures; targets are given them first, and
        reconstructions get the targets' back. None: the targets as they are.
      label: `[1, c_dim]` of all pictures; conditional generators searched in Z only.
      tuner: tunes the generator around the codes afterwards; or None.
    """

    models: states.Models
    config: ProjectorConfig
    start: Start
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seed: int = 0
    chunk: int = 50
    lpips: Any = None
    colors: color_lib.Colors | None = None
    label: jax.Array | None = None
    tuner: tuning.Tuner | None = None

    def __post_init__(self):
        settings = {
            **self.settings,
            "seed": self.seed,
            "projector": describe(self.config),
        }
        if self.tuner is not None:
            settings["pivotal"] = describe(self.tuner.config)
        object.__setattr__(self, "settings", settings)

    @property
    def resolution(self) -> int:
        """Of targets and reconstructions."""
        return self.models.generator.config.resolution

    @property
    def num_steps(self) -> int:
        """In all."""
        return self.config.num_steps

    @property
    def finishing_share(self) -> float:
        """The steps of the tuning among all."""
        if self.tuner is None:
            return 0.0
        num_tuning_steps = self.tuner.config.num_steps
        return num_tuning_steps / (self.num_steps + num_tuning_steps)

    @property
    def multiple(self) -> int:
        """The devices of this process, over which a batch is divided."""
        return jax.local_device_count()

    @property
    def extensions(self) -> tuple[str, ...]:
        """Of further files: the tuned generator's."""
        return () if self.tuner is None else (tuning.DIFFERENCE,)

    def init(self, targets: np.ndarray, names: Sequence[str]) -> EngineState:
        """The state before the first step."""
        return self._init(*self.start(self._recolor(jnp.asarray(targets)), names))

    def template(self, targets: np.ndarray) -> EngineState:
        """A state of the same structure."""
        shape = self.config.latent_space.shape(self.models.generator.config)
        return self._init(jnp.zeros((len(targets), *shape)))

    def _init(self, values: jax.Array, weights: jax.Array | None = None) -> EngineState:
        config, key = self._fitted(len(values)), jax.random.key(self.seed)
        state = projector.init(self.models, values, key, config)
        if weights is None:
            row = jnp.asarray([term.weight for term in config.terms], jnp.float32)
            weights = jnp.broadcast_to(row[None], (len(values), len(row)))
        return EngineState(projector=state, weights=weights)

    def iterate(
        self, targets: np.ndarray, state: EngineState
    ) -> Iterator[tuple[EngineState, np.ndarray]]:
        """Goes on from a state; after each chunk the state and losses `[steps, N]`."""
        state = jax.tree.map(jnp.asarray, state)
        for advanced, curves in driver.iterate(
            self.models,
            self._recolor(jnp.asarray(targets)),
            state.projector,
            config=self._fitted(len(targets)),
            weights=state.weights,
            labels=self._labels(len(targets)),
            chunk=min(self.chunk, self.config.num_steps),
            mesh=self._mesh(len(targets)),
        ):
            yield (
                dataclasses.replace(state, projector=advanced),
                np.asarray(curves.loss),
            )

    def render(self, targets: np.ndarray, state: EngineState) -> np.ndarray:
        """The pictures of the kept values so far, `[N, R, R, 3]`."""
        images = self._finish(state).images
        return np.asarray(self._recolor_back(images, jnp.asarray(targets)))

    def finish(
        self, targets: np.ndarray, state: EngineState, num: int
    ) -> engines.Outcome:
        """The codes, reconstructions and measures."""
        found, images = self._finish(state), jnp.asarray(targets)
        shown = self._recolor_back(found.images, images)
        measured = _measure(self.lpips, shown, images)
        arrays: dict[str, Any] = {"best_step": found.best_step}
        if self.config.space not in ("w", "w+"):
            arrays["values"] = found.values
        if self.colors is not None:
            arrays["colors"] = color_lib.as_array(images, self.colors)
        arrays |= {f"noise_{i:02d}": x for i, x in enumerate(found.noises)}
        outcome = engines.Outcome(
            ws=np.asarray(found.ws),
            images=np.asarray(shown),
            measures={k: np.asarray(v) for k, v in measured.items()},
            is_diverged=np.asarray(found.status) == states.DIVERGED,
            arrays={k: np.asarray(v) for k, v in arrays.items()},
        )
        return outcome if self.tuner is None else self._tune(outcome, images, num)

    def _tune(self, pivots: engines.Outcome, targets, num: int) -> engines.Outcome:
        """The outcome after the generator was tuned around the first `num` codes."""
        assert self.tuner is not None
        wanted = self._recolor(targets)[:num]
        tuned = self.tuner(jnp.asarray(pivots.ws[:num]), wanted)
        images = np.concatenate([tuned.images, pivots.images[num:]])
        if self.colors is not None:
            images = self._recolor_back(jnp.asarray(images), targets)
        measured = _measure(self.lpips, jnp.asarray(images), targets)
        num_steps = np.pad(tuned.num_steps, (0, len(images) - num))
        return dataclasses.replace(
            pivots,
            images=np.asarray(images),
            measures={
                **{k: np.asarray(v) for k, v in measured.items()},
                **{f"pivot_{k}": v for k, v in pivots.measures.items()},
                "tuning_steps": num_steps,
            },
            attachments={tuning.DIFFERENCE: tuned.save_difference},
        )

    def _finish(self, state: EngineState) -> states.Projection:
        latest = jax.tree.map(jnp.asarray, state.projector)
        config = self._fitted(len(latest.status))
        labels = self._labels(len(latest.status))
        return projector.finish(self.models, latest, labels, config=config)

    def _labels(self, num: int) -> jax.Array | None:
        if self.label is None:
            return None
        return jnp.broadcast_to(self.label, (num, self.label.shape[1]))

    def _recolor(self, images: jax.Array) -> jax.Array:
        if self.colors is None:
            return images
        return color_lib.move(images, color_lib.of_each(images), self.colors)

    def _recolor_back(self, images: jax.Array, targets: jax.Array) -> jax.Array:
        if self.colors is None:
            return images
        return color_lib.move(images, self.colors, color_lib.of_each(targets))

    @functools.cached_property
    def _sizes(self) -> dict[int, int | None]:
        """Slices by pictures of a device: each is estimated once."""
        return {}

    def _fitted(self, num: int) -> ProjectorConfig:
        """The configuration with slices that divide the pictures of a device."""
        per_device = num // self.multiple if self._mesh(num) else num
        if per_device not in self._sizes:
            self._sizes[per_device] = memory.choose_micro_batch(
                self.models, self.config, per_device
            )
        return dataclasses.replace(self.config, micro_batch=self._sizes[per_device])

    def _mesh(self, num: int) -> Mesh | None:
        """All devices, if they can share the pictures evenly."""
        count = self.multiple
        if count == 1 or num % count:
            return None
        devices, types = jax.local_devices(), (AxisType.Auto,)
        return jax.make_mesh((count,), ("data",), axis_types=types, devices=devices)


@jax.jit
def _measure(lpips, images, targets):
    images = jnp.clip(images, -1.0, 1.0)
    error = jnp.mean(jnp.square(images - targets), axis=(1, 2, 3))
    measured = {"psnr": 10.0 * jnp.log10(4.0 / jnp.maximum(error, 1e-12))}
    if lpips is not None:
        measured["lpips"] = lpips(images, targets)
    return measured


def describe(config: Any) -> Any:
    """A configuration as JSON values that tell the classes of its parts.

    Args:
      config: dataclasses, tuples, numbers, texts and None.

    Returns:
      A dict for a dataclass, with its name under "is"; a list for a tuple.
    """
    if dataclasses.is_dataclass(config):
        fields = {
            field.name: describe(getattr(config, field.name))
            for field in dataclasses.fields(config)
        }
        return {"is": type(config).__name__, **fields}
    if isinstance(config, tuple | list):
        return [describe(part) for part in config]
    if isinstance(config, float) and math.isinf(config):
        return str(config)
    return config
