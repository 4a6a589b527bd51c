"""Which shard a worker does next: one rule per engine.

A claim is a shard's number that this worker may do. `next` gives one or None; where it
may wait, it waits for shards that others hold, in case they die.
"""

import dataclasses
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from experiments.corpus import layout
from experiments.launch import signals
from experiments.sharing import leases

_POLL = 0.5


class Claims(Protocol):
    """What a worker asks for shards."""

    def next(self, *, waits: bool) -> int | None:
        """A shard to do; None where there is none, or none at once."""
        ...

    def finish(self, shard: int) -> None:
        """The shard's file is written, or the worker gave it up."""
        ...


@dataclasses.dataclass
class Listed:
    """Shards that nobody else does: those of a static share."""

    shards: list[int]

    def next(self, *, waits: bool) -> int | None:
        """The next of the list."""
        return self.shards.pop(0) if self.shards and not signals.is_stopping() else None

    def finish(self, shard: int) -> None:
        """Nothing to do: nobody else knows of it."""


def share(shards: Sequence[int], index: int, num: int) -> list[int]:
    """The shards of one of several static workers.

    Args:
      shards: all that are to be done.
      index: of the worker, from 0.
      num: of workers.
    """
    return [shard for shard in shards if shard % num == index]


class Leased:
    """Shards that are taken by leases, in an order of this worker's own."""

    def __init__(
        self,
        corpus: layout.Corpus,
        held: leases.Leases,
        *,
        retried: Mapping[int, tuple] | None = None,
        is_alone: Callable[[], bool] = lambda: False,
    ):
        """Lists what is to be done.

        Args:
          corpus: of the shards.
          held: takes the leases.
          retried: `signs` of the finished shards that are to be done once more; None
            to do what is missing.
          is_alone: whether the worker's leader is gone; it leaves then.
        """
        self.corpus, self.held, self.is_alone = corpus, held, is_alone
        self._retried = retried
        # Workers that begin elsewhere do not meet at every shard.
        self._left = self._missing()
        start = random.randrange(len(self._left)) if self._left else 0
        self._left = self._left[start:] + self._left[:start]
        self._next = iter(self._left)

    def _missing(self) -> list[int]:
        if self._retried is None:
            return self.corpus.todo()
        return [k for k in self._retried if not self._is_done(k)]

    def _is_done(self, shard: int) -> bool:
        if self._retried is None:
            return self.corpus.is_done(shard)
        return signs(self.corpus, [shard]).get(shard) != self._retried[shard]

    def next(self, *, waits: bool) -> int | None:
        """The next shard that could be taken."""
        while not (signals.is_stopping() or self.is_alone()):
            for shard in self._next:
                if not self._is_done(shard) and self.held.take(shard):
                    if not self._is_done(shard):
                        return shard
                    self.held.release(shard)
                if signals.is_stopping() or self.is_alone():
                    return None
            own = set(self.held.shards())
            others = [shard for shard in self._missing() if shard not in own]
            self._next = iter(others)
            if not others or not waits:
                return None
            time.sleep(_POLL)
        return None

    def finish(self, shard: int) -> None:
        """Gives the lease back."""
        self.held.release(shard)


def signs(corpus: layout.Corpus, shards: Sequence[int]) -> dict[int, tuple]:
    """What tells a finished shard's file from one that replaces it.

    Args:
      corpus: of the shards.
      shards: finished ones; others are left out.
    """
    found = {}
    for shard in shards:
        try:
            status = os.stat(corpus.path(shard))
        except OSError:
            continue
        found[shard] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return found
