"""`experiments.train_encoder` as a whole: files, resuming, divergence."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.launch import command_line
from experiments.training import encoder_stages
from jax_encoder import io
from jax_encoder.io import bundles
from jax_encoder.training import checkpoints, encoder_training
from tests.experiments import tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny generator, and pictures."""
    place = tmp_path_factory.mktemp("place")
    tiny.save(place)
    tiny.write_pictures(place / "mine", "abc")
    return place


@pytest.fixture
def job(place, tmp_path):
    """Three steps on a folder and the generator's own pictures."""
    return encoder_stages.EncoderJob(
        output=tmp_path / "run",
        generator=str(place / "generator"),
        data=str(place / "mine"),
        sample_share=0.5,
        backbone="small",
        num_steps=3,
        checkpoint_every=2,
        log_every=1,
        num_held_out=3,
        networks={"lpips": "none", "identity": "none"},
        changes={
            "batch_size": 4,
            "weights.lpips": 0.0,
            "weights.identity": 0.0,
            "weights.adversarial": 0.0,
            "weights.code": 0.0,
        },
    )


def _rows(job):
    path = job.output / "pictures" / "scalars.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if "loss/total" in row]


def test_a_whole_run_and_going_on(job, place):
    encoder_stages.run(job)
    rows = _rows(job)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert (job.output / "pictures" / "faces_0000003.png").exists()
    measures = json.loads((job.output / "measures.json").read_text())
    assert set(measures) == {"psnr", "lec"}
    encoder = io.load(job.output / "encoder")
    assert encoder(jnp.zeros((1, 8, 8, 3))).shape == (1, 4, 8)
    provenance = bundles.describe(job.output / "encoder")["provenance"]
    assert str(place) not in json.dumps(provenance)
    # As if killed after the checkpoint of the second step.
    state = job.output / "pictures" / "checkpoints"
    (state / "step_3").rename(job.output / "lost")
    encoder_stages.run(job)
    again = io.load(job.output / "encoder")
    np.testing.assert_array_equal(encoder.base.weight[...], again.base.weight[...])
    assert [row["loss/total"] for row in _rows(job)] == [r["loss/total"] for r in rows]


def test_divergence_stops_it_and_keeps_the_last_good_checkpoint(job, monkeypatch):
    original = encoder_training.train_step

    def broken(state, networks, batch, key, *, config):
        if int(state.step) == 2:
            images = batch.images.at[0, 0, 0].set(jnp.nan)
            batch = dataclasses.replace(batch, images=images)
        return original(state, networks, batch, key, config=config)

    monkeypatch.setattr(encoder_training, "train_step", broken)
    with pytest.raises(
        command_line.Failure, match="at step 3.*last good checkpoint is .*step_2"
    ):
        encoder_stages.run(job)
    assert checkpoints.steps(job.output / "pictures" / "checkpoints") == [2]
    assert not bundles.is_bundle(job.output / "encoder")


def test_what_is_no_encoder_is_refused(job, place):
    start = str(place / "generator")
    with pytest.raises(ValueError, match="is no encoder and no face recognizer"):
        encoder_stages.run(dataclasses.replace(job, start=start))


def test_options_are_read():
    found = encoder_stages.parse_changes(
        ["batch_size=4", "weights.l2=0.5", "norm=batch", "ema_half_life=None"]
    )
    assert found == {
        "batch_size": 4,
        "weights.l2": 0.5,
        "norm": "batch",
        "ema_half_life": None,
    }
    with pytest.raises(ValueError, match="--set=fast: give NAME=VALUE"):
        encoder_stages.parse_changes(["fast"])
