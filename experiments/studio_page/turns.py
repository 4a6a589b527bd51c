"""Turns: one worker serves many visitors, a chunk of work at a time.

Every visitor with work waiting gets a chunk in turn, however much each has waiting; of
one visitor the earliest task goes first. Work for the house (nobody waits for it) is
done while no visitor has any.
"""

import collections
import logging
import threading
from collections.abc import Hashable
from typing import Protocol


class TurnTask(Protocol):
    """Work that can be done in pieces."""

    @property
    def is_waiting(self) -> bool:
        """Whether it has been asked to go on since its last piece ended it."""
        ...

    def advance(self) -> bool:
        """Does a piece; returns whether there is more. It raises nothing."""
        ...


class Turns:
    """Tasks by owner, and the thread that works on them."""

    def __init__(self):
        self._owners: collections.OrderedDict[Hashable, collections.deque[TurnTask]]
        self._owners = collections.OrderedDict()
        self._house: collections.deque[TurnTask] = collections.deque()
        self._changed = threading.Condition(threading.RLock())
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the worker."""
        self._thread = threading.Thread(target=self._work, name="turns", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops the worker after the piece that it is at."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def add(self, owner: Hashable, task: TurnTask) -> None:
        """Puts a task behind the owner's others; one that is there stays there."""
        with self._changed:
            waiting = self._owners.setdefault(owner, collections.deque())
            if task not in waiting:
                waiting.append(task)
            self._changed.notify_all()

    def add_house(self, task: TurnTask) -> None:
        """Adds work to be done when nobody waits."""
        with self._changed:
            self._house.append(task)
            self._changed.notify_all()

    def drop(self, owner: Hashable, task: TurnTask | None = None) -> None:
        """Takes a task out, or all of an owner's; one at work ends its piece."""
        with self._changed:
            waiting = self._owners.get(owner)
            if waiting is None:
                return
            if task in waiting:
                waiting.remove(task)  # type: ignore[arg-type]
            if task is None or not waiting:
                self._owners.pop(owner)

    def ahead(self, owner: Hashable) -> int:
        """How many owners share the worker with this one, itself included."""
        with self._changed:
            return len(self._owners.keys() | {owner})

    def take(self) -> tuple[Hashable | None, TurnTask] | None:
        """The next owner and task, the owner going to the end of the line.

        Returns:
          None where nothing waits; an owner of None for work of the house.
        """
        with self._changed:
            if self._owners:
                owner, waiting = next(iter(self._owners.items()))
                self._owners.move_to_end(owner)
                return owner, waiting[0]
            return (None, self._house[0]) if self._house else None

    def step(self) -> bool:
        """Does one piece of work; returns whether there was any."""
        found = self.take()
        if found is None:
            return False
        owner, task = found
        try:
            has_more = task.advance()
        except Exception:  # a task tells its own failures; this is a defect of ours
            logging.getLogger(__name__).exception("A task failed.")
            has_more = False
        if not has_more:
            self._finish(owner, task)
        return True

    def _finish(self, owner: Hashable | None, task: TurnTask) -> None:
        with self._changed:
            if owner is None:
                self._house.remove(task)
            elif not task.is_waiting:
                self.drop(owner, task)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._owners or self._house or self._is_closed):
                    self._changed.wait()
                if self._is_closed:
                    return
            self.step()
