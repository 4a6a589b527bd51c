"""The library's inverter as an engine of the loop over batches."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from experiments.runs import engines, tuning
from jax_encoder.inversion import batch_inverter, first_values, results
from jax_encoder.io import codes, json_types

Start = Callable[[Sequence[str]], first_values.Start]
"""From the names of the pictures of a batch to where they start."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectorEngine:
    """Inverts batches with one generator and one preset.

    Attributes:
      inverter: what computes.
      start: where to begin.
      settings: JSON values on which the codes depend besides the configuration.
      details: JSON values to write into every code file.
      seed: of noise maps, exploration and locality samples.
      label: `[1, c_dim]` of all pictures; conditional generators only.
      parent_sha256: of the generator, for the files of tuned ones.
    """

    inverter: batch_inverter.BatchInverter
    start: Start
    settings: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)
    details: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)
    seed: int = 0
    label: jax.Array | None = None
    parent_sha256: str = ""

    def __post_init__(self):
        settings = {
            **self.settings,
            "seed": self.seed,
            "projector": describe(self.inverter.config),
        }
        if self.inverter.preset.pivotal is not None:
            settings["pivotal"] = describe(self.inverter.preset.pivotal)
        object.__setattr__(self, "settings", settings)

    @property
    def resolution(self) -> int:
        """The side of targets and reconstructions in pixels."""
        return self.inverter.models.generator.config.resolution

    @property
    def channels(self) -> int:
        """How many channels targets and reconstructions have."""
        return getattr(self.inverter.models.generator.config, "image_channels", 3)

    @property
    def num_steps(self) -> int:
        """How many steps an inversion takes in all."""
        return self.inverter.config.num_steps

    @property
    def finishing_share(self) -> float:
        """The steps of the tuning among all; without steps all is left to the end."""
        pivotal = self.inverter.preset.pivotal
        if not self.num_steps:
            return 1.0
        if pivotal is None:
            return 0.0
        return pivotal.num_steps / (self.num_steps + pivotal.num_steps)

    @property
    def multiple(self) -> int:
        """The devices of this process, over which a batch is divided."""
        return self.inverter.num_devices

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions of further files: the tuned generator's."""
        return () if self.inverter.preset.pivotal is None else (tuning.DIFFERENCE,)

    @property
    def _key(self) -> jax.Array:
        return jax.random.key(self.seed)

    def init(
        self, targets: np.ndarray, names: Sequence[str]
    ) -> batch_inverter.InverterState:
        """The state before the first step."""
        start = self.start(names)
        return self.inverter.init(
            targets, start=start, labels=self.label, key=self._key
        )

    def template(self, targets: np.ndarray) -> batch_inverter.InverterState:
        """A state of the same structure."""
        return self.inverter.template(len(targets))

    def iterate(
        self, targets: np.ndarray, state: batch_inverter.InverterState
    ) -> Iterator[tuple[batch_inverter.InverterState, np.ndarray]]:
        """Goes on from a state; after each chunk the state and losses `[steps, N]`."""
        steps = self.inverter.iterate(targets, state, labels=self.label)
        for advanced, curves in steps:
            yield advanced, np.asarray(curves.loss)

    def render(
        self, targets: np.ndarray, state: batch_inverter.InverterState
    ) -> np.ndarray:
        """The pictures of the kept values so far, `[N, R, R, 3]`."""
        return self.inverter.show(targets, state, labels=self.label)

    def finish(
        self, targets: np.ndarray, state: batch_inverter.InverterState, num: int
    ) -> engines.EngineOutcome:
        """The codes, reconstructions and measures."""
        found = self.inverter.finish(targets, state, labels=self.label).first(num)
        attachments = {}
        if self.inverter.preset.pivotal is not None:
            found = self.inverter.tune(found, self._key)
            tuned: Any = found.tuned
            attachments[tuning.DIFFERENCE] = lambda index, path: tuning.save_difference(
                tuned, index, path, self.parent_sha256
            )
        arrays: dict[str, np.ndarray] = {"best_step": found.best_step}
        if self.inverter.config.space not in ("w", "w+"):
            arrays["values"] = found.values
        if found.features is not None:
            arrays[codes.FEATURES] = found.features
        if found.colors is not None:
            arrays["colors"] = found.colors
        arrays |= {f"noise_{i:02d}": x for i, x in enumerate(found.noises)}
        return engines.EngineOutcome(
            ws=found.ws,
            images=found.images,
            measures=found.measures,
            is_diverged=np.array([s == results.DIVERGED for s in found.status]),
            arrays=arrays,
            attachments=attachments,
        )


def describe(config: object) -> json_types.Json:
    """A configuration as JSON values that tell the classes of its parts.

    Args:
      config: dataclasses, tuples, numbers, texts, functions and None.

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
    if callable(config):
        return f"{config.__module__}.{config.__qualname__}"
    if isinstance(config, float) and math.isinf(config):
        return str(config)
    return config
