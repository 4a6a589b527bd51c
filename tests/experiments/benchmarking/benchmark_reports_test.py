"""The table, the ratios and the plots."""

import jax

from experiments.benchmarking import benchmark_reports, cases, peaks, timing


def _row(resolution, seconds, **more):
    case = cases.Case(workload="vgg", family="vgg16", resolution=resolution)
    return {**case.as_json(), "seconds": seconds, **more}


def test_table_leaves_out_columns_nobody_has():
    text = benchmark_reports.table(
        [_row(64, 0.5, flops_per_second=2e9), _row(128, 2.0)]
    )
    assert text.splitlines() == [
        "case                      s/step  GF/s",
        "vgg vgg16 64 x1 float32      0.5     2",
        "vgg vgg16 128 x1 float32       2     -",
    ]


def test_compare_joins_rows_by_name():
    rows = benchmark_reports.compare([_row(64, 0.5), _row(128, 2.0)], [_row(64, 1.0)])
    assert [row.get("compare_ratio") for row in rows] == [2.0, None]


def test_plots_need_two_points(tmp_path):
    rows = [_row(64, 0.5), _row(128, 2.0)]
    assert benchmark_reports.plot(rows, tmp_path / "a.png", "resolution")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert not benchmark_reports.plot(rows, tmp_path / "b.png", "batch")


def test_describes_machine_and_versions():
    report = benchmark_reports.describe()
    assert report["machine"]["backend"] == jax.default_backend()
    assert report["versions"]["jax"] == jax.__version__


def test_alternation_times_everyone_alike():
    calls = []
    callables = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = timing.alternate(callables, num_repeats=3)
    assert calls == ["a", "b"] * 4
    assert times["a"].num_samples == times["b"].num_samples == 3


def test_peaks_are_positive():
    assert all(rate > 0 for rate in peaks.measure("float32", side=64).values())
