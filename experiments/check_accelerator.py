"""Measures the accelerator at hand in at most nine minutes, most important first.

Wants nothing but this checkout, its core packages and a device that JAX sees. PyTorch
with CUDA, where there is one, is timed beside. Programs are compiled in waves, several
at once, before they are timed. After every step the report is written anew, so that a
machine that is taken away leaves what was measured: golden parity, the inversion step
in all sizes, PyTorch's in turn, pictures per hour, StyleGAN3, training, and a profile;
and a page that says what limits each row.

    python -m experiments.check_accelerator
    python -m experiments.check_accelerator --nvidia=../stylegan3 --output_dir=h100
"""

import os
import pathlib

from absl import flags

import experiments
from experiments.launch import command_line, flag_types, outputs

_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "accelerator", "Where accelerator.json and accelerator.md go."
)
_MINUTES = flag_types.define_number("minutes", 9, "How many minutes it may take.", 0)
_SIZE = flags.DEFINE_enum(
    "size", "full", ["full", "small"], "Size of networks; small ones try the machinery."
)
_GOLDEN = flags.DEFINE_string(
    "golden", None, "The folder of fixtures; default: tests/golden of the checkout."
)
_NVIDIA = flags.DEFINE_string(
    "nvidia", None, "A checkout of NVIDIA's stylegan2-ada-pytorch or stylegan3."
)
_RESERVE = 8.0  # seconds, for the last page


def main(argv):
    """Measures, writes, prints the page; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    # PyTorch wants a part of the device's memory too.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    from experiments.benchmarking import accelerator, budgeted

    seconds = 60.0 * _MINUTES.value
    golden = _GOLDEN.value or pathlib.Path(experiments.__path__[0], "../tests/golden")
    plan = accelerator.DevicePlan(
        size=_SIZE.value,
        golden=pathlib.Path(golden),
        nvidia=pathlib.Path(_NVIDIA.value).resolve() if _NVIDIA.value else None,
    )
    report = _Report(pathlib.Path(_OUTPUT_DIR.value))
    timer = budgeted.leave_at(seconds, lambda: report.finish("The time was up"))
    rest = max(seconds - _RESERVE, 0.9 * seconds)
    budgeted.measure(accelerator.steps(plan), rest, report.save)
    timer.cancel()
    report.finish("All steps were gone through")
    return 0


class _Report:
    """The files of a run, written anew before every step."""

    def __init__(self, directory: pathlib.Path):
        from experiments.benchmarking import accelerator, benchmark_reports, budgeted

        self._directory, self._running = outputs.claim(directory), ""
        self._content = benchmark_reports.describe() | {"outcome": "It was cut off."}
        self._content["compilers"] = budgeted.num_compilers()
        self._content["sections"] = {name: [] for name in accelerator.SECTIONS}

    def save(self, sections, running):
        """Keeps what was measured so far, and says what comes next."""
        self._running = running
        self._content["sections"] = {k: list(rows) for k, rows in sections.items()}
        self._write("It was cut off")
        print(running, flush=True)

    def finish(self, outcome: str):
        """Writes and prints the page."""
        from experiments.benchmarking import limits
        from jax_encoder.io import files

        self._write(outcome)
        page = limits.page(self._content)
        files.write_bytes(self._directory / "accelerator.md", page.encode())
        print(page, flush=True)

    def _write(self, outcome):
        from jax_encoder.io import files

        during = f" during: {self._running}." if self._running else "."
        self._content["outcome"] = outcome + during
        files.write_json(self._directory / "accelerator.json", self._content)


if __name__ == "__main__":
    command_line.run(main)
