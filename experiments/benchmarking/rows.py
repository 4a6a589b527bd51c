"""Takes the measurements of one case."""

import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from experiments import command_line
from experiments.benchmarking import timing, workloads
from experiments.benchmarking.cases import Case

Reference = Callable[[Mapping[str, Any]], Callable[[], Any] | None]
"""From the fields of a case to a callable that makes one step; None: it has none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How to measure.

    Attributes:
      num_repeats: timed calls; the median counts.
      num_steps: of an inversion per call.
      max_seconds: for the calls of one program.
      with_cache: also measure the start from the persistent cache.
    """

    num_repeats: int = 5
    num_steps: int = 5
    max_seconds: float = 120.0
    with_cache: bool = True


def measure(
    case: Case,
    options: Options,
    *,
    peaks: Mapping[str, Mapping[str, float]] | None = None,
    reference: Reference | None = None,
) -> dict[str, Any]:
    """Compiles and times a case.

    Args:
      case: what to measure.
      options: how.
      peaks: by dtype, what `peaks.measure` found.
      reference: something to time in turn with it.

    Returns:
      A row of the report; plain JSON values.
    """
    parts = workloads.build(case, num_steps=options.num_steps)
    peer = reference(case.as_json()) if reference else None
    compiled, seconds, fastest, busy, share = [], 0.0, 0.0, 0.0, None
    row: dict[str, Any] = {**case.as_json(), "reference_seconds": None}
    for part in parts:
        program = timing.compile_program(
            part.fn, part.args, with_cache=options.with_cache
        )
        compiled.append(program)
        callables = {"ours": program.run}
        if peer is not None and len(parts) == 1:
            callables["reference"] = peer
        times = timing.alternate(
            callables,
            num_repeats=options.num_repeats,
            max_seconds=options.max_seconds,
        )
        ours = times["ours"]
        seconds += part.share * ours.seconds / part.num_steps
        fastest += part.share * ours.fastest / part.num_steps
        busy += part.share * ours.processor_seconds / part.num_steps
        share = ours.share
        if "reference" in times:
            row["reference_seconds"] = times["reference"].seconds
            row["reference_processor_seconds"] = times["reference"].processor_seconds
    row |= {
        "seconds": seconds,
        "fastest_seconds": fastest,
        "processor_seconds": busy,
        "processor_share": share,
        "picture_steps_per_second": case.batch / seconds,
        "trace_seconds": sum(c.trace_seconds for c in compiled),
        "compile_seconds": sum(c.cold_seconds for c in compiled),
        "cached_start_seconds": _total([c.cached_seconds for c in compiled]),
        "program_bytes": max(c.memory_bytes for c in compiled),
        "device_peak_bytes": timing.device_peak_bytes(),
        "resident_peak_bytes": timing.resident_peak_bytes(),
        "flops": _total([p.flops and p.flops * p.share for p in parts]),
    }
    if row["reference_seconds"] is not None:
        row["reference_ratio"] = row["reference_seconds"] / seconds
        row["reference_processor_ratio"] = row["reference_processor_seconds"] / busy
    if row["flops"] is not None:
        row["flops_per_second"] = row["flops"] / seconds
        peak = max((peaks or {}).get(case.dtype, {}).values(), default=0)
        row["utilisation"] = row["flops_per_second"] / peak if peak else None
    return row


def _total(values: list[Any]) -> float | None:
    return None if any(v is None for v in values) else float(sum(values))


def pin(num_threads: int) -> None:
    """Keeps this process, and libraries it loads later, on so many processors.

    Call it before anything is computed.

    Args:
      num_threads: at most what the process may use; the last ones are taken.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise command_line.UsageError("--threads: this system cannot pin processes.")
    allowed = sorted(os.sched_getaffinity(0))
    if num_threads > len(allowed):
        raise command_line.UsageError(
            f"--threads={num_threads}: there are {len(allowed)} processors."
        )
    os.sched_setaffinity(0, allowed[-num_threads:])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(num_threads)


def load_reference(name: str) -> Reference:
    """Imports `MODULE:FUNCTION`; the working directory is searched too.

    Raises:
      UsageError: there is no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise command_line.UsageError(
            f"--reference={name}: needs MODULE:FUNCTION ({error})."
        ) from error
    return function
