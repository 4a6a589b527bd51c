"""A training that breaks, or is resumed as another one."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments.launch import command_line
from experiments.runs import settings
from experiments.training import training_log, training_stages
from jax_encoder.training import checkpoints, sources


@pytest.fixture
def job(tmp_path):
    return training_stages.GANJob(
        output=tmp_path / "out", num_steps=9, checkpoint_every=1, num_fid=0
    )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    step: jax.Array
    weights: jax.Array


class Judge:
    latest = None


def note(job, log, step, weight):
    """What the loops do after every step; drawing is cut short."""
    state = State(step=jnp.asarray(step), weights=jnp.asarray([weight, 1.0]))
    training_stages._note(job, log, Judge(), state, lambda: None, job.num_steps)


@pytest.fixture
def log(job, monkeypatch):
    monkeypatch.setattr(
        training_stages.evaluation, "samples", lambda *_, **__: [np.zeros((8, 4, 4, 3))]
    )
    return training_log.TrainingLog(job.output / "adversarial")


def test_it_stops_at_the_first_loss_that_is_not_finite(job, log):
    job = dataclasses.replace(job, checkpoint_every=4, log_every=50)
    for step in range(1, 8):
        loss = np.nan if step >= 6 else 1.0
        log.add({"loss/generator": loss, "logits/real": np.nan}, 4)
        note(job, log, step, 1.0)
    log.add({"loss/generator": np.nan}, 4)
    with pytest.raises(
        command_line.Failure, match=r"step 6: loss/generator is no .*step_4.*learning"
    ):
        note(job, log, 8, 1.0)
    assert checkpoints.steps(log.directory / "checkpoints") == [4]


def test_it_stops_at_the_first_weight_that_is_not_finite(job, log):
    for step, weight in enumerate((1.0, 1.0, np.inf), 1):
        log.add({"loss/generator": 1.0}, 4)
        if step < 3:
            note(job, log, step, weight)
    with pytest.raises(command_line.Failure, match=r"step 3: weights .*step_2"):
        note(job, log, 3, np.inf)
    assert checkpoints.steps(log.directory / "checkpoints") == [1, 2]
    log.close()


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
