"""What a run is asked to do, and the configuration that follows from it."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from experiments.runs import batches, presets
from jax_encoder.inversion import rendering
from jax_encoder.inversion.config import ProjectorConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What to invert, with what, and where to write.

    Attributes:
      paths: the pictures.
      output: the directory to write to.
      preset: the name of one of `presets.PRESETS`.
      overrides: fields of the preset's configuration to replace.
      start: as of `starting.make`; "" for the preset's own.
      generator: a bundle or checkpoint; None for the demo's.
      networks: bundles or checkpoints of perceptual networks, by name.
      statistics: of the generator's latents, a file; None to find or estimate them.
      class_index: of a conditional generator.
      seed: of everything random.
      normalize_colors: give the pictures the generator's colors, and back.
      tuning_steps: of pivotal tuning, for presets that have it; None: the preset's.
      has_reports: write a summary, a contact sheet and loss curves.
      chunk: steps between two saved states, and two frames of a film.
      options: how to run.
    """

    paths: Sequence[pathlib.Path]
    output: pathlib.Path
    preset: str = "default"
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    start: str = ""
    generator: str | None = None
    networks: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    statistics: str | None = None
    class_index: int | None = None
    seed: int = 0
    normalize_colors: bool = False
    tuning_steps: int | None = None
    has_reports: bool = True
    chunk: int = 25
    options: batches.Options = batches.Options()


def configure(
    job: Job, generator_config: Any
) -> tuple[ProjectorConfig, jax.Array | None]:
    """Joins a job's preset with its changes, for a generator.

    Args:
      job: what to do.
      generator_config: of the generator.

    Returns:
      The configuration, and the label `[1, c_dim]`, or None without classes.

    Raises:
      ValueError: options that make no sense together.
    """
    preset = presets.get(job.preset)
    config = preset.config
    if _renders_coarsely(generator_config):
        config = dataclasses.replace(config, stages=preset.coarse)
    config = override(config, job.overrides)
    _check_stages(generator_config, config)
    return config, _label(generator_config, config, job.class_index)


def override(config: ProjectorConfig, changes: Mapping[str, Any]) -> ProjectorConfig:
    """A preset's configuration with some fields replaced.

    Args:
      config: the preset's.
      changes: fields of it; "learning_rate" is the schedule's, and "vgg_layer" that of
        the terms that compare one layer.

    Returns:
      The configuration.

    Raises:
      ValueError: a change that this preset has no place for.
    """
    fields = {k: v for k, v in changes.items() if v is not None}
    rate = fields.pop("learning_rate", None)
    layer = fields.pop("vgg_layer", None)
    if rate is not None:
        schedule = dataclasses.replace(config.schedule, learning_rate=rate)
        fields["schedule"] = schedule
    if layer is not None:
        if not any(hasattr(term, "layer") for term in config.terms):
            raise ValueError("This preset compares no single layer: drop --vgg_layer.")
        fields["terms"] = tuple(
            dataclasses.replace(t, layer=layer) if hasattr(t, "layer") else t
            for t in config.terms
        )
    return dataclasses.replace(config, **fields)


def _renders_coarsely(generator_config: Any) -> bool:
    """Whether a preset's coarse stages pay."""
    is_coarse = len(rendering.resolutions(generator_config)) > 1
    return is_coarse and generator_config.resolution >= presets.COARSE_FROM


def _check_stages(generator_config: Any, config: ProjectorConfig) -> None:
    """Refuses stages at which the generator cannot be rendered."""
    if not config.stages:
        return
    known = rendering.resolutions(generator_config)
    if len(known) == 1:
        kind = type(generator_config).__module__.rpartition(".")[2]
        raise ValueError(
            f"--stages: only StyleGAN2 with output skips renders coarsely, and this is"
            f" a {kind} of another kind; drop it."
        )
    unknown = {stage.resolution for stage in config.stages} - set(known)
    if unknown:
        raise ValueError(
            f"--stages: the generator has the resolutions {known}, not"
            f" {sorted(unknown)}."
        )


def _label(generator_config: Any, config: ProjectorConfig, index: int | None):
    """`[1, c_dim]`, or None for generators and spaces without classes."""
    c_dim = getattr(generator_config, "c_dim", 0)
    if index is None:
        if c_dim and config.latent_space.is_before_mapping:
            raise ValueError(f"This generator has {c_dim} classes: give --class_index.")
        return None
    if not 0 <= index < c_dim:
        raise ValueError(f"--class_index={index}: the generator has {c_dim} classes.")
    return jax.nn.one_hot(jnp.asarray([index]), c_dim)
