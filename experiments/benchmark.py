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

import json
import pathlib

from absl import flags

from experiments.benchmarking import benchmark_flags, benchmark_reports, peaks, rows
from experiments.launch import command_line, outputs
from jax_encoder.io import files

_COMPARE = flags.DEFINE_string(
    "compare", None, "The benchmark.json of another run to compare with."
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Where benchmark.json and the plots go."
)

flags.adopt_module_key_flags(benchmark_flags)


def main(argv):
    """Measures, prints, writes; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    selected = benchmark_flags.selected()
    benchmark_flags.pin()
    reference = benchmark_flags.reference()
    others = _read(_COMPARE.value) if _COMPARE.value else None
    options = benchmark_flags.options()
    with benchmark_flags.formulations():
        peak = {dtype: peaks.measure(dtype) for dtype in benchmark_flags.peak_types()}
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
        **benchmark_flags.about(),
        "peak_flops_per_second": peak,
        "rows": measured,
    }
    outputs.claim(directory)
    files.write_json(directory / "benchmark.json", report)
    for axis in ("resolution", "batch"):
        benchmark_reports.plot(measured, directory / f"benchmark_{axis}.png", axis)


if __name__ == "__main__":
    command_line.run(main)
