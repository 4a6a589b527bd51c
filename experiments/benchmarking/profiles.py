"""Where a program's time goes, operation by operation, from the profiler's record."""

import collections
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import jax

_NUMBER = re.compile(r"[._]?\d+$")
# The executor on a CPU, whose events hold those of the operations.
_IGNORED = ("end: ", "$", "ThunkExecutor")


def by_operation(
    run: Callable[[], object],
    *,
    num_calls: int = 1,
    steps_per_call: int = 1,
    most: int = 25,
) -> list[dict[str, object]]:
    """Profiles a compiled program.

    Args:
      run: returns when its work is done; warmed up already.
      num_calls: calls to record.
      steps_per_call: equal steps that a call makes.
      most: operations to return.

    Returns:
      Rows of one step, the longest first: `operation` (equal but for a number counts
      as one), `seconds`, `share` of all that was recorded, `times`. Operations that
      run at once on several threads or streams count in full each.
    """
    with tempfile.TemporaryDirectory() as directory:
        with jax.profiler.trace(directory):
            for _ in range(num_calls):
                run()
        paths = sorted(pathlib.Path(directory).rglob("*.xplane.pb"))
        seconds, times = _add_up(paths)
    total, num_steps = sum(seconds.values()), num_calls * steps_per_call
    return [
        {
            "operation": name,
            "seconds": value / num_steps,
            "share": value / total,
            "times": times[name] / num_steps,
        }
        for name, value in seconds.most_common(most)
    ]


def _add_up(paths) -> tuple[collections.Counter[str], collections.Counter[str]]:
    seconds: collections.Counter[str] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    for path in paths:
        data = jax.profiler.ProfileData.from_file(str(path))
        for event in _events(data):
            name = _NUMBER.sub("", event.name)
            seconds[name] += event.duration_ns * 1e-9
            times[name] += 1
    return seconds, times


def _events(data) -> Iterator[Any]:
    """What ran on the device; on a CPU, in the threads of its client."""
    planes = [p for p in data.planes if p.name.startswith("/device:")]
    if planes:
        lines = [line for plane in planes for line in plane.lines]
        # "XLA Ops" of a TPU; streams of a GPU. The others sum these up again.
        chosen = [x for x in lines if x.name == "XLA Ops" or "Stream" in x.name]
        lines = chosen or lines
    else:
        lines = [x for p in data.planes for x in p.lines if x.name.startswith("tf_XLA")]
    for line in lines:
        yield from (e for e in line.events if not e.name.startswith(_IGNORED))
