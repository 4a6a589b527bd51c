"""The inversion of one batch by a preset, a chunk of steps at a time.

`Inverter` does the same for any number of pictures in one call; this is for whoever
saves states, draws progress or makes films between the chunks.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh

from jax_encoder.errors import InputError
from jax_encoder.inversion import (
    arguments,
    driver,
    first_values,
    memory,
    presets,
    projector,
    results,
    starts,
    weighting,
)
from jax_encoder.inversion import colors as color_lib
from jax_encoder.inversion import state as states
from jax_encoder.inversion import tuner as tuner_lib
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.latents import sampling
from jax_encoder.metrics import pairs


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class InverterState:
    """All that the next chunk of a batch depends on besides the pictures.

    Attributes:
      projector: the projector's state.
      weights: `[N, T]` per picture and term.
    """

    projector: states.ProjectorState
    weights: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BatchInverter:
    """Inverts batches of pictures that have the generator's resolution.

    Attributes:
      models: the frozen networks; "lpips" among them also measures the results.
      preset: as it serves the generator (`Preset.fitted`).
      colors: of the generator's own pictures; targets are given them first, and
        reconstructions get the targets' back. None: the targets as they are.
      chunk: steps per call of the compiled program.
    """

    models: states.Models
    preset: presets.Preset
    colors: color_lib.Colors | None = None
    chunk: int = 50

    @property
    def config(self) -> ProjectorConfig:
        """The projector's options."""
        return self.preset.config

    @property
    def num_devices(self) -> int:
        """The devices of this process, over which a batch is divided."""
        return jax.local_device_count()

    def init(
        self,
        targets: np.ndarray | jax.Array,
        *,
        start: first_values.Start = "",
        labels: jax.Array | None = None,
        key: jax.Array | None = None,
    ) -> InverterState:
        """Returns the state of a batch before its first step.

        Args:
          targets: `[N, R, R, 3]` in [-1, 1], at the generator's resolution.
          start: where to begin; "" for the preset's way.
          labels: `[1, c_dim]` or `[N, c_dim]`; conditional generators only.
          key: PRNG key; default: `jax.random.key(0)`.
        """
        key = arguments.check_key(key)
        c_dim = self.models.generator.config.c_dim
        labels = arguments.check_labels(labels, len(targets), c_dim)
        if c_dim and labels is None and self.config.latent_space.is_before_mapping:
            raise InputError(
                f"The generator has {c_dim} classes and {self.config.space} lies before"
                " its mapping network: give `labels`."
            )
        shown = self.recolor(jnp.asarray(targets))
        start = self.preset.start if isinstance(start, str) and not start else start
        values = first_values.find(
            self.models,
            self.config,
            start,
            shown,
            key,
            labels=labels,
            pools=self._pools,
        )
        return self._init(
            values, key, *self._choose_weights(shown, values, labels, key)
        )

    def template(self, num: int) -> InverterState:
        """Returns a state of `num` pictures of the same structure and shapes."""
        shape = self.config.latent_space.shape(self.models.generator.config)
        return self._init(jnp.zeros((num, *shape)), jax.random.key(0))

    def _init(self, values, key, weights=None, better=None) -> InverterState:
        config = self.fitted_config(len(values))
        values = values if better is None else better
        if weights is None:
            row = jnp.asarray([term.weight for term in config.terms], jnp.float32)
            weights = jnp.broadcast_to(row[None], (len(values), len(row)))
        state = projector.init(self.models, values, key, config)
        return InverterState(projector=state, weights=weights)

    def _choose_weights(self, targets, values, labels, key):
        """Weights per picture from the preset's grid, and the values they led to."""
        preset = self.preset
        if not preset.weight_grid:
            return ()
        size = memory.choose_micro_batch(self.models, self.config, len(targets))
        return weighting.choose(
            self.models,
            targets,
            values,
            key,
            config=dataclasses.replace(self.config, micro_batch=size),
            candidates=weighting.grid(*preset.weight_grid),
            num_steps=preset.num_trial_steps,
            labels=labels,
        )

    @functools.cached_property
    def _pools(self) -> dict[str, starts.SeedPool]:
        return {}

    def iterate(
        self,
        targets: np.ndarray | jax.Array,
        state: InverterState,
        *,
        labels: jax.Array | None = None,
    ) -> Iterator[tuple[InverterState, states.Curves]]:
        """Goes on with a batch from a state.

        Args:
          targets: `[N, R, R, 3]` in [-1, 1], at the generator's resolution.
          state: from `init`, or yielded earlier.
          labels: `[N, c_dim]` or None, as they were given to `init`.

        Yields:
          The state after every chunk, and the curves of its steps.
        """
        state, num = jax.tree.map(jnp.asarray, state), len(targets)
        for advanced, curves in driver.iterate(
            self.models,
            self.recolor(jnp.asarray(targets)),
            state.projector,
            config=self.fitted_config(num),
            weights=state.weights,
            labels=sampling.broadcast_labels(labels, num),
            chunk=max(min(self.chunk, self.config.num_steps), 1),
            mesh=self._mesh(num),
        ):
            yield dataclasses.replace(state, projector=advanced), curves

    def finish(
        self,
        targets: np.ndarray | jax.Array,
        state: InverterState,
        *,
        labels: jax.Array | None = None,
        curves: Mapping[str, np.ndarray] | None = None,
    ) -> results.Inversion:
        """Renders and measures what was kept of a batch, before any tuning.

        Args:
          targets: `[N, R, R, 3]` in [-1, 1], at the generator's resolution.
          state: the last one.
          labels: `[N, c_dim]` or None, as they were given to `init`.
          curves: `[S, N]` by name, to be kept with the result.
        """
        pictures, found = jnp.asarray(targets), self._finish(state, labels)
        shown = self.recolor_back(found.images, pictures)
        colors = None
        if self.colors is not None:
            colors = np.asarray(color_lib.as_array(pictures, self.colors))
        kept = (found.values, found.noises, found.features)
        on_host = jax.tree.map(np.asarray, kept)
        return results.Inversion(
            ws=np.asarray(found.ws),
            values=on_host[0],
            noises=on_host[1],
            features=on_host[2],
            images=np.asarray(shown),
            measures=self._measure(shown, pictures),
            curves={} if curves is None else dict(curves),
            best_step=np.asarray(found.best_step),
            status=results.of_codes(np.asarray(found.status)),
            targets=np.asarray(targets),
            colors=colors,
        )

    def show(
        self,
        targets: np.ndarray | jax.Array,
        state: InverterState,
        *,
        labels: jax.Array | None = None,
    ) -> np.ndarray:
        """Renders the kept values so far, `[N, R, R, 3]`."""
        shown = self._finish(state, labels).images
        return np.asarray(self.recolor_back(shown, jnp.asarray(targets)))

    def tune(
        self, inversion: results.Inversion, key: jax.Array | None = None
    ) -> results.Inversion:
        """Tunes the generator around the codes, as the preset says.

        Args:
          inversion: the pivots.
          key: PRNG key of the locality samples; default: `jax.random.key(0)`.

        Returns:
          The inversion with the tuned generators, their pictures and measures.

        Raises:
          ValueError: the preset tunes no generator.
        """
        preset = self.preset
        if preset.pivotal is None:
            raise InputError(f"The preset {preset.name} tunes no generator.")
        targets = jnp.asarray(inversion.targets)
        tune = tuner_lib.Tuner(models=self.models, config=preset.pivotal)
        key = arguments.check_key(key)
        tuned = tune(jnp.asarray(inversion.ws), self.recolor(targets), key)
        shown = self.recolor_back(jnp.asarray(tuned.images), targets)
        before = {f"pivot_{k}": v for k, v in inversion.measures.items()}
        measures = {**self._measure(shown, targets), **before}
        return dataclasses.replace(
            inversion,
            images=np.asarray(shown),
            measures={**measures, "tuning_steps": tuned.num_steps},
            tuned=tuned,
        )

    def _finish(self, state: InverterState, labels) -> states.Projection:
        latest = jax.tree.map(jnp.asarray, state.projector)
        num = len(latest.status)
        labels = sampling.broadcast_labels(labels, num)
        config = self.fitted_config(num)
        mesh = self._mesh(num)
        return projector.finish(self.models, latest, labels, config=config, mesh=mesh)

    def _measure(self, images, targets) -> dict[str, np.ndarray]:
        lpips = self.models.networks.get("lpips")
        measured = _measure(lpips, images, targets)
        return {name: np.asarray(rows) for name, rows in measured.items()}

    def recolor(self, images: jax.Array) -> jax.Array:
        """Gives `[N, H, W, 3]` the generator's colors, if they are normalized."""
        if self.colors is None:
            return images
        return color_lib.move(images, color_lib.of_each(images), self.colors)

    def recolor_back(self, images: jax.Array, targets: jax.Array) -> jax.Array:
        """Gives `[N, H, W, 3]` the colors of the targets, if those were moved."""
        if self.colors is None:
            return images
        return color_lib.move(images, self.colors, color_lib.of_each(targets))

    @functools.cached_property
    def _sizes(self) -> dict[int, int | None]:
        """Slices by pictures of a device: each is estimated once."""
        return {}

    def fitted_config(self, num: int) -> ProjectorConfig:
        """Returns the configuration with slices that divide a device's pictures."""
        per_device = num // self.num_devices if self._mesh(num) else num
        if per_device not in self._sizes:
            self._sizes[per_device] = memory.choose_micro_batch(
                self.models, self.config, per_device
            )
        return dataclasses.replace(self.config, micro_batch=self._sizes[per_device])

    def _mesh(self, num: int) -> Mesh | None:
        """All devices, if they can share the pictures evenly."""
        count = self.num_devices
        if count == 1 or num % count:
            return None
        devices, types = jax.local_devices(), (AxisType.Auto,)
        return jax.make_mesh((count,), ("data",), axis_types=types, devices=devices)


@jax.jit
def _measure(lpips, images, targets):
    images = jnp.clip(images, -1.0, 1.0)
    measured = {"psnr": pairs.psnr(images, targets)}
    if lpips is not None:
        measured["lpips"] = lpips(images, targets)
    return measured
