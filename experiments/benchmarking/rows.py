"""Takes the measurements of one case."""

import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Mapping

from experiments.benchmarking import plain, timing, workloads
from experiments.benchmarking.cases import Case
from experiments.launch import command_line
from jax_encoder.io import json_types

Reference = Callable[[Mapping[str, object]], Callable[[], object] | None]
"""From the fields of a case to a callable that makes one step; None: it has none."""

Programs = dict[Case, list[tuple[workloads.Part, timing.Compiled]]]
"""What was compiled for cases."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """How to measure.

    Attributes:
      num_repeats: timed calls; the median counts.
      num_steps: of an inversion per call.
      max_seconds: for the calls of one program.
      with_cache: also measure the start from the persistent cache.
      without: special formulations (`plain.SPECIAL`); the same without them is the
        reference where there is no other.
    """

    num_repeats: int = 5
    num_steps: int = 5
    max_seconds: float = 120.0
    with_cache: bool = True
    without: tuple[str, ...] = ()


def measure(
    case: Case,
    options: TimingOptions,
    *,
    peaks: Mapping[str, Mapping[str, float]] | None = None,
    reference: Reference | None = None,
    programs: Programs | None = None,
) -> json_types.Row:
    """Compiles and times a case.

    Args:
      case: what to measure.
      options: how.
      peaks: by dtype, what `peaks.measure` found.
      reference: something to time in turn with it.
      programs: what was compiled for cases before, taken from here and kept here.

    Returns:
      A row of the report; plain JSON values.
    """
    compiled = compile_once(case, options, {} if programs is None else programs)
    parts = [part for part, _ in compiled]
    peer = reference(case.as_json()) if reference and len(parts) == 1 else None
    measured = [_measure_part(*pair, options, peer) for pair in compiled]
    row: json_types.Row = {
        **case.as_json(),
        **_times(case, measured),
        **_programs(measured),
    }
    if len(parts) > 1:
        row["parts"] = [_part_row(case, m) for m in measured]
    row["flops"] = _total([p.flops and p.flops * p.share for p in parts])
    if row["flops"] is not None:
        row["flops_per_second"] = row["flops"] / row["seconds"]
        peak = max((peaks or {}).get(case.dtype, {}).values(), default=0)
        row["utilization"] = row["flops_per_second"] / peak if peak else None
    return row


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Measured:
    """A compiled part, and what one step of it and of the other one takes."""

    part: workloads.Part
    program: timing.Compiled
    ours: timing.Timing
    other: timing.Timing | None


def compile_once(
    case: Case, options: TimingOptions, programs: Programs
) -> list[tuple[workloads.Part, timing.Compiled]]:
    """Returns the programs of a case, taken from `programs` or compiled into it."""
    if case not in programs:
        parts = workloads.build(case, num_steps=options.num_steps)
        with_cache = options.with_cache
        programs[case] = [
            (part, timing.compile_program(part.fn, part.args, with_cache=with_cache))
            for part in parts
        ]
    return programs[case]


def _measure_part(part, program, options, peer) -> _Measured:
    callables, num_other = {"ours": program.run}, 1
    if peer is not None:
        callables["other"] = peer
    elif options.without:
        with plain.without(options.without):
            lesser = timing.compile_program(part.fn, part.args, with_cache=False)
        callables["other"], num_other = lesser.run, part.num_steps
    times = timing.alternate(
        callables, num_repeats=options.num_repeats, max_seconds=options.max_seconds
    )
    other = times.get("other")
    return _Measured(
        part=part,
        program=program,
        ours=times["ours"].of_step(part.num_steps),
        other=other and other.of_step(num_other),
    )


def _times(case, measured) -> dict[str, object]:
    """The times of a step: its parts weighed by their shares."""

    def total(who, field):
        return sum(m.part.share * getattr(getattr(m, who), field) for m in measured)

    seconds, busy = total("ours", "seconds"), total("ours", "processor_seconds")
    row = {
        "seconds": seconds,
        "fastest_seconds": total("ours", "fastest"),
        "processor_seconds": busy,
        "processor_share": measured[-1].ours.share,
        "picture_steps_per_second": case.batch / seconds,
        "reference_seconds": None,
    }
    if any(m.other is None for m in measured):
        return row
    other_seconds = total("other", "seconds")
    other_busy = total("other", "processor_seconds")
    return row | {
        "reference_seconds": other_seconds,
        "reference_processor_seconds": other_busy,
        "reference_ratio": other_seconds / seconds,
        "reference_processor_ratio": other_busy / busy,
    }


def _programs(measured) -> dict[str, object]:
    programs = [m.program for m in measured]
    return {
        "trace_seconds": sum(p.trace_seconds for p in programs),
        "compile_seconds": sum(p.cold_seconds for p in programs),
        "cached_compile_seconds": _total([p.cached_seconds for p in programs]),
        "program_bytes": max(p.memory_bytes for p in programs),
        "moved_bytes": _total(
            [m.part.share * m.program.moved_bytes for m in measured]
            if all(p.moved_bytes for p in programs)
            else [None]
        ),
        "device_peak_bytes": timing.device_peak_bytes(),
        "resident_peak_bytes": timing.resident_peak_bytes(),
    }


def _part_row(case, measured) -> dict[str, object]:
    seconds = measured.ours.seconds
    return {
        "name": measured.part.name,
        "share": measured.part.share,
        "seconds": seconds,
        "picture_steps_per_second": case.batch / seconds,
    }


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(sum(known)) if len(known) == len(values) else None


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
