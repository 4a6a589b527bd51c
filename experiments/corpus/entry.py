"""From flags to a worker: what every process that encodes does first.

The engines start processes with the command line that the person gave; each parses it
anew and finds the corpus that the leader prepared.
"""

import os
import pathlib
import socket
import sys
from collections.abc import Callable, Sequence

from absl import flags

from experiments.corpus import claims, corpus_flags, layout, network_session, workers
from experiments.launch import command_line, signals
from experiments.runs import settings as settings_lib
from experiments.sharing import leases


def prepare(plan: corpus_flags.CorpusPlan) -> layout.Corpus:
    """Makes or opens the corpus of a plan.

    Args:
      plan: what was asked for.

    Raises:
      UsageError: no pictures, or the folder is that of other settings.
      WriteError: the folder cannot be written to.
    """
    settings = dict(plan.settings)
    if not plan.images:
        if not (plan.output / layout.SETTINGS).is_file():
            raise command_line.UsageError("Give --images.")
        settings["images"] = layout.read(plan.output).settings.get("images")
    try:
        return layout.prepare(
            plan.output,
            settings,
            plan.images,
            shard_size=plan.shard_size,
            hashes=plan.hashes,
            about={"preset": plan.job.preset},
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    except settings_lib.SettingsError as error:
        raise command_line.UsageError(str(error)) from error


def verify(corpus: layout.Corpus, plan: corpus_flags.CorpusPlan) -> None:
    """Removes finished shards that are damaged, so that they are done again.

    Args:
      corpus: of the shards.
      plan: how to look, and at which of them.
    """
    finished = sorted(corpus.done())
    if plan.share is not None:
        finished = claims.share(finished, *plan.share)
    for shard, reason in layout.damaged(corpus, finished, is_full=plan.verify).items():
        path = corpus.path(shard)
        print(f"{path}: {reason}; its pictures are encoded again.", file=sys.stderr)
        path.unlink(missing_ok=True)


def retried(corpus: layout.Corpus) -> dict[int, tuple]:
    """The finished shards that hold failed pictures, with the signs of their files."""
    return claims.signs(corpus, layout.with_failures(corpus))


def run_static(plan: corpus_flags.CorpusPlan, corpus: layout.Corpus) -> None:
    """Does this worker's share of the shards, in this process."""
    assert plan.share is not None
    numbers = layout.with_failures(corpus) if plan.is_retry else corpus.todo()
    own = claims.share(numbers, *plan.share)
    index, num = plan.share
    worker = _worker(plan, corpus, f"static-{index}-of-{num}")
    worker.run(claims.Listed(own))


def run_leased(
    plan: corpus_flags.CorpusPlan,
    corpus: layout.Corpus,
    name: str = "",
    repeated: dict[int, tuple] | None = None,
    is_alone: Callable[[], bool] = lambda: False,
) -> None:
    """Does shards that it can lease, in this process.

    Args:
      plan: what was asked for.
      corpus: was prepared.
      name: of the worker.
      repeated: of `retried`, where failed pictures are done once more.
      is_alone: whether the leader is gone.
    """
    folder = corpus.root / layout.LEASES
    held = leases.Leases(folder, seconds=plan.lease_seconds, owner=name)
    with held:
        worker = _worker(plan, corpus, held.owner)
        worker.run(claims.Leased(corpus, held, retried=repeated, is_alone=is_alone))


def _worker(
    plan: corpus_flags.CorpusPlan, corpus: layout.Corpus, name: str
) -> workers.Worker:
    return workers.Worker(
        corpus=corpus,
        session=network_session.make(plan, corpus),
        log=workers.Log(corpus.root / layout.LOGS / f"{name}.jsonl", name),
        is_retry=plan.is_retry,
    )


def parse(arguments: Sequence[str]) -> corpus_flags.CorpusPlan:
    """The plan of a command line, in a process that has none of its own.

    Args:
      arguments: of `encode_corpus`, without the program's name.
    """
    flags.FLAGS.unparse_flags()
    flags.FLAGS(["encode_corpus", *arguments])
    return corpus_flags.plan()


def child(
    arguments: Sequence[str], slot: int, repeated: dict[int, tuple] | None
) -> None:
    """The whole life of a local worker; ends the process with its exit code.

    Args:
      arguments: of `parse`.
      slot: which of the workers, from 0.
      repeated: of `retried`.
    """
    leader = os.getppid()
    name = f"{socket.gethostname()}-{slot}"
    signals.install()
    choose_device(slot)

    def main(_: Sequence[str]) -> None:
        signals.name_remedy("; it keeps what it has of its shards")
        plan = corpus_flags.plan()
        corpus = layout.read(plan.output)
        run_leased(plan, corpus, name, repeated, lambda: os.getppid() != leader)

    sys.argv = ["encode_corpus", *arguments]
    command_line.run(main)


def actor(arguments: Sequence[str]) -> Callable[[int], int]:
    """A worker that is given its shards one by one, in a process of Ray's.

    Args:
      arguments: of `parse`.

    Returns:
      Encodes and writes the shard of a number; gives the number of failed pictures. A
      shard that is finished already is left as it is.
    """
    command_line.enable_compilation_cache()
    plan = parse(arguments)
    corpus = layout.read(plan.output)
    worker = _worker(plan, corpus, f"{socket.gethostname()}-{os.getpid()}")

    def encode(shard: int) -> int:
        if plan.is_retry or not corpus.is_done(shard):
            worker.run(claims.Listed([shard]))
        return len(layout.failures(corpus, shard))

    return encode


def choose_device(slot: int) -> None:
    """Lets this process see one of several GPUs only; before JAX looks for them.

    Args:
      slot: which of the workers, from 0.
    """
    devices = sorted(pathlib.Path("/dev").glob("nvidia[0-9]*"))
    if len(devices) > 1 and "CUDA_VISIBLE_DEVICES" not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(slot % len(devices))
