"""`experiments.train_regressor` as a whole."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.networks import resources
from experiments.training import regressor_stages
from jax_encoder import io
from jax_encoder.nn import vgg
from jax_encoder.training import weight_optimizers
from tests.experiments import tiny

VGG = vgg.VGGConfig(
    channels=((4,),),
    fc_sizes=(6,),
    num_outputs=2,
    pool_size=2,
    input_size=8,
    preprocessing="none",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny generator, and a network of descriptors."""
    place = tmp_path_factory.mktemp("place")
    tiny.save(place)
    io.save(vgg.VGG(VGG, rngs=nnx.Rngs(0)), place / "vgg")
    return place


@pytest.fixture
def job(place, tmp_path):
    return regressor_stages.RegressorJob(
        output=tmp_path / "run",
        task="descriptor_to_w",
        generator=str(place / "generator"),
        identity=str(place / "vgg"),
        optimizer=weight_optimizers.OptimizerConfig(num_steps=3),
        batch_size=4,
        checkpoint_every=2,
        log_every=1,
        num_held_out=4,
    )


def test_descriptors_to_codes_from_samples_and_going_on(job):
    report = regressor_stages.run(job)
    assert set(report) == {"loss", "loss_of_mean"}
    trained = io.load(job.output / "regressor")
    assert trained(jnp.ones((1, 6))).shape == (1, 4, 8)
    (job.output / "checkpoints" / "step_3").rename(job.output / "lost")
    assert regressor_stages.run(job) == report
    rows = (job.output / "scalars.jsonl").read_text().splitlines()
    steps = [json.loads(row)["step"] for row in rows if "loss/cosine" in row]
    assert steps == [1, 2, 3]


def test_descriptors_to_z(job):
    regressor_stages.run(dataclasses.replace(job, task="descriptor_to_z"))
    trained = io.load(job.output / "regressor")
    assert trained(jnp.ones((1, 6))).shape == (1, 8)


def test_a_head_on_a_folder_with_labels(job, tmp_path):
    pictures = tiny.write_pictures(tmp_path / "mine", "abcdefgh")
    np.save(tmp_path / "poses.npy", np.random.default_rng(0).normal(size=(8, 3)))
    asked = dataclasses.replace(
        job, task="head", data=str(pictures), labels=str(tmp_path / "poses.npy")
    )
    regressor_stages.run(asked)
    trained = io.load(job.output / "regressor")
    assert trained(jnp.ones((1, 6))).shape == (1, 3)
    with pytest.raises(ValueError, match="needs --labels"):
        regressor_stages.run(dataclasses.replace(asked, labels=None))


def test_what_cannot_be_is_refused(job):
    with pytest.raises(ValueError, match="neither a folder, nor samples, nor named"):
        regressor_stages.run(dataclasses.replace(job, data="faces"))
    with pytest.raises(ValueError, match="z needs 45 numbers, this generator's has 8"):
        regressor_stages.run(dataclasses.replace(job, data="named"))
    head = dataclasses.replace(job, task="head")
    with pytest.raises(ValueError, match="needs --attributes, or a folder"):
        regressor_stages.run(head)
    with pytest.raises(ValueError, match="no attribute 'nose'; there are: "):
        regressor_stages.run(dataclasses.replace(head, attributes=("nose",)))
    assert resources.DEMO_GENERATOR.exists()
