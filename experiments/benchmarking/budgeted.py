"""Measurements within a time limit, each kept as soon as it is there."""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from typing import Any

from experiments.benchmarking import timing
from experiments.benchmarking.accelerator import SECTIONS, Step

_PREPARING = 0.4  # of the time, at most
_MOST_COMPILERS = 8

Save = Callable[[Mapping[str, object], str], None]
"""Takes the sections so far, and the name of the step that is about to run."""


def measure(steps: Iterable[Step], seconds: float, save: Save) -> dict[str, Any]:
    """Runs steps until the time is up, and saves after each.

    A step that fails leaves its error and harms no other. One that would begin after
    its section's share of the time, or that took longer than what is left when the one
    before it in its section ran, is left out with the reason.

    Args:
      steps: in their order.
      seconds: for all of them.
      save: keeps the sections so far; called before every step, and at the end.

    Returns:
      Section -> rows; each row has `name` and `took_seconds`, or `skipped`, or `error`.
    """
    clock, steps = _Clock(seconds), list(steps)
    result: dict[str, Any] = {section: [] for section in SECTIONS}
    with timing.cache_at(None):
        save(result, f"compilations, {num_compilers()} at once")
        _prepare(steps, _PREPARING * seconds)
        _measure(steps, clock, result, save)
    save(result, "")
    return result


def _measure(steps: list[Step], clock: "_Clock", result, save: Save) -> None:
    """Adds a row to `result`, or several, for each step."""
    longest = dict.fromkeys(SECTIONS, 0.0)
    peak: Mapping[str, Any] = {}
    for step in steps:
        late = clock.late(SECTIONS[step.section], longest[step.section])
        save(result, step.name)
        begin = clock.spent
        rows = [{"skipped": late}] if late else _run(step, peak)
        took = clock.spent - begin
        longest[step.section] = max(longest[step.section], took)
        if step.section == "peak":
            peak = rows[0]
        for row in rows:
            note = {} if "skipped" in row else {"took_seconds": round(took, 2)}
            result[step.section].append({**row, "name": step.name, **note})


def num_compilers() -> int:
    """How many programs are compiled at once; each compiler works on few threads."""
    return min(max((os.cpu_count() or 1) // 2, 1), _MOST_COMPILERS)


def _prepare(steps: list[Step], seconds: float) -> None:
    """Prepares steps side by side; what has not begun in time is left to its step.

    Two dozen programs compiled in turn would take longer than all that is timed. What
    fails here fails again where it is told.
    """
    with futures.ThreadPoolExecutor(num_compilers()) as pool:
        tasks = [pool.submit(step.prepare) for step in steps if step.prepare]
        futures.wait(tasks, seconds)
        for task in tasks:
            task.cancel()


def _run(step: Step, peak: Mapping[str, object]) -> list[dict[str, object]]:
    try:
        rows = step.run(peak)
    except Exception as error:  # Whatever a strange machine makes of it is a finding.
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = str(error).strip().split("\n")[0][:500]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"
        return [{"error": f"{type(error).__name__}: {text}", "where": where}]
    return rows if isinstance(rows, list) else [rows]


class _Clock:
    """What is left of a time."""

    def __init__(self, seconds: float):
        self._seconds, self._start = seconds, time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def late(self, share: float, expected: float) -> str:
        """Why a step of so many seconds should not begin; "" if it may."""
        limit = share * self._seconds
        if self.spent < limit and self.spent + expected <= self._seconds:
            return ""
        return (
            f"{self.spent:.0f} s of {self._seconds:.0f} were spent; its section may"
            f" begin steps until {limit:.0f} s, and its longest took {expected:.0f} s"
        )


def leave_at(seconds: float, farewell: Callable[[], None]) -> threading.Timer:
    """Ends the process after a time, even in the midst of a compilation.

    Args:
      seconds: from now.
      farewell: called before, by another thread.

    Returns:
      The timer, to be cancelled by who is done before.
    """

    def leave():
        try:
            farewell()
        finally:
            os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    return timer
