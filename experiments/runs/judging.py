"""The table that a run's reconstructions are judged by: found, or made once."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable

from experiments.runs import jobs, projector_engine, verdicts
from jax_encoder.inversion import presets
from jax_encoder.io import digests

Engine = projector_engine.ProjectorEngine
MakeEngine = Callable[[jobs.InversionJob], Engine]


def table(
    job: jobs.InversionJob, engine: Engine, make: MakeEngine
) -> verdicts.Table | None:
    """The errors of the generator's own pictures, inverted as the preset says.

    Overrides of the job, such as fewer steps, do not make a picture's verdict milder.

    Args:
      job: what is done.
      engine: does it.
      make: makes an engine of a job.

    Returns:
      The table, found or made; None where there is none to judge by.
    """
    if job.verdicts == "none":
        return None
    known = verdicts.load(name(job, engine), pathlib.Path(engine.details["generator"]))
    is_cheap = len(job.paths) >= verdicts.NUM_PICTURES
    if known is not None or not (job.verdicts == "compute" or is_cheap):
        return known
    made = measure(job, engine, make)
    verdicts.save(made, name(job, engine))
    return made


def measure(job: jobs.InversionJob, engine: Engine, make: MakeEngine) -> verdicts.Table:
    """Inverts the generator's own pictures by the job's preset.

    Args:
      job: names generator, networks and preset.
      engine: of the job.
      make: makes an engine of a job.

    Returns:
      The table.
    """
    num = verdicts.NUM_PICTURES
    print(
        f"Inverting {num} of the generator's own pictures once, to judge by.",
        file=sys.stderr,
    )
    own = make(_plain(job))
    models = engine.inverter.models
    drawn = verdicts.own_pictures(models.generator, num, own.label)
    measured = verdicts.measure(own, drawn, job.options.batch_size)
    chance = verdicts.chance(drawn, models.networks.get("lpips"))
    return verdicts.tabulate(measured, chance, {"preset": job.preset})


def name(job: jobs.InversionJob, engine: Engine) -> str:
    """The name of the table's file, in the bundle or the cache."""
    models = engine.inverter.models
    config = presets.get(job.preset).fitted(models.generator.config).config
    about = {
        "generator": engine.details["generator_sha256"],
        "preset": job.preset,
        "class": job.class_index,
        "projector": projector_engine.describe(config),
    }
    return verdicts.key(about, digests.of_module(models.networks["lpips"]))


def _plain(job: jobs.InversionJob) -> jobs.InversionJob:
    """The job as its preset has it."""
    return dataclasses.replace(job, overrides={}, start="", normalize_colors=False)
