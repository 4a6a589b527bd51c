"""Measurements within a time limit, each kept as soon as it is there."""

import itertools
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from typing import Any

from experiments.benchmarking import timing
from experiments.benchmarking.accelerator import SECTIONS, Step

_MOST_COMPILERS = 8
_PREPARING = "preparing"

Save = Callable[[Mapping[str, object], str], None]
"""Takes the sections so far, and the name of the step that is about to run."""


def measure(steps: Iterable[Step], seconds: float, save: Save) -> dict[str, Any]:
    """Runs steps until the time is up, and saves after each.

    The steps of a wave are prepared side by side before the first of them runs: two
    dozen programs compiled in turn would take longer than all that is timed. A step
    that fails leaves its error and harms no other. One that would begin after its
    section's share of the time, or that took longer than what is left when the one
    before it in its section ran, is left out with the reason.

    Args:
      steps: in their order; those of a wave one after the other.
      seconds: for all of them.
      save: keeps the sections so far; called before every step, and at the end.

    Returns:
      Section -> rows; each row has `name` and `took_seconds`, or `skipped`, or `error`;
      and `prepared_seconds` where it was prepared.
    """
    clock = _Clock(seconds)
    result: dict[str, Any] = {section: [] for section in SECTIONS}
    longest: dict[str, float] = dict.fromkeys((_PREPARING, *SECTIONS), 0.0)
    with timing.cache_at(None):
        for wave, group in itertools.groupby(steps, lambda step: step.wave):
            members = list(group)
            save(result, f"compilations of wave {wave}, {num_compilers()} at once")
            prepared = _prepare(members, clock, longest)
            for step in members:
                save(result, step.name)
                for row in _take(step, clock, longest, prepared, result["peak"]):
                    result[step.section].append({**row, "name": step.name})
    save(result, "")
    return result


def num_compilers() -> int:
    """How many programs are compiled at once; each compiler works on few threads."""
    return min(max((os.cpu_count() or 1) // 2, 1), _MOST_COMPILERS)


def _prepare(steps: list[Step], clock: "_Clock", longest: dict[str, float]):
    """Prepares steps side by side; returns the seconds that each took, by name.

    None begins that might not end within its section's share of the time. What fails
    here (the pool keeps the error) fails again where it is told.
    """
    took: dict[str, float] = {}

    def work(step: Step, prepare: Callable[[], object]) -> None:
        if clock.late(SECTIONS[step.section], longest[_PREPARING]):
            return
        begin = clock.spent
        prepare()
        took[step.name] = round(clock.spent - begin, 2)
        longest[_PREPARING] = max(longest[_PREPARING], took[step.name])

    with futures.ThreadPoolExecutor(num_compilers()) as pool:
        for step in steps:
            if step.prepare:
                pool.submit(work, step, step.prepare)
    return took


def _take(step: Step, clock: "_Clock", longest, prepared, peaks) -> list[dict]:
    """Runs a step if there is time, and returns its rows."""
    is_prepared = step.name in prepared
    share = 1.0 if is_prepared else SECTIONS[step.section]
    if late := clock.late(share, longest[step.section]):
        return [{"skipped": late}]
    begin = clock.spent
    rows = _run(step, peaks[0] if peaks else {})
    took = clock.spent - begin
    longest[step.section] = max(longest[step.section], took)
    note = {"took_seconds": round(took, 2)}
    if is_prepared:
        note["prepared_seconds"] = prepared[step.name]
    return [row | note for row in rows]


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
