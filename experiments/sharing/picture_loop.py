"""The loop that folders and corpora share: pictures become batches become results.

`read_ahead` reads and decodes in threads; `encode` fills batches of one size, lets a
session compute them, and hands every picture with its result to whoever keeps it.
"""

import concurrent.futures
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from experiments.launch import signals
from experiments.sharing import picture_bytes

NUM_READERS = 4

Load = Callable[[picture_bytes.Entry], picture_bytes.Loaded]
Placed = tuple[int, picture_bytes.Loaded]
"""A picture that was read, and its place among those at hand."""
T = TypeVar("T")
Outcome = TypeVar("Outcome", covariant=True)
Keep = Callable[[int, picture_bytes.Loaded, T | None, int], None]
"""Is told the place, the picture, what was found for its batch and its index therein;
None and 0 for a picture that could not be read."""


class BatchSession(Protocol[Outcome]):
    """What computes batches of one size."""

    @property
    def batch_size(self) -> int:
        """Pictures of a batch; the last one is filled up."""
        ...

    @property
    def target(self) -> Mapping[str, object]:
        """How pictures become targets: resolution, channels, crop."""
        ...

    def encode(self, targets: np.ndarray, ids: Sequence[str]) -> Outcome:
        """Computes a batch `[N, R, R, C]` of pictures with these ids."""
        ...


def loader(session: BatchSession) -> Load:
    """What reads a picture as a session wants it."""
    return functools.partial(picture_bytes.load, **session.target)


def read_ahead(
    entries: Mapping[int, picture_bytes.Entry],
    load: Load,
    pool: concurrent.futures.Executor,
    num: int,
) -> Iterator[Placed]:
    """Reads pictures in threads; begins at once.

    Args:
      entries: the pictures by their places.
      load: reads one.
      pool: of threads.
      num: pictures to be ahead.

    Returns:
      An iterator over places and what was read.
    """
    left = iter(entries.items())
    ahead: list[tuple[int, concurrent.futures.Future]] = []

    def more(count: int) -> None:
        for place, entry in itertools.islice(left, count):
            ahead.append((place, pool.submit(load, entry)))

    def drain() -> Iterator[Placed]:
        while ahead:
            place, future = ahead.pop(0)
            yield place, future.result()
            more(1)

    more(num)
    return drain()


def encode(
    loaded: Iterator[Placed],
    num: int,
    session: BatchSession[T],
    keep: Keep[T],
    *,
    before_last: Callable[[], None] = lambda: None,
) -> None:
    """Encodes pictures, padded batch by padded batch.

    Args:
      loaded: places and pictures, of `read_ahead`.
      num: pictures in all.
      session: computes.
      keep: is given every picture and what was found for it.
      before_last: called once all pictures are read and the last batch is at hand.

    Raises:
      Stopped: a signal came; what was given to `keep` is complete.
    """
    batch: list[Placed] = []
    for place, picture in loaded:
        num -= 1
        if picture.target is None:
            keep(place, picture, None, 0)
        else:
            batch.append((place, picture))
        if num == 0:
            before_last()
        if len(batch) == session.batch_size or (batch and num == 0):
            found = session.encode(*_filled(batch, session.batch_size))
            for index, (place, picture) in enumerate(batch):
                keep(place, picture, found, index)
            batch = []
            signals.check()


def _filled(batch: Sequence[Placed], size: int) -> tuple[np.ndarray, list[str]]:
    """Targets and ids of a batch; the last picture fills it up."""
    pictures = [picture for _, picture in batch]
    pictures += pictures[-1:] * (size - len(batch))
    targets = np.stack([np.asarray(picture.target) for picture in pictures])
    return targets, [picture.entry.id for picture in pictures]
