"""A worker: takes shards one after the other, until there are none or it must leave.

Decoding runs ahead in threads and writing follows in another, so that the device waits
for neither; the next shard is begun while the last batch of this one is computed.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import time
from collections.abc import Iterator

from experiments.corpus import claims as claims_lib
from experiments.corpus import layout, sessions, shards, stores_setup
from experiments.launch import signals
from experiments.sharing import picture_loop


@dataclasses.dataclass
class Log:
    """A line of JSON per event, in a file of the worker's own.

    Attributes:
      path: the file, appended to.
      worker: its name, in every line.
    """

    path: pathlib.Path
    worker: str

    def write(self, event: str, **values: object) -> None:
        """Appends a line; a full disk costs the line, not the run."""
        line = {"time": round(time.time(), 3), "worker": self.worker, "event": event}
        with contextlib.suppress(OSError), open(self.path, "a") as file:
            file.write(json.dumps(line | values) + "\n")


@dataclasses.dataclass(kw_only=True)
class Worker:
    """Encodes the shards that its claims give.

    Attributes:
      corpus: of the shards.
      session: computes.
      log: is told of every shard.
      load: reads a picture; by default as the session wants its targets.
      is_retry: do the failed pictures of finished shards once more.
    """

    corpus: layout.Corpus
    session: sessions.Session
    log: Log
    load: picture_loop.Load | None = None
    is_retry: bool = False
    num_done: int = 0

    def run(self, claims: claims_lib.Claims) -> int:
        """Works until there is nothing left, or a signal came.

        Args:
          claims: gives the shards.

        Returns:
          The number of shards finished.

        Raises:
          WriteError: the disk is full or read-only; what was finished is there.
        """
        stores_setup.make(self.corpus, self.session.layout)
        self.log.write("start", process=os.getpid())
        with (
            concurrent.futures.ThreadPoolExecutor(picture_loop.NUM_READERS) as readers,
            concurrent.futures.ThreadPoolExecutor(1) as writer,
            signals.saving(),
        ):
            written: list[concurrent.futures.Future] = []
            for shard, pictures, prepare in self._shards(claims, readers):
                start = time.monotonic()
                shards.encode(
                    shard,
                    pictures,
                    self.session,
                    self.corpus.config,
                    before_last=prepare,
                )
                seconds = time.monotonic() - start
                job = functools.partial(self._write, shard, seconds, claims)
                written.append(writer.submit(job))
                while written and (written[0].done() or len(written) > 2):
                    written.pop(0).result()
                if not shard.is_complete:
                    break
            for future in written:
                future.result()
        self.log.write("end", shards=self.num_done)
        return self.num_done

    def _shards(self, claims, readers) -> Iterator[tuple]:
        """Yields shards in work, their pictures, and what prepares the next one."""
        upcoming: list[tuple] = []

        def prepare(waits: bool = False) -> None:
            number = None if upcoming else claims.next(waits=waits)
            if number is not None:
                upcoming.append(self._begin(number, readers))

        while True:
            prepare(waits=True)
            if not upcoming:
                return
            yield (*upcoming.pop(), prepare)

    def _begin(self, number: int, readers) -> tuple:
        shard = shards.begin(
            self.corpus, number, self.session.layout, is_retry=self.is_retry
        )
        load = self.load or picture_loop.loader(self.session)
        ahead = 2 * self.session.batch_size + picture_loop.NUM_READERS
        loaded = picture_loop.read_ahead(shard.missing(), load, readers, ahead)
        return shard, loaded

    def _write(self, shard: shards.Shard, seconds: float, claims) -> None:
        """Writes a shard and gives it back, whatever happens."""
        try:
            shards.write(shard, self.corpus, self.session, is_retry=self.is_retry)
            if shard.is_complete:
                self.num_done += 1
                self.log.write(
                    "shard",
                    shard=shard.number,
                    pictures=len(shard.rows),
                    failed=shard.num_failed,
                    seconds=round(seconds, 3),
                )
        finally:
            claims.finish(shard.number)
