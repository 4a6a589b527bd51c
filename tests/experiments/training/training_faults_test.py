"""A training that breaks, or is resumed as another one."""

import dataclasses
import json
import pathlib

import pytest
from PIL import Image

from experiments.runs import settings
from experiments.training import training_stages
from jax_encoder.training import sources


@pytest.fixture
def job(tmp_path):
    return training_stages.GANJob(
        output=tmp_path / "out", num_steps=9, checkpoint_every=1, num_fid=0
    )


def test_resumed_under_other_settings(job):
    training_stages._claim(dataclasses.replace(job, seed=5))  # and nothing came of it
    training_stages._claim(job)
    (job.output / "adversarial").mkdir()
    training_stages._claim(dataclasses.replace(job, num_steps=20, log_every=7))
    other = dataclasses.replace(
        job, data="OTHER", seed=7, changes={"r1_gamma": 99.0}, num_steps=6
    )
    with pytest.raises(settings.SettingsError) as caught:
        training_stages._claim(other)
    text = str(caught.value)
    for change in (
        "data: faces then, OTHER now",
        "seed: 0 then, 7 now",
        "r1_gamma: none then, 99.0 now",
    ):
        assert change in text
    assert "num_steps" not in text
    noted = json.loads((job.output / "settings.json").read_text())
    assert noted["seed"] == 0


def test_a_bad_picture_does_not_stop_a_training(tmp_path):
    for name in "abc":
        Image.new("RGB", (8, 8), "red").save(tmp_path / f"{name}.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    lines: list[str] = []
    draw = sources.folder(tmp_path, 8, say=lines.append)
    assert draw(0, 4).shape == (4, 8, 8, 3)
    text = "\n".join(lines)
    assert "cut.png" in text
    assert "empty.png" in text
    assert "notes.txt" in text
    for name in "abc":
        pathlib.Path(tmp_path / f"{name}.png").unlink()
    with pytest.raises(ValueError, match="None of the 2 pictures"):
        sources.folder(tmp_path, 8)
