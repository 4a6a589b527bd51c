"""The binary, end to end with tiny networks on a CPU; and what it says of failures."""

import json
import pathlib
import subprocess
import sys

import pytest

from experiments.benchmarking import accelerator, budgeted, limits, profiles

ROOT = pathlib.Path(__file__).parents[2]


def _step(section, name, run):
    return accelerator.Step(section=section, name=name, run=run)


def _fail(_):
    raise RuntimeError("out of memory\nand a long story")


def test_a_failure_harms_no_other_step_and_all_is_saved():
    saved = []
    result = budgeted.measure(
        [
            _step("peak", "peak", lambda _: {"flops": 3}),
            _step("parity", "bad", _fail),
            _step("inversion", "good", lambda peak: {"seen": peak["flops"]}),
            _step("profile", "many", lambda _: [{"a": 1}, {"a": 2}]),
        ],
        100.0,
        lambda sections, running: saved.append((running, json.dumps(sections))),
    )
    (bad,) = result["parity"]
    assert bad["error"] == "RuntimeError: out of memory"
    assert bad["where"].startswith("check_accelerator_test.py:")
    assert result["inversion"][0]["seen"] == 3
    assert [row["a"] for row in result["profile"]] == [1, 2]
    first, *others = [running for running, _ in saved]
    assert first.startswith("compilations")
    assert others == ["peak", "bad", "good", "many", ""]
    assert json.loads(saved[3][1])["parity"] == [bad]


def test_a_wave_is_prepared_before_any_of_it_runs():
    done = []

    def step(index, wave, prepare):
        return accelerator.Step(
            section="parity",
            name=str(index),
            run=lambda _: done.append(f"run {index}") or {},
            prepare=prepare,
            wave=wave,
        )

    steps = [
        step(0, 0, lambda: done.append("prepare 0")),
        step(1, 0, lambda: _fail(None)),
        step(2, 0, lambda: done.append("prepare 2")),
        step(3, 0, None),
        step(4, 1, lambda: done.append("prepare 4")),
    ]
    result = budgeted.measure(steps, 100.0, lambda *_: None)
    assert set(done[:2]) == {"prepare 0", "prepare 2"}
    assert done[2:6] == ["run 0", "run 1", "run 2", "run 3"]
    assert done[6:] == ["prepare 4", "run 4"]
    assert ["prepared_seconds" in row for row in result["parity"]] == [
        *(True, False, True, False, True)
    ]


def test_what_was_prepared_runs_though_its_section_is_over(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(budgeted.time, "monotonic", lambda: now[0])

    def prepare():
        now[0] = 90.0

    step = accelerator.Step(
        section="parity", name="a", run=lambda _: {"fine": 1}, prepare=prepare
    )
    late = _step("parity", "b", lambda _: {})
    rows = budgeted.measure([step, late], 100.0, lambda *_: None)["parity"]
    assert rows[0]["fine"] == 1
    assert "skipped" in rows[1]


def test_late_steps_are_left_out_with_the_reason(monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(budgeted.time, "monotonic", lambda: float(next(clock)))
    steps = [_step("parity", str(i), lambda _: {}) for i in range(9)]
    steps.append(_step("profile", "last", lambda _: {}))
    result = budgeted.measure(steps, 400.0, lambda *_: None)
    skipped = [row for row in result["parity"] if "skipped" in row]
    assert 0 < len(skipped) < 9
    assert "may begin steps until 200 s" in skipped[0]["skipped"]
    assert "skipped" not in result["profile"][0]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1.0, "Products limit it: 60%"), (2.0, "Nothing alone"), (9.0, "Starts of")],
)
def test_says_what_limits_a_row(seconds, expected):
    row = {"utilization": 0.6 / seconds, "moved_bytes": 5e11, "seconds": seconds}
    assert limits.verdict(row, {"bytes_per_second": 1e12}).startswith(expected)
    assert limits.verdict({"seconds": 1.0}, {}).startswith("Its limit is unknown")


def test_profiles_by_operation():
    import jax
    import jax.numpy as jnp

    program = jax.jit(lambda x: jnp.tanh(x @ x).sum())
    x = jnp.ones((300, 300))
    program(x).block_until_ready()
    rows = profiles.by_operation(lambda: program(x).block_until_ready(), num_calls=2)
    assert rows
    assert sum(row["share"] for row in rows) <= 1 + 1e-9
    assert rows == sorted(rows, key=lambda row: -row["seconds"])


@pytest.mark.slow
def test_goes_through_every_section(tmp_path):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "experiments.check_accelerator", "--size=small"),
            *("--minutes=9", f"--output_dir={tmp_path / 'out'}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out" / "accelerator.json").read_text())
    assert report["outcome"].startswith("All steps were gone through")
    for section, rows in report["sections"].items():
        assert rows, section
        assert not any("error" in row for row in rows), rows
    assert all(row["passes"] for row in report["sections"]["parity"])
    page = (tmp_path / "out" / "accelerator.md").read_text()
    assert page.strip() in result.stdout
    assert "limit" in page


@pytest.mark.slow
def test_a_cut_leaves_what_was_measured(tmp_path):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "experiments.check_accelerator", "--size=small"),
            *("--minutes=0.5", f"--output_dir={tmp_path / 'out'}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out" / "accelerator.json").read_text())
    assert "The time was up" in result.stdout or "All steps" in report["outcome"]
    assert report["sections"]["parity"]
