"""One inversion run, from the names of things to the files: what the binaries share."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax

import jax_encoder
from experiments.launch import command_line
from experiments.networks import resources
from experiments.runs import (
    batches,
    engines,
    jobs,
    journal,
    presets,
    processes,
    projector_engine,
    reports,
    starting,
    tuning,
)
from jax_encoder.inversion import memory, weighting
from jax_encoder.inversion.state import Models
from jax_encoder.io import images


def run(job: jobs.Job) -> list[dict[str, Any]]:
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


def make_engine(job: jobs.Job) -> projector_engine.ProjectorEngine:
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
    config, label = jobs.configure(job, source.network.config)
    models = _models(job, source, config, label)
    start = job.start or preset.start
    if (
        not job.start
        and config.latent_space.is_before_mapping
        and start in ("mean", "zeros")
    ):
        start = "seeds"  # Z has neither
    task = starting.Task(
        models=models,
        config=config,
        seed=job.seed,
        label=label,
        pool_key=resources.pool_key(source, job.networks, job.class_index),
        identity=job.networks.get("identity"),
    )
    colors = None
    if job.normalize_colors:
        colors = resources.generator_colors(source, label)
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
            "normalize_colors": job.normalize_colors,
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
        colors=colors,
        label=label,
        tuner=_tuner(job, preset, models, source.sha256),
    )


def _models(job: jobs.Job, source: resources.Source, config, label) -> Models:
    """Everything frozen that the configuration needs."""
    names = sorted({*config.network_names, "lpips"})
    is_demo = job.generator is None
    return Models(
        generator=source.network,
        networks=resources.networks(names, job.networks, is_demo=is_demo),
        statistics=resources.latent_statistics(
            source, job.statistics, with_p=config.needs_p, label=label
        ),
    )


def _tuner(
    job: jobs.Job, preset: presets.Preset, models, sha256
) -> tuning.Tuner | None:
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


def _refused(job: jobs.Job, engine: projector_engine.ProjectorEngine) -> dict[str, str]:
    """Pictures without a code to start from, where each needs its own."""
    start: Any = engine.start
    if not isinstance(start.start, starting.Codes):
        return {}
    return start.start.refused([path.stem for path in job.paths])


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
        models, config = self.task.models, self.task.config
        size = memory.choose_micro_batch(models, config, len(targets))
        weights, values = weighting.choose(
            models,
            targets,
            values,
            jax.random.key(self.task.seed),
            config=dataclasses.replace(config, micro_batch=size),
            candidates=weighting.grid(*self.preset.weight_grid),
            num_steps=self.preset.num_trial_steps,
        )
        return values, weights


def report(
    job: jobs.Job,
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
