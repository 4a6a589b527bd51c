"""Gives a process the pictures of a run that nobody has done, or is doing.

Processes that share a run take pictures by leases, batch by batch. What a dead one held
is free again, and its batch is gone on with from where it was saved.
"""

import collections
import pathlib
import time
from collections.abc import Callable, Sequence

from experiments.launch import signals
from experiments.runs import batch_states
from experiments.runs import journal as journals
from experiments.sharing import leases

_POLL = 1.0

Taken = tuple[Sequence[str], tuple[pathlib.Path, batch_states.BatchState] | None]
"""Names, and the state that they were saved in with its file, if they were."""


class FreePictures:
    """The pictures of a run that are left."""

    def __init__(
        self,
        names: Sequence[str],
        size: int,
        journal: journals.Journal,
        held: leases.Leases,
        tell: Callable[[int], None],
    ):
        """Notes what is left.

        Args:
          names: of the pictures that are to be done, in their order.
          size: pictures of a batch.
          journal: knows what other processes finished.
          held: takes the leases.
          tell: is told how many pictures others finished.
        """
        self._left = collections.deque(names)
        self._waiting: list[str] = []
        self._known = frozenset(names)
        self._size, self._journal, self._held = size, journal, held
        self._done: set[str] = set()
        self._tell = tell
        self._has_looked = False

    def next(self) -> Taken | None:
        """Takes a batch that is free; None once every picture is done.

        Waits while others work on the last ones, which may die.

        Raises:
          Stopped: a signal came meanwhile.
          WriteError: the folder cannot be written to.
        """
        while True:
            if not self._has_looked and (saved := self._take_saved()):
                return saved
            if taken := self._take_some():
                return taken, None
            if not self._waiting:
                return None
            self._left.extend(self._waiting)
            self._waiting, self._has_looked = [], False
            signals.check()
            time.sleep(_POLL)

    def finish(self, names: Sequence[str]) -> None:
        """Gives pictures back, which are done."""
        self._done.update(names)
        for name in names:
            self._held.release(name)

    def _take_saved(self) -> Taken | None:
        """Takes a batch that was saved, and that nobody is at work on any more."""
        for path, saved in self._journal.batches():
            names = [name for name in saved.names if name in self._known]
            taken = self._take(names)
            if len(taken) == len(saved.names):
                return taken, (path, saved)
            if len(taken) == len(names) or self._done.issuperset(names):
                self._journal.forget(path, saved.names)  # Not all of it is left.
            for name in taken:
                self._held.release(name)
        self._has_looked = True
        return None

    def _take(self, names: Sequence[str]) -> list[str]:
        """Takes those of some pictures that are free and not done."""
        taken = [
            name for name in names if name not in self._done and self._held.take(name)
        ]
        self._note_others()  # One was perhaps finished before it was taken.
        return [name for name in taken if name not in self._done]

    def _take_some(self) -> list[str]:
        """Takes up to a batch of pictures."""
        taken: list[str] = []
        while self._left and len(taken) < self._size:
            wanted = min(self._size - len(taken), len(self._left))
            names = [self._left.popleft() for _ in range(wanted)]
            found = self._take(names)
            taken += found
            self._waiting += [
                n for n in names if n not in self._done and n not in found
            ]
        return taken

    def _note_others(self) -> None:
        """Notes the pictures that others have finished since the last time."""
        finished = (self._journal.update() & self._known) - self._done
        if finished:
            self.finish([*finished])
            self._tell(len(finished))
