"""The engine `local`: processes on this machine, started again when they die.

The leader computes nothing and holds nothing: when it dies its workers finish the
shards in work and leave, and the same command goes on from there.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

from experiments.corpus import layout
from experiments.launch import command_line, signals

_POLL = 0.2
_MAX_DEATHS = 10
"""Per worker, one after the other, without a shard finished in between."""


def run(
    corpus: layout.Corpus,
    arguments: Sequence[str],
    num: int,
    repeated: dict[int, tuple] | None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Starts workers and waits until all of them have nothing left to do.

    Args:
      corpus: was prepared.
      arguments: of the command line.
      num: of workers.
      repeated: of `entry.retried`.
      watch: called now and then, for reports.

    Raises:
      Failure: workers die and die, or one could not go on.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["experiments.corpus.entry"])
    running: dict[int, BaseProcess] = {}
    finished: set[int] = set()
    deaths, before = 0, len(corpus.done())
    with signals.saving():
        while len(finished) < num:
            for slot in set(range(num)) - finished - running.keys():
                started = _start(context, slot, arguments, repeated)
                if started is None:
                    deaths, before = _count(corpus, deaths, before, num)
                else:
                    running[slot] = started
            for slot in [k for k, one in running.items() if one.exitcode is not None]:
                code = running.pop(slot).exitcode
                if signals.is_stopping() or code == 0:
                    finished.add(slot)
                elif code is not None and code < 0:
                    deaths, before = _count(corpus, deaths, before, num)
                else:
                    _stop(running)
                    raise command_line.Failure(
                        f"Worker {slot} cannot go on; it says above why. Nothing that"
                        " was finished is lost: the same command goes on."
                    )
            if signals.is_stopping():
                _stop(running)
                break
            watch()
            time.sleep(_POLL)


def _count(
    corpus: layout.Corpus, deaths: int, before: int, num: int
) -> tuple[int, int]:
    """Counts a death; begins anew where shards were finished since the last one."""
    now = len(corpus.done())
    deaths = 1 if now != before else deaths + 1
    if deaths > _MAX_DEATHS * num:
        raise command_line.Failure(
            f"{deaths} workers were killed one after the other and none finished a"
            " shard: likely the memory is full. Take fewer --workers, a smaller"
            " --batch_size, or look into the system's log."
        )
    return deaths, now


def _start(
    context, slot: int, arguments: Sequence[str], repeated
) -> BaseProcess | None:
    """A worker, or None where the process that forks it has just died."""
    from experiments.corpus import entry

    process = context.Process(
        target=entry.child, args=(list(arguments), slot, repeated)
    )
    with contextlib.suppress(EOFError, ConnectionError):
        process.start()
        return process
    return None


def _stop(running: dict[int, BaseProcess]) -> None:
    """Asks the workers to finish their chunk, and waits."""
    for process in running.values():
        process.terminate()
    for process in running.values():
        process.join()
