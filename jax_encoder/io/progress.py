"""How far a long run is: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO

import tqdm

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts pictures and reports their number per second and the time that remains.

    Progress may be fractional: half of a batch of 8 is 4 pictures. Work of an earlier,
    interrupted run is given as `done` and not counted into the speed.
    """

    def __init__(
        self,
        total: float,
        *,
        done: float = 0.0,
        description: str = "",
        stream: TextIO | None = None,
        clock=time.monotonic,
    ):
        """Starts the clock.

        Args:
          total: pictures in all.
          done: pictures done before.
          description: what is being done, such as "Inverting".
          stream: where to report; the standard error by default.
          clock: seconds, for tests.
        """
        self._stream = stream or sys.stderr
        self._total, self._done, self._first = total, done, done
        self._description = description
        self._clock = clock
        self._start = self._last = clock()
        self._warm: tuple[float, float] | None = None
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm.tqdm(
                total=total,
                initial=done,
                desc=description,
                file=self._stream,
                dynamic_ncols=True,
                bar_format="{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:.0f}"
                " [{elapsed}<{remaining}{postfix}]",
            )

    @property
    def speed(self) -> float:
        """Pictures per second of this run; 0 before the first.

        The time before the first report goes into compilation, not into pictures; it
        is left out as soon as there is a second report.
        """
        if self._warm is not None:
            start, done = self._warm
            if self._done > done and self._clock() > start:
                return (self._done - done) / (self._clock() - start)
        elapsed = self._clock() - self._start
        return (self._done - self._first) / elapsed if elapsed > 0 else 0.0

    def advance(self, pictures: float, note: str = "") -> None:
        """Reports work done.

        Args:
          pictures: how many, since the last call; may be a fraction.
          note: a few words such as a loss, shown at the end.
        """
        self._done += pictures
        self._warm = self._warm or (self._clock(), self._done)
        if self._bar is not None:
            text = f"{self.speed:.3g} pictures/s" + (f", {note}" if note else "")
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(pictures)
            return
        now = self._clock()
        is_complete = self._done >= self._total - 1e-6
        if is_complete or now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            self._print_line(note)

    def _print_line(self, note: str) -> None:
        speed = self.speed
        left = (self._total - self._done) / speed if speed > 0 else 0.0
        parts = [
            f"{self._description} {self._done:.1f}/{self._total:.0f}".strip(),
            f"{speed:.3g} pictures/s",
            f"{duration(left)} left",
        ]
        print(", ".join(parts + [note] * bool(note)), file=self._stream, flush=True)  # noqa: T201

    def say(self, message: str) -> None:
        """Prints a line without disturbing the bar.

        Args:
          message: one line, such as the reason why a picture is left out.
        """
        if self._bar is not None:
            self._bar.write(message, file=self._stream)
        else:
            print(message, file=self._stream, flush=True)  # noqa: T201

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    Args:
      seconds: not negative.

    Returns:
      "12 s", "3 min 05 s" or "2 h 07 min".
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextlib.contextmanager
def track(total: float, **options) -> Iterator[Progress]:
    """A `Progress` that is closed at the end of the block.

    Args:
      total: pictures in all.
      **options: of `Progress`.

    Yields:
      The progress.
    """
    progress = Progress(total, **options)
    try:
        yield progress
    finally:
        progress.close()
