"""The session of a generator: the library's inverter behind `sessions.Session`."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.corpus import corpus_flags, layout, sessions
from experiments.editing import readers
from experiments.launch import command_line, signals
from experiments.networks import resources
from experiments.runs import encoding, jobs, judging, projector_engine, verdicts
from experiments.stores import tables
from jax_encoder.editing import effects
from jax_encoder.errors import InputError
from jax_encoder.inversion import starts
from jax_encoder.io import json_types, locks

_VERDICTS, _LOCK = "verdicts.json", ".verdicts.lock"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NetworkSession:
    """Encodes with one generator and one preset.

    Attributes:
      engine: computes.
      layout: of the rows.
      batch_size: pictures per compiled program.
      crop: how pictures become square.
      judge_by: errors of the generator's own pictures, or None.
      read: reads attributes off the reconstructions of codes, or None.
      has_images: keep the reconstructions.
    """

    engine: projector_engine.ProjectorEngine
    layout: tables.RowLayout
    batch_size: int
    crop: str
    judge_by: verdicts.Table | None = None
    read: effects.Reader | None = None
    has_images: bool = False

    @property
    def about(self) -> Mapping[str, json_types.Json]:
        """What the engine says of its codes."""
        return self.engine.details

    @property
    def target(self) -> Mapping[str, object]:
        """How pictures become targets."""
        engine = self.engine
        return {
            "resolution": engine.resolution,
            "channels": engine.channels,
            "crop": self.crop,
        }

    @property
    def seed(self) -> int:
        """The seed of all that is drawn at random."""
        return self.engine.seed

    def encode(self, targets: np.ndarray, ids: Sequence[str]) -> sessions.Encoded:
        """Encodes a batch; leaves it between two chunks when a signal came."""
        engine, num = self.engine, len(ids)
        state = engine.init(targets, ids)
        if not self.is_prediction:
            for advanced, _ in engine.iterate(targets, state):
                state = advanced
                signals.check()
        found = engine.finish(targets, state, num)
        attributes = None if self.read is None else self.read(found.ws).scores
        return sessions.Encoded(
            ws=found.ws,
            measures=found.measures,
            is_diverged=found.is_diverged,
            images=found.images if self.has_images else None,
            attributes=attributes,
        )

    @functools.cached_property
    def is_prediction(self) -> bool:
        """Whether the start is the result: one step sees nothing better than that."""
        config = self.engine.inverter.config
        starts_there = self.engine.inverter.preset.start == "encoder"
        return config.num_steps == 1 and config.keep == "best" and starts_there

    def judge(self, row: Mapping[str, object]) -> str:
        """The verdict on a row."""
        return "" if self.judge_by is None else verdicts.judge(row, self.judge_by)


def make(plan: corpus_flags.CorpusPlan, corpus: layout.Corpus) -> NetworkSession:
    """Loads networks and makes a session.

    Args:
      plan: names them.
      corpus: was prepared.

    Raises:
      Failure: a network cannot be read.
      UsageError: options that make no sense together.
    """
    job = dataclasses.replace(plan.job, chunk=min(plan.job.chunk, 50))
    try:
        engine = encoding.make_engine(job)
    except InputError as error:
        raise command_line.UsageError(str(error).replace("`", "")) from error
    if job.start == "random":
        engine = dataclasses.replace(engine, start=_Random(engine, job.seed))
    generator = engine.inverter.models.generator
    config = generator.config
    network = None if plan.scorer is None else resources.load(plan.scorer).network
    batch_size = -(-job.options.batch_size // engine.multiple) * engine.multiple
    return NetworkSession(
        engine=engine,
        layout=tables.RowLayout(
            num_ws=config.num_ws,
            w_dim=config.w_dim,
            dtype=plan.codes_dtype,
            measures=("psnr", "lpips"),
            attributes=() if network is None else readers.names(network),
            has_codes=plan.store == "parquet",
        ),
        batch_size=batch_size,
        crop=job.options.crop,
        judge_by=_table(job, corpus, engine),
        read=None if network is None else readers.reader(generator, network),
        has_images=plan.has_images,
    )


def _table(
    job: jobs.InversionJob, corpus: layout.Corpus, engine
) -> verdicts.Table | None:
    """What to judge by: of the first worker that came, for all others."""
    if job.verdicts == "none" or corpus.manifest.num < verdicts.NUM_PICTURES:
        return None
    while (found := verdicts.load(_VERDICTS, corpus.root)) is None:
        with contextlib.suppress(locks.LockedError), locks.hold(corpus.root, _LOCK):
            if verdicts.load(_VERDICTS, corpus.root) is None:
                computing = dataclasses.replace(job, verdicts="compute")
                made = judging.table(computing, engine, encoding.make_engine)
                assert made is not None
                verdicts.save(made, _VERDICTS, corpus.root)
            continue
        time.sleep(0.5)
    return found


@dataclasses.dataclass(frozen=True)
class _Random:
    """Random codes, each picture's by its own seed."""

    engine: projector_engine.ProjectorEngine
    seed: int

    def __call__(self, names: Sequence[str]) -> jax.Array:
        models = self.engine.inverter.models
        dim = models.generator.config.z_dim
        seeds = [sessions.seed_of(self.seed, name) for name in names]
        z = jnp.stack([jax.random.normal(jax.random.key(s), (dim,)) for s in seeds])
        space = self.engine.inverter.config.space
        return starts.from_z(models, space, z, self.engine.label)
