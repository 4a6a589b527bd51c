"""`experiments.train_gan` as a whole: flags, files, measures, resuming."""

import dataclasses
import json

import numpy as np
import pytest

from experiments.training import training_measures, training_stages
from jax_encoder import io
from jax_encoder.io import bundles, images


@pytest.fixture
def job(tmp_path):
    """Two steps in half precision, on a folder of pictures."""
    rng = np.random.default_rng(0)
    (tmp_path / "mine").mkdir()
    for index in range(3):
        picture = rng.uniform(-1.0, 1.0, (9, 11, 3)).astype(np.float32)
        images.write(tmp_path / "mine" / f"{index}.png", picture)
    changes = {"dtype": "bfloat16", "batch_size": 4, "mixing_probability": 0.9}
    return training_stages.GANJob(
        output=tmp_path / "run",
        data=str(tmp_path / "mine"),
        preset="avatars",
        resolution=8,
        changes=changes | {"path_interval": 0, "r1_interval": 0},
        num_steps=2,
        checkpoint_every=1,
        log_every=1,
    )


def test_trains_on_a_folder_in_half_precision_and_goes_on(job):
    training_stages.run(job)
    root = job.output / "adversarial"
    rows = [json.loads(x) for x in (root / "scalars.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(row["loss/generator"]) for row in rows)
    measures = json.loads((job.output / "measures.json").read_text())
    assert "16 pixels" in measures["note"]
    first = io.load(job.output / "generator")
    provenance = bundles.describe(job.output / "generator")["provenance"]
    assert "--data=mine --" not in provenance["command"]
    assert provenance["command"].endswith("--data=mine")
    assert str(job.output.parent) not in json.dumps(provenance)
    # What is done is not done again; what is asked for in addition is.
    training_stages.run(dataclasses.replace(job, num_steps=3, num_fid=0))
    rows = (root / "scalars.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3]
    again = io.load(job.output / "generator")
    weights = (g.synthesis.b8.conv1.weight[...] for g in (first, again))
    assert np.any(np.not_equal(*weights))


def test_a_generator_of_another_size_is_refused(job):
    start = str(training_measures.resources.DEMO_GENERATOR)
    with pytest.raises(ValueError, match="--resolution=64"):
        training_stages.run(dataclasses.replace(job, start=start))


def test_measures_are_taken_where_asked_for(job):
    def taken(every, steps=9, **changes):
        asked = dataclasses.replace(job, measure_every=every, **changes)
        is_measured = training_stages._is_measured
        return [k for k in range(1, steps + 1) if is_measured(asked, k, k == steps)]

    assert taken(3) == [3, 6, 9]
    assert taken(4) == [4, 8, 9]
    assert taken(0) == []
    assert taken(None, checkpoint_every=2) == [8, 9]
    assert taken(3, num_fid=0) == []


def test_the_judge_says_which_network_and_measures_real_pictures_once(monkeypatch):
    evaluation = training_measures.generator_evaluation
    seen = []
    real = evaluation.RealPictures(statistics=None, fid_real=0.5)
    monkeypatch.setattr(
        evaluation, "real_pictures", lambda *_, **__: seen.append("real") or real
    )
    monkeypatch.setattr(evaluation, "fid", lambda *_, **__: 2.0)
    monkeypatch.setattr(evaluation, "ppl", lambda *_, num, **__: float(num))
    source = dataclasses.make_dataclass("Source", ["network"])(None)
    monkeypatch.setattr(training_measures.resources, "load", lambda path, role: source)
    networks = training_measures.MeasuringNetworks()
    judge = training_measures.GeneratorMeasures(networks, lambda *_: None, 64, num=100)
    found = judge.measure(None)
    assert judge.measure(None) == found == judge.latest
    assert seen == ["real"]
    assert found["network"] == "avatar_vgg"
    assert (found["fid"], found["fid_real"], found["ppl"]) == (2.0, 0.5, 25.0)
    named = training_measures.MeasuringNetworks(inception="weights/pt_inception.pth")
    judge = training_measures.GeneratorMeasures(named, lambda *_: None, 64, num=100)
    assert judge.measure(None)["network"] == "Inception: pt_inception.pth"
    absent = training_measures.MeasuringNetworks(vgg="nowhere")
    judge = training_measures.GeneratorMeasures(absent, lambda *_: None, 64, num=100)
    assert "missing" in judge.measure(None)["note"]
