"""One inversion run, from the names of things to the files: what the binaries share."""

import dataclasses
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jax_encoder
from experiments import (
    batches,
    command_line,
    engines,
    journal,
    presets,
    processes,
    projector_engine,
    reports,
    resources,
    starting,
    tuning,
)
from jax_encoder.inversion import rendering, weighting
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import images
from jax_encoder.latents import spaces


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
      normalise_colours: give the pictures the generator's colours, and back.
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
    normalise_colours: bool = False
    tuning_steps: int | None = None
    has_reports: bool = True
    chunk: int = 25
    options: batches.Options = batches.Options()


def run(job: Job) -> list[dict[str, Any]]:
    """Inverts the pictures and writes codes, reconstructions, films and reports.

    Args:
      job: what to do.

    Returns:
      The rows of the summary.

    Raises:
      UsageError: options that make no sense together.
      Failure: a network cannot be read.
      WriteError: the output directory cannot be written to.
    """
    start = time.monotonic()
    try:
        engine = make_engine(job)
        own = processes.share(job.paths)
        rows = batches.invert(
            own, job.output, engine, job.options, refused=_refused(job, engine)
        )
    except (ValueError, journal.SettingsError) as error:
        raise command_line.UsageError(str(error)) from error
    rows = processes.gather(rows, job.paths, job.output)
    if job.has_reports and jax.process_index() == 0:
        report(job, engine, rows, time.monotonic() - start)
    return rows


def make_engine(job: Job) -> projector_engine.ProjectorEngine:
    """Loads everything that a job names.

    Args:
      job: what to do.

    Returns:
      The engine.

    Raises:
      Failure: a network cannot be read.
      ValueError: options that make no sense together.
    """
    preset = presets.get(job.preset)
    source = resources.generator(job.generator)
    config = preset.config
    if _renders_coarsely(source.network.config):
        config = dataclasses.replace(config, stages=preset.coarse)
    config = override(config, job.overrides)
    _check_stages(source.network.config, config)
    label = _label(source.network.config, config, job.class_index)
    models = _models(job, source, config, label)
    start = job.start or preset.start
    if not job.start and spaces.is_z(config.space) and start in ("mean", "zeros"):
        start = "seeds"  # Z has neither
    task = starting.Task(
        models=models,
        config=config,
        seed=job.seed,
        label=label,
        pool_key=resources.pool_key(source, job.networks, job.class_index),
        identity=job.networks.get("identity"),
    )
    colours = None
    if job.normalise_colours:
        colours = resources.generator_colours(source, label)
    return projector_engine.ProjectorEngine(
        models=models,
        config=config,
        start=_WeightedStart(
            start=starting.make(start, task), task=task, preset=preset
        ),
        settings={
            "generator": source.sha256,
            "start": start,
            "crop": job.options.crop,
            "class": job.class_index,
            "normalise_colours": job.normalise_colours,
        },
        details={
            "space": config.space,
            "preset": job.preset,
            "generator_sha256": source.sha256,
            "generator": str(source.path),
            "start": start,
            "seed": job.seed,
            "version": jax_encoder.__version__,
        },
        seed=job.seed,
        chunk=job.chunk,
        lpips=models.networks["lpips"],
        colours=colours,
        label=label,
        tuner=_tuner(job, preset, models, source.sha256),
    )


def _models(job: Job, source: resources.Source, config, label) -> Models:
    """Everything frozen that the configuration needs."""
    named = {getattr(term, "network", None) for term in config.terms} | {"lpips"}
    names = sorted(name for name in named if name)
    is_demo = job.generator is None
    return Models(
        generator=source.network,
        networks=resources.networks(names, job.networks, is_demo=is_demo),
        statistics=resources.latent_statistics(
            source, job.statistics, with_p=config.needs_p, label=label
        ),
    )


def _tuner(job: Job, preset: presets.Preset, models, sha256) -> tuning.Tuner | None:
    config = preset.pivotal
    if config is None:
        if job.tuning_steps is not None:
            raise ValueError(
                f"The preset {preset.name} tunes no generator: drop --tuning_steps, or"
                " take --preset=pti."
            )
        return None
    if job.tuning_steps is not None:
        config = dataclasses.replace(config, num_steps=job.tuning_steps)
    return tuning.Tuner(
        models=models, config=config, parent_sha256=sha256, seed=job.seed
    )


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


def _refused(job: Job, engine: projector_engine.ProjectorEngine) -> dict[str, str]:
    """Pictures without a code to start from, where each needs its own."""
    start: Any = engine.start
    if not isinstance(start.start, starting.Codes):
        return {}
    return start.start.refused([path.stem for path in job.paths])


def _renders_coarsely(generator: Any) -> bool:
    """Whether a preset's coarse stages pay."""
    is_coarse = len(rendering.resolutions(generator)) > 1
    return is_coarse and generator.resolution >= presets.COARSE_FROM


def _check_stages(generator: Any, config: ProjectorConfig) -> None:
    """Refuses stages at which the generator cannot be rendered."""
    if not config.stages:
        return
    known = rendering.resolutions(generator)
    if len(known) == 1:
        kind = type(generator).__module__.rpartition(".")[2]
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


def _label(generator: Any, config: ProjectorConfig, index: int | None):
    """`[1, c_dim]`, or None for generators and spaces without classes."""
    c_dim = getattr(generator, "c_dim", 0)
    if index is None:
        if c_dim and spaces.is_z(config.space):
            raise ValueError(f"This generator has {c_dim} classes: give --class_index.")
        return None
    if not 0 <= index < c_dim:
        raise ValueError(f"--class_index={index}: the generator has {c_dim} classes.")
    return jax.nn.one_hot(jnp.asarray([index]), c_dim)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _WeightedStart:
    """A start, and the weights that are best for each picture."""

    start: starting.Start
    task: starting.Task
    preset: presets.Preset

    def __call__(self, targets: jax.Array, names: Sequence[str]):
        values = self.start(targets, names)
        if not self.preset.weight_grid:
            return values, None
        weights, values = weighting.choose(
            self.task.models,
            targets,
            values,
            jax.random.key(self.task.seed),
            config=self.task.config,
            candidates=weighting.grid(*self.preset.weight_grid),
            num_steps=self.preset.num_trial_steps,
        )
        return values, weights


def report(
    job: Job,
    engine: engines.Engine,
    rows: Sequence[Mapping[str, Any]],
    seconds: float,
) -> None:
    """Writes the summary, the contact sheet and the loss curves.

    Args:
      job: what was done.
      engine: what did it.
      rows: of the summary.
      seconds: it took.

    Raises:
      WriteError: the disk is full or read-only.
    """
    about = {
        **engine.details,
        "seconds": round(seconds, 1),
        "settings": engine.settings,
    }
    reports.write_summary(job.output, rows, about)
    title = f"{job.preset}, {engine.details['space'].upper()}, {engine.num_steps} steps"

    def fit(image):
        return images.fit(image, engine.resolution, job.options.crop)

    reports.write_contact_sheet(job.output, rows, fit, title)
    reports.write_loss_curves(job.output, rows, title)
