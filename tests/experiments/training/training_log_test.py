"""What a training leaves behind: scalars, curves, sheets; also after a kill."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training import training_log
from jax_encoder.io import images


def _rows(directory):
    lines = (directory / "scalars.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_means_of_what_was_reported_since_the_last_time(tmp_path):
    log = training_log.TrainingLog(tmp_path)
    log.add({"loss/a": jnp.asarray(1.0)}, 4)
    log.add({"loss/a": jnp.asarray(3.0), "loss/b": 5.0}, 4)
    assert "loss/a 2, loss/b 5" in log.flush(2)
    log.add({"loss/a": 7.0}, 4)
    log.flush(3)
    rows = _rows(tmp_path)
    assert [row["step"] for row in rows] == [2, 3]
    assert [row["loss/a"] for row in rows] == [2.0, 7.0]
    assert rows[0]["speed/pictures_per_second"] > 0


def test_events_curves_and_sheets_are_written(tmp_path):
    log = training_log.TrainingLog(tmp_path)
    for step in (1, 2):
        log.add({"loss/a": float(step)}, 4)
        log.flush(step)
        log.measures(step, {"fid": 2.0 / step, "fid_real": 0.1, "ppl": 30.0 * step})
    log.curves()
    log.sheet("sheet", np.zeros((16, 4, 4, 3)))
    log.close()
    assert images.read(tmp_path / "sheet.png").shape == (8, 32, 3)
    for name in ("curves.png", "measures.png"):
        assert images.read(tmp_path / name).std() > 0.01, name
    events = b"".join(path.read_bytes() for path in (tmp_path / "events").iterdir())
    for name in (b"loss/a", b"measure/fid", b"measure/ppl", b"sheet"):
        assert name in events
    assert [r["measure/fid"] for r in _rows(tmp_path) if "measure/fid" in r] == [2, 1]


def test_a_training_that_diverges_is_drawn_too(tmp_path):
    log = training_log.TrainingLog(tmp_path)
    log.curves()  # nothing yet
    log.measures(1, {"fid": float("inf"), "fid_real": 0.1, "ppl": float("nan")})
    assert images.read(tmp_path / "measures.png").std() > 0.01


def test_a_resumed_training_forgets_what_it_will_repeat(tmp_path):
    log = training_log.TrainingLog(tmp_path)
    for step in (10, 20, 30):
        log.add({"loss/a": float(step)}, 1)
        log.flush(step)
    with (tmp_path / "scalars.jsonl").open("a") as file:
        file.write('{"step": 40, "loss/')  # killed while writing
    log = training_log.TrainingLog(tmp_path, 20)
    log.add({"loss/a": 3.0}, 1)
    log.flush(30)
    log.curves()
    assert [row["step"] for row in _rows(tmp_path)] == [10, 20, 30]
    assert _rows(tmp_path)[-1]["loss/a"] == 3.0


def test_pauses_are_left_out_of_the_speed(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(training_log.time, "monotonic", lambda: now[0])
    log = training_log.TrainingLog(tmp_path)
    log.add({}, 50)
    now[0] += 2.0
    with log.paused():
        now[0] += 60.0
    now[0] += 3.0
    log.flush(1)
    speed = _rows(tmp_path)[0]["speed/pictures_per_second"]
    assert speed == pytest.approx(10.0)
