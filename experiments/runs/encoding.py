"""One inversion run, from the names of things to the files: what the binaries share."""

import dataclasses
import pathlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax_encoder
from experiments.aligning import photographs
from experiments.launch import command_line, reporting
from experiments.networks import resources
from experiments.runs import (
    batches,
    calibration,
    engines,
    jobs,
    judging,
    projector_engine,
    reports,
    starting,
    unaligned,
    verdicts,
)
from jax_encoder.alignment import detectors, frames, landmarks
from jax_encoder.errors import InputError
from jax_encoder.inversion import inverter, presets
from jax_encoder.io import files, images, json_types, locks, names

ALIGNED = "aligned"
"""The folder, in a run's own, of the pictures that were aligned for it."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
      rows: of the summary.
      is_last: whether this process is the last one of those that share the run, and
        writes its reports.
    """

    rows: list[json_types.Row]
    is_last: bool


def run(job: jobs.InversionJob) -> list[json_types.Row]:
    """Does what `share` does, where it does not matter who writes the reports."""
    return share(job).rows


def share(job: jobs.InversionJob) -> Outcome:
    """Inverts the pictures and writes codes, reconstructions, films and reports.

    Other processes that are given the same job share the work.

    Args:
      job: what to do.

    Returns:
      The rows of all pictures, and whether this process wrote the reports.

    Raises:
      UsageError: options that make no sense together.
      Failure: a network cannot be read.
      WriteError: the output directory cannot be written to.
    """
    start = time.monotonic()
    named = job.names or names.unique(job.paths, taken=names.RESERVED)
    job = dataclasses.replace(job, names=named)
    try:
        engine = make_engine(job)
        batches.check(job.paths, job.output, job.options)
        files.make_directory(job.output)
        with locks.share(job.output, batches.LOCK) as shared:
            rows, job = _invert(job, engine, shared)
            is_last = shared.leave()
            if is_last:
                rows = verdicts.add(rows, judging.table(job, engine, make_engine))
            if is_last and job.has_reports:
                report(job, engine, rows, time.monotonic() - start)
    except (detectors.DetectorError, landmarks.FaceError) as error:
        raise command_line.Failure(str(error)) from error
    except InputError as error:
        raise command_line.UsageError(_as_flags(str(error))) from error
    return Outcome(rows, is_last)


def _invert(
    job: jobs.InversionJob,
    engine: projector_engine.ProjectorEngine,
    shared: locks.Share,
) -> tuple[list[json_types.Row], jobs.InversionJob]:
    """Aligns where asked for, and inverts; the rows, and the job with their names."""
    outcome = _align(job, engine.resolution, is_first=shared.is_alone)
    if job.alignment is not None:  # The pictures are those that it wrote.
        job = dataclasses.replace(job, names=_aligned_names(job, outcome))
    solver, options = _solver(job, engine, outcome)
    rows = batches.invert(
        outcome.pictures,
        job.output,
        solver,
        options,
        named=job.names,
        refused=_refused(job, outcome, engine),
        details={
            job.names[path]: {frames.KEY: outcome.frames[path.stem].to_dict()}
            for path in outcome.pictures
            if path.stem in outcome.frames
        },
        share=shared,
    )
    return rows, job


def make_engine(
    job: jobs.InversionJob, source: resources.Source | None = None
) -> projector_engine.ProjectorEngine:
    """Loads everything that a job names.

    Args:
      job: what to do.
      source: the job's generator, where it is loaded already.

    Returns:
      The engine.

    Raises:
      Failure: a network cannot be read.
      ValueError: options that make no sense together.
    """
    source = source or resources.generator(job.generator)
    preset = presets.get(job.preset)
    calibration.check_rate(job, preset.config)
    preset = preset.changed(**job.overrides)
    networks = _networks(job, preset)
    preset = preset.fitted(source.network.config, networks)
    label = jobs.label(job, source.network.config, preset.config.latent_space)
    preset = calibration.fit(job, preset, source.network, networks, label)
    start = job.start or preset.start
    colors = resources.generator_colors(source, label) if job.normalize_colors else None
    engine = inverter.Inverter(
        source.network,
        preset,
        networks,
        statistics=resources.latent_statistics(
            source, job.statistics, with_p=preset.config.needs_p, label=label
        ),
        normalizes_colors=job.normalize_colors,
        colors=colors,
        chunk=job.chunk,
    )
    task = starting.StartingTask(
        models=engine.batch.models,
        config=preset.config,
        seed=job.seed,
        label=label,
        pool_key=resources.pool_key(source, job.networks, job.class_index),
    )
    return projector_engine.ProjectorEngine(
        inverter=engine.batch,
        start=starting.make(start, task),
        settings=_settings(job, source, start),
        details=_details(job, source, preset, start),
        seed=job.seed,
        label=label,
        parent_sha256=source.sha256,
    )


def _settings(
    job: jobs.InversionJob, source: resources.Source, start: str
) -> dict[str, object]:
    """What a run must have in common with the one it goes on with."""
    return {
        "generator": source.sha256,
        "start": start,
        "crop": job.options.crop,
        "class": job.class_index,
        "normalize_colors": job.normalize_colors,
        **_alignment_settings(job),
    }


def _details(
    job: jobs.InversionJob,
    source: resources.Source,
    preset: presets.Preset,
    start: str,
) -> dict[str, object]:
    """What every code says of its origin."""
    return {
        "space": preset.config.space,
        "preset": job.preset,
        "generator_sha256": source.sha256,
        "generator": str(source.path),
        "start": start,
        "seed": job.seed,
        "version": jax_encoder.__version__,
    }


def _alignment_settings(job: jobs.InversionJob) -> dict[str, object]:
    return {"align": dataclasses.asdict(job.alignment)} if job.alignment else {}


def _networks(job: jobs.InversionJob, preset: presets.Preset) -> dict[str, object]:
    """The perceptual networks of a preset, and the one that measures the results."""
    names = {*preset.network_names, "lpips"}
    if job.networks.get("identity"):
        names.add("identity")  # Regressors of face descriptors look at it.
    is_demo = job.generator is None
    has_encoder = is_demo or bool(job.networks.get("encoder"))
    if job.start == "encoder" or (
        preset.prefers_encoder and has_encoder and not job.start
    ):
        names.add("encoder")
    return resources.networks(sorted(names), job.networks, is_demo=is_demo)


def _align(
    job: jobs.InversionJob, resolution: int, *, is_first: bool
) -> photographs.AlignedPhotographs:
    """The pictures to invert, and where they lie in their photographs.

    Of several processes the first aligns, and lets the others in afterwards.
    """
    if job.alignment is None:
        return photographs.AlignedPhotographs(
            pictures=tuple(job.paths), frames=photographs.known_frames(job.paths)
        )
    folder = job.output / ALIGNED
    if is_first:
        photographs.align(job.paths, folder, job.alignment, output_size=resolution)
    return photographs.read(folder)


def _solver(
    job: jobs.InversionJob,
    engine: projector_engine.ProjectorEngine,
    outcome: photographs.AlignedPhotographs,
) -> tuple[engines.Engine, batches.BatchOptions]:
    """The engine, and how it runs: unaligned pictures one by one."""
    if job.alignment is None or not job.alignment.is_unaligned:
        return engine, job.options
    places = {
        job.names[path]: outcome.frames[path.stem]
        for path in outcome.pictures
        if path.stem in outcome.frames
    }
    options = dataclasses.replace(job.options, batch_size=1)
    # What it does not do itself, it asks of the engine inside.
    moved: Any = unaligned.make(engine, places)
    return moved, options


def _aligned_names(
    job: jobs.InversionJob, outcome: photographs.AlignedPhotographs
) -> dict[pathlib.Path, str]:
    """The names of aligned pictures; photographs without a face keep their own."""
    aligned = [path for path in outcome.pictures if path not in job.names]
    named = names.unique(aligned, job.output / ALIGNED, taken=names.RESERVED)
    return named | {p: job.names[p] for p in outcome.pictures if p in job.names}


def _refused(
    job: jobs.InversionJob,
    outcome: photographs.AlignedPhotographs,
    engine: projector_engine.ProjectorEngine,
) -> dict[str, str]:
    """Pictures without a face, or without a code to start from where each needs one."""
    refused = {
        job.names[path]: reason
        for path, reason in outcome.refused.items()
        if path in outcome.pictures
    }
    if isinstance(engine.start, starting.StartingCodes):
        own = [job.names[path] for path in outcome.pictures]
        refused |= engine.start.refused([name for name in own if name not in refused])
    return refused


def _as_flags(text: str) -> str:
    """Writes the names of options as those of flags: `space` as --space."""
    return re.sub(r"`(\w+)`", r"--\1", text)


def report(
    job: jobs.InversionJob,
    engine: engines.Engine,
    rows: Sequence[Mapping[str, object]],
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
        "skipped": list(job.skipped),
    }
    reports.write_summary(job.output, rows, about)
    effort = f"{engine.num_steps} steps" if engine.num_steps else "one pass"
    if engine.details["start"] == "encoder":
        effort += " from the encoder" if engine.num_steps else " of the encoder"
    title = f"{job.preset}, {engine.details['space'].upper()}, {effort}"

    def fit(image):
        target = images.fit(image, engine.resolution, job.options.crop)
        # As the engine saw it, in colors: the sheet reads all pictures so.
        return images.with_channels(images.with_channels(target, engine.channels), 3)

    reporting.attempt(
        "contact_sheet.png", reports.write_contact_sheet, job.output, rows, fit, title
    )
    if engine.num_steps:
        reporting.attempt(
            "loss_curves.png", reports.write_loss_curves, job.output, rows, title
        )
