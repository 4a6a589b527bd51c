"""Ctrl-C and SIGTERM: the first saves and leaves, the second leaves at once.

Python runs its own handlers between two of its instructions, which may be minutes apart
while XLA compiles, and an exception raised there can be swallowed by whatever was
running. So the system's handler only writes a byte into a pipe, and a thread reads it:

- outside of `saving` the thread says one sentence and ends the process. Every file of
  ours is written whole or not at all, so that nothing is damaged by that;
- inside, it lets the work go on until `check`, which stands where the state has just
  been saved, raises `Stopped`; at the second signal it ends the process.

The exit code is 130 after Ctrl-C and 143 after SIGTERM. Only the standard library is
imported here, so that this is in force before anything slow is.
"""

import atexit
import contextlib
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 2.0  # seconds until a person is told that the state is being saved


class Stopped(BaseException):
    """A signal came, and the state is saved; no `except Exception` catches it.

    Attributes:
      code: to exit with.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


class _Watch:
    """What has been received so far, and how to react."""

    def __init__(self):
        self.received: int | None = None
        self.is_saving = False
        self.remedy = ""

    def watch(self, pipe: int) -> None:
        """Reads signals from the pipe until the process ends."""
        while True:
            number = os.read(pipe, 1)[0]
            if number not in _SIGNALS:
                continue
            if not self.is_saving or self.received is not None:
                self.leave(number)
            self.received = number
            timer = threading.Timer(_PATIENCE, _say, ["saving; again to leave at once"])
            timer.daemon = True
            timer.start()

    def leave(self, number: int) -> None:
        """Says one sentence and ends the process, whatever it is doing."""
        _say(f"interrupted{self.remedy}")
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(128 + number)


_WATCH = _Watch()


def _say(text: str) -> None:
    program = pathlib.Path(sys.argv[0]).stem if sys.argv else ""
    name = f"{program}: " if program not in ("", "-m", "-c") else ""
    with contextlib.suppress(OSError):
        start = "\n" if os.isatty(2) else ""  # below a bar of progress
        os.write(2, f"{start}{name}{text}.\n".encode("utf-8", "backslashreplace"))


def install() -> None:
    """Puts the two signals under this module's care; the main thread must call it."""
    if signal.getsignal(signal.SIGINT) is _ignore:
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in _SIGNALS:
        signal.signal(number, _ignore)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_WATCH.watch, args=(reading,), daemon=True).start()
    # The first to be registered is the last to run. After it Python gives signals back
    # to the system, which would end a run as interrupted whose work is done.
    atexit.register(_ignore_all)


def _ignore_all() -> None:
    """From here on nothing is left that could be interrupted."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _ignore(number, frame) -> None:
    """Python's part: nothing, since the thread reacts."""


def name_remedy(text: str) -> None:
    """Says how to go on: the end of the sentence, after "interrupted"."""
    _WATCH.remedy = text


def is_stopping() -> bool:
    """Whether a signal has come: time to save the state."""
    return _WATCH.received is not None


@contextlib.contextmanager
def saving() -> Iterator[None]:
    """Work that reaches `check` soon and often, with its state saved."""
    before, _WATCH.is_saving = _WATCH.is_saving, True
    try:
        yield
        check()
    finally:
        _WATCH.is_saving = before


def check() -> None:
    """Stops the work here, where its state is saved, if a signal has come.

    Raises:
      Stopped: one has.
    """
    if _WATCH.received is not None:
        raise Stopped(_WATCH.received)


def say_stopped() -> None:
    """Says the sentence of a run that stopped at `check`."""
    _say(f"interrupted{_WATCH.remedy}")
