"""Pictures to codes in one call: any number of any size, by a preset.

    inverter = Inverter(generator, preset="default", networks={"lpips": lpips})
    result = inverter.invert(images)

`inverter.batch` does the same for one batch, a chunk of steps at a time.
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.inversion import (
    arguments,
    batch_inverter,
    first_values,
    presets,
    results,
)
from jax_encoder.inversion import colors as color_lib
from jax_encoder.inversion import state as states
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.latents import statistics as statistics_lib
from jax_encoder.nn import base, checks


@dataclasses.dataclass(frozen=True, eq=False)
class Inverter:
    """Inverts pictures with one generator by one preset.

    What is compiled for a batch serves all batches of its size.

    Attributes:
      generator: StyleGAN 1, 2 or 3.
      preset: the method: a name of `presets.names()`, or a `Preset`.
      networks: perceptual networks by the names that the preset's terms carry; "lpips"
        also measures the results, and "identity" serves regressors of descriptors.
      statistics: of the generator's latents; default: estimated.
      normalizes_colors: give every picture the mean and deviation of the generator's
        own pictures, and its reconstruction those of the picture.
      colors: the generator's; default: estimated where they are needed.
      batch_size: pictures per compiled program, rounded up to the devices.
      chunk: steps per call of the compiled program.
      crop: how pictures become square; of `io.images.fit`.

    Raises:
      InputError: `generator` or a network is of another kind than it must be, a network
        is missing, the preset does not fit the generator, or statistics of a
        conditional generator are missing.
    """

    generator: base.Generator
    preset: presets.Preset | str = "default"
    networks: base.Networks = dataclasses.field(default_factory=dict)
    _: dataclasses.KW_ONLY
    statistics: statistics_lib.LatentStatistics | None = None
    normalizes_colors: bool = False
    colors: color_lib.Colors | None = None
    batch_size: int = 8
    chunk: int = 50
    crop: str = "center"

    def __post_init__(self):
        arguments.check_generator(self.generator)
        arguments.check_networks(self.networks)
        preset = presets.resolve(self.preset)
        preset = preset.fitted(self.generator.config, self.networks)
        object.__setattr__(self, "preset", preset)
        checks.check_whole(self.batch_size, "batch_size", low=1)
        checks.check_whole(self.chunk, "chunk", low=1)
        missing = preset.network_names - self.networks.keys()
        if missing:
            raise InputError(
                f"The preset {preset.name} needs the networks {sorted(missing)}: give"
                ' them as `networks={"NAME": network}`, read with `jax_encoder.load`.'
                " Those of `jax_encoder.demo` judge drawn faces."
            )
        if self.normalizes_colors and self.colors is None and self._num_classes:
            raise InputError(
                f"The generator has {self._num_classes} classes: give the `colors` of"
                " the class to invert for, from"
                " `inversion.colors.of_generator(generator, labels=...)`."
            )
        if self.statistics is None:
            object.__setattr__(self, "statistics", self._estimate())

    @property
    def _num_classes(self) -> int:
        return self.generator.config.c_dim

    def _estimate(self) -> statistics_lib.LatentStatistics:
        if self._num_classes:
            raise InputError(
                f"The generator has {self._num_classes} classes: give the"
                " `statistics` of the class to invert for, from"
                " `latents.statistics.estimate(generator, labels=...)`."
            )
        num = 1_000_000 if self.config.needs_p else 10_000
        return statistics_lib.estimate(
            self.generator, num_samples=num, with_p=self.config.needs_p
        )

    @property
    def config(self) -> ProjectorConfig:
        """The projector's options, as they serve the generator."""
        preset: Any = self.preset
        return preset.config

    @functools.cached_property
    def batch(self) -> batch_inverter.BatchInverter:
        """What inverts one batch, a chunk of steps at a time."""
        statistics: Any = self.statistics
        preset: Any = self.preset
        colors = self.colors
        if self.normalizes_colors and colors is None:
            colors = color_lib.of_generator(self.generator)
        return batch_inverter.BatchInverter(
            models=states.Models(
                generator=self.generator,
                networks=dict(self.networks),
                statistics=statistics,
            ),
            preset=preset,
            colors=colors if self.normalizes_colors else None,
            chunk=self.chunk,
        )

    @property
    def resolution(self) -> int:
        """The side of targets and reconstructions in pixels."""
        return self.generator.config.resolution

    def invert(
        self,
        images: arguments.Pictures,
        *,
        start: first_values.Start = "",
        labels: jax.Array | None = None,
        key: jax.Array | None = None,
    ) -> results.Inversion:
        """Inverts pictures.

        Args:
          images: `[N, H, W, C]` in [-1, 1], or uint8; a list of pictures `[H, W, C]` of
            different sizes, or of Pillow's; or a single picture. Each is cropped to its
            centered square, resized (`io.images.fit`), and made gray or RGBA if the
            generator is.
          start: where to begin; "" for the preset's way.
          labels: `[1, c_dim]` or `[N, c_dim]`; conditional generators only.
          key: PRNG key; default: `jax.random.key(0)`.

        Returns:
          Codes, reconstructions and measures.

        Raises:
          InputError: no pictures, or something that is none; a key that is none of JAX;
            labels or a start that do not fit.
        """
        key = arguments.check_key(key)
        targets = arguments.fit_pictures(
            images,
            self.resolution,
            channels=getattr(self.generator.config, "image_channels", 3),
            crop=self.crop,
        )
        num = len(targets)
        labels = arguments.check_labels(labels, num, self._num_classes)
        devices = self.batch.num_devices
        size = -(-min(self.batch_size, num) // devices) * devices
        parts = []
        for first in range(0, num, size):
            # The last batch is filled up, so that only one program is compiled.
            index = np.minimum(np.arange(first, first + size), num - 1)
            own_start = first_values.taken(start, index, num)
            own_labels = None if labels is None else labels[index]
            part = self._invert_batch(targets[index], own_start, own_labels, key)
            parts.append(part.first(min(size, num - first)))
        joined, preset = results.join(parts), self.batch.preset
        return joined if preset.pivotal is None else self.batch.tune(joined, key)

    def _invert_batch(self, targets, start, labels, key) -> results.Inversion:
        batch, parts = self.batch, []
        state = batch.init(targets, start=start, labels=labels, key=key)
        for latest, curves in batch.iterate(targets, state, labels=labels):
            state = latest
            parts.append(jax.tree.map(np.asarray, curves))
        curves = jax.tree.map(lambda *rows: np.concatenate(rows), *parts)
        return batch.finish(targets, state, labels=labels, curves=curves.by_name())
