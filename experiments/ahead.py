"""Compiling while the weights are read: shapes suffice, and bundles tell them."""

import contextlib
import threading

from experiments import batches, jobs, projector_engine, resources
from jax_encoder.inversion.state import Models


def start(job: jobs.Job, num: int) -> threading.Thread:
    """Begins to compile a job's first program in a thread.

    Nothing is compiled where something must be loaded or computed to know the shapes:
    checkpoints that are no bundles, generators without statistics, several devices.
    What goes wrong here goes wrong again, and is told, where the run itself gets there.

    Args:
      job: what to do.
      num: its pictures.

    Returns:
      The thread. Wait for it before running the job, which would else compile the
      same once more.
    """

    def compile_quietly():
        with contextlib.suppress(Exception):
            engine = _engine(job)
            if engine is not None and num:
                engine.compile_ahead(batches.padded_size(num, job.options, engine))

    thread = threading.Thread(target=compile_quietly, name="compile ahead")
    thread.start()
    return thread


def _engine(job: jobs.Job) -> projector_engine.ProjectorEngine | None:
    """The engine of a job with shapes for weights; None where they must be loaded."""
    source = resources.outline(job.generator or resources.DEMO_GENERATOR)
    if source is None or not hasattr(source.network, "synthesis"):
        return None
    config, label = jobs.configure(job, source.network.config)
    found = resources.known_statistics(
        source, job.statistics, with_p=config.needs_p, label=label
    )
    names = jobs.network_names(config)
    networks = {n: resources.outline_of_network(n, job.networks) for n in names}
    if found is None or None in networks.values():
        return None
    return projector_engine.ProjectorEngine(
        models=Models(generator=source.network, networks=networks, statistics=found),
        config=config,
        start=lambda targets, names: (targets, None),
        chunk=job.chunk,
        label=label,
    )
