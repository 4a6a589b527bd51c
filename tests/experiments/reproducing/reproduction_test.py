import json
import stat
import sys

import pytest

from experiments.launch import command_line
from experiments.reproducing import demo_table, published_numbers, reproduction
from jax_encoder.inversion import presets


def test_every_published_row_has_a_command_and_says_what_is_missing(tmp_path):
    results = [
        published_numbers.check(r, tmp_path, tmp_path)
        for r in published_numbers.PUBLISHED
    ]
    assert {result.verdict for result in results} == {"missing"}
    for row, result in zip(published_numbers.PUBLISHED, results, strict=True):
        assert all(name in result.sentence for name in row.needs)
        assert result.command.startswith("python -m experiments.evaluate")
        assert str(tmp_path) in result.command


@pytest.mark.parametrize(("found", "verdict"), [(4.42, "within"), (4.7, "outside")])
def test_a_row_is_run_where_its_files_are(tmp_path, monkeypatch, found, verdict):
    row = published_numbers.PUBLISHED[0]
    for name in row.needs:
        (tmp_path / name).mkdir()
    program = tmp_path / "python"
    content = json.dumps({"sets": {"fid": found}})
    program.write_text(
        "#!/bin/sh\nfor a; do case $a in --output_dir=*) o=${a#*=};; esac; done\n"
        f'mkdir -p "$o"; echo \'{content}\' > "$o/evaluation.json"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(program))
    result = published_numbers.check(row, tmp_path, tmp_path)
    assert (result.verdict, result.found) == (verdict, found)


def test_a_command_that_fails_is_told(tmp_path):
    row = published_numbers.PUBLISHED[1]
    for name in row.needs:
        (tmp_path / name).write_text("no checkpoint")
    program = "/bin/false"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", program)
        assert "failed" in published_numbers.check(row, tmp_path, tmp_path).sentence


def test_the_training_configurations_are_the_published_ones():
    results = published_numbers.configurations()
    assert {r.verdict for r in results} == {"within"}, results
    assert len(results) == 5


def test_the_report_has_every_row(tmp_path):
    columns = dict.fromkeys(demo_table.COLUMNS, 1.5)
    rows = {name: {"num_steps": 3, **columns} for name in presets.names()}
    own = {"attribute_error": 0.1, "edit_effect": 1.0, "edit_leak": 0.0}
    table = {
        "settings": {"num_pictures": 2, "max_steps": 3},
        "own": own,
        "rows": rows,
    }
    results = [
        published_numbers.check(r, tmp_path, tmp_path)
        for r in published_numbers.PUBLISHED
    ]
    text = reproduction.report(results, table, reproduction.Task(command="x"))
    assert all(f"| {name} |" in text for name in presets.names())
    assert all(row.name in text for row in published_numbers.PUBLISHED)
    assert all(f"- {name}:" in text for name in demo_table.COLUMNS)


def test_unknown_presets_are_refused(tmp_path):
    task = reproduction.Task(runs_published=False, only=("fastest",))
    with pytest.raises(command_line.UsageError, match="the presets are"):
        reproduction.run(task, str(tmp_path))


@pytest.mark.slow
def test_a_preset_is_measured_where_the_truth_is_known(tmp_path):
    task = reproduction.Task(
        runs_published=False, only=("encoder",), num_pictures=2, max_steps=1
    )
    assert reproduction.run(task, str(tmp_path)) == 0
    table = json.loads((tmp_path / "demo.json").read_text())
    row = table["rows"]["encoder"]
    assert 0 < row["latent_error"] < 1
    assert row["psnr"] > 15
    assert 0 < row["identity"] <= 1
    assert row["edit_effect"] > 0.3
    assert table["own"]["attribute_error"] < 1
