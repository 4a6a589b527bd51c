"""The binary, as a person runs it."""

import json
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarking import cases, rows, timing, workloads
from experiments.launch import command_line
from jax_encoder.ops import formulations

ROOT = pathlib.Path(__file__).parents[2]


def _run(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "experiments.benchmark", *arguments],
        cwd=cwd,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow  # Its parts are tested in `benchmarking`; two processes start here.
def test_writes_a_report_and_compares(tmp_path):
    (tmp_path / "peer.py").write_text(
        "import time\n"
        "def make(case):\n"
        "    assert case['resolution'] == 16\n"
        "    return lambda: time.sleep(0.05)\n"
    )
    flags = ("--size=small", "--workloads=mapping", "--resolutions=16", "--nopeak")
    first = _run(*flags, "--reference=peer:make", "--output_dir=out", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    report = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    (row,) = report["rows"]
    assert row["name"] == "mapping stylegan2 16 x1 float32 small"
    assert row["reference_seconds"] >= 0.05
    assert row["reference_ratio"] > 1
    assert row["flops"] == 8 * 2 * 16 * 16
    assert row["cached_compile_seconds"] > 0

    second = _run(*flags, "--nocached", "--compare=out/benchmark.json", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "other/this" in second.stdout


@pytest.mark.parametrize("flag", ["--workloads=juggling", "--without=juggling"])
def test_bad_flags_exit_with_two(flag, tmp_path):
    result = _run(flag, cwd=tmp_path)
    assert result.returncode == 2
    assert "choose of" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["nothing:here", "json:nothing", "json"])
def test_refuses_references_that_do_not_exist(name):
    with pytest.raises(command_line.UsageError, match="MODULE:FUNCTION"):
        rows.load_reference(name)


@pytest.mark.parametrize("workload", ["synthesis", "gradient", "inversion"])
def test_counts_the_work_of_a_step(workload):
    case = cases.Case(
        workload=workload, family="stylegan2", resolution=16, size="small"
    )
    (part,) = workloads.build(case)
    forward = cases.Case(
        workload="synthesis", family="stylegan2", resolution=16, size="small"
    )
    (render,) = workloads.build(forward)
    assert part.flops
    assert render.flops
    least = 1 if workload == "synthesis" else 2
    assert part.flops >= least * render.flops


def test_parts_count_by_their_share_of_the_steps(monkeypatch):
    case = cases.Case(workload="inversion", family="stylegan2", resolution=32)
    x = jnp.ones((4, 4))
    parts = [
        workloads.Part(
            fn=jnp.dot, args=(x, x), name="a", share=0.5, num_steps=2, flops=10.0
        ),
        workloads.Part(fn=jnp.add, args=(x, x), name="b", share=0.25, flops=20.0),
    ]
    monkeypatch.setattr(workloads, "build", lambda case, num_steps: parts)
    timings = iter([4.0, 8.0])

    def alternate(callables, **_):
        seconds = next(timings)
        fields = {"seconds": seconds, "fastest": seconds, "num_samples": 1}
        busy = {"processor_seconds": 2 * seconds, "share": 2.0}
        return {name: timing.Timing(**fields, **busy) for name in callables}

    monkeypatch.setattr(timing, "alternate", alternate)
    row = rows.measure(case, rows.TimingOptions(with_cache=False))
    assert row["seconds"] == 0.5 * 4.0 / 2 + 0.25 * 8.0
    assert row["processor_seconds"] == 2 * row["seconds"]
    assert row["flops"] == 0.5 * 10 + 0.25 * 20
    assert row["parts"] == [
        {"name": "a", "share": 0.5, "seconds": 2.0, "picture_steps_per_second": 0.5},
        {"name": "b", "share": 0.25, "seconds": 8.0, "picture_steps_per_second": 0.125},
    ]


def test_the_same_without_a_formulation_is_the_reference(monkeypatch):
    case = cases.Case(workload="gradient", family="stylegan2", resolution=64)
    x, kernel = jnp.ones((1, 32, 32, 64)), jnp.ones((3, 3, 64, 64))
    part = workloads.Part(fn=formulations.up_conv2d, args=(x, kernel), num_steps=2)
    monkeypatch.setattr(workloads, "build", lambda case, num_steps: [part])
    called = []

    def alternate(callables, **_):
        results = [run() for run in callables.values()]
        np.testing.assert_allclose(*results, rtol=1e-4)
        called.extend(callables)
        fields = {"fastest": 1.0, "num_samples": 1, "share": None}
        return {
            name: timing.Timing(seconds=4.0 * k, processor_seconds=6.0 * k, **fields)
            for k, name in enumerate(callables, start=1)
        }

    monkeypatch.setattr(timing, "alternate", alternate)
    programs = []
    compile_program = timing.compile_program

    def note(fn, arguments, **options):
        programs.append(str(jax.make_jaxpr(lambda *a: fn(*a))(*arguments)))
        return compile_program(fn, arguments, **options)

    monkeypatch.setattr(timing, "compile_program", note)
    options = rows.TimingOptions(with_cache=False, without=("strips",))
    row = rows.measure(case, options)
    assert called == ["ours", "other"]
    assert ["scan" in program for program in programs] == [True, False]
    assert (row["seconds"], row["reference_seconds"]) == (2.0, 4.0)
    assert row["reference_ratio"] == row["reference_processor_ratio"] == 2.0
