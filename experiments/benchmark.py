"""Times the library on the machine at hand.

Every row is warmed up and the median counts. `--reference` times something of yours in
turn with it, in the same process: a function that takes the fields of a case and
returns a callable that makes one step (or None). On a shared machine pin everything to
one processor and read the ratios, not the seconds.

    python -m experiments.benchmark --workloads=inversion --resolutions=256,1024
    python -m experiments.benchmark --threads=1 --workloads=inversion \
      --reference=my_torch_model:make_step
    python -m experiments.benchmark --resolutions=64,256,1024 --batches=1,8 \
      --output_dir=docs/benchmarks/cpu --compare=docs/benchmarks/old/benchmark.json
"""

import contextlib
import json
import pathlib

import jax
from absl import flags

from experiments.benchmarking import benchmark_reports, cases, peaks, plain, rows
from experiments.launch import command_line, flag_types
from jax_encoder.io import files
from jax_encoder.ops import backends

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    ["inversion"],
    f"What to time: all, or of {', '.join(cases.WORKLOADS)}.",
)
_FAMILIES = flags.DEFINE_list(
    "families", ["stylegan2"], f"Generators, of {', '.join(cases.FAMILIES)}."
)
_RESOLUTIONS = flags.DEFINE_list("resolutions", ["256"], "Sides of the pictures.")
_BATCHES = flags.DEFINE_list("batches", ["1"], "Pictures at once.")
_DTYPES = flags.DEFINE_list("dtypes", ["float32"], "Of the convolutions; or bfloat16.")
_STAGES = flags.DEFINE_string(
    "stages", "", "Also time inversions from coarse to fine: SHARE:RESOLUTION,..."
)
_LAYERS = flags.DEFINE_list(
    "layers", [], "Of filtered_lrelu, by number; default: the busiest."
)
_SIZE = flags.DEFINE_enum("size", "full", ["full", "small"], "Of the networks.")
_FORMULATIONS = flags.DEFINE_enum(
    "formulations", "fast", ["fast", "plain"], "Of the convolutions."
)
_WITHOUT = flags.DEFINE_list(
    "without",
    [],
    "Time the same in turn, as the reference, without these formulations:"
    f" {', '.join(plain.SPECIAL)}.",
)
_REPEATS = flag_types.define_integer("repeats", 5, "Timed calls per program.", 1)
_STEPS = flag_types.define_integer("steps", 5, "Steps of an inversion per call.", 1)
_MAX_SECONDS = flag_types.define_number(
    "max_seconds", 120, "For one program's calls.", 0
)
_CACHE = flags.DEFINE_boolean("cached", True, "Time the start from the cache too.")
_PEAK = flags.DEFINE_boolean("peak", True, "Measure what utilization refers to.")
_THREADS = flag_types.define_integer("threads", None, "Pin to so many processors.", 1)
_REFERENCE = flags.DEFINE_string("reference", None, "MODULE:FUNCTION to time in turn.")
_COMPARE = flags.DEFINE_string("compare", None, "benchmark.json of another run.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "For benchmark.json and plots.")


def main(argv):
    """Measures, prints, writes; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    selected = _cases()
    if _THREADS.value:
        rows.pin(_THREADS.value)  # First: the backend counts processors when it starts.
    _check_without()
    reference = rows.load_reference(_REFERENCE.value) if _REFERENCE.value else None
    others = _read(_COMPARE.value) if _COMPARE.value else None
    options = rows.TimingOptions(
        num_repeats=_REPEATS.value,
        num_steps=_STEPS.value,
        max_seconds=_MAX_SECONDS.value,
        with_cache=_CACHE.value,
        without=tuple(_WITHOUT.value),
    )
    is_plain = _FORMULATIONS.value == "plain"
    with plain.without() if is_plain else contextlib.nullcontext():
        dtypes = _DTYPES.value if _PEAK.value else []
        peak = {dtype: peaks.measure(dtype) for dtype in dtypes}
        measured = []
        for case in selected:
            row = rows.measure(case, options, peaks=peak, reference=reference)
            measured.append(row)
            print(f"{case.name}: {row['seconds']:.4g} s", flush=True)
    if others:
        measured = benchmark_reports.compare(measured, others)
    print(benchmark_reports.table(measured))
    if _OUTPUT_DIR.value:
        _write(pathlib.Path(_OUTPUT_DIR.value), measured, peak)
    return 0


def _check_without() -> None:
    """Refuses formulations that there are not, and two references at once."""
    if unknown := set(_WITHOUT.value) - set(plain.SPECIAL):
        raise command_line.UsageError(
            f"--without={sorted(unknown)}: choose of {', '.join(plain.SPECIAL)}."
        )
    if _WITHOUT.value and (_REFERENCE.value or _FORMULATIONS.value == "plain"):
        raise command_line.UsageError(
            "--without excludes --reference and --formulations=plain."
        )
    if _WITHOUT.value and jax.default_backend() not in backends.BACKENDS:
        raise command_line.UsageError(
            f"--without: {jax.default_backend()} has no special formulations."
        )


def _cases() -> list[cases.Case]:
    names = cases.WORKLOADS if "all" in _WORKLOADS.value else _WORKLOADS.value
    try:
        selected = list(
            cases.expand(
                workloads=names,
                families=_FAMILIES.value,
                resolutions=[int(side) for side in _RESOLUTIONS.value],
                batches=[int(batch) for batch in _BATCHES.value],
                dtypes=_DTYPES.value,
                stages=command_line.parse_stages(_STAGES.value),
                layers=[int(layer) for layer in _LAYERS.value],
                size=_SIZE.value,
            )
        )
    except ValueError as error:
        raise command_line.UsageError(str(error)) from error
    if not selected:
        raise command_line.UsageError("No family has these workloads.")
    return selected


def _read(path: str) -> list[dict]:
    try:
        return json.loads(pathlib.Path(path).read_text())["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise command_line.UsageError(
            f"--compare={path}: not a benchmark.json ({error})."
        ) from error


def _write(directory: pathlib.Path, measured, peak) -> None:
    report = {
        **benchmark_reports.describe(),
        "formulations": _FORMULATIONS.value,
        "reference": _REFERENCE.value,
        "without": _WITHOUT.value,
        "threads": _THREADS.value,
        "peak_flops_per_second": peak,
        "rows": measured,
    }
    files.make_directory(directory)
    files.write_json(directory / "benchmark.json", report)
    for axis in ("resolution", "batch"):
        benchmark_reports.plot(measured, directory / f"benchmark_{axis}.png", axis)


if __name__ == "__main__":
    command_line.run(main)
