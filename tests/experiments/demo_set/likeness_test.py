"""Whether a reconstruction shows the same person."""

import jax
import numpy as np
import pytest

from experiments.demo_set import demo_assets, likeness
from experiments.networks import resources
from jax_encoder import io
from jax_encoder.avatars import face_attributes
from jax_encoder.io import images


@pytest.fixture(scope="module")
def network():
    return io.load(resources.DEMO_NETWORKS["vgg"])


@pytest.fixture(scope="module")
def examples():
    directory = resources.ASSETS / "examples"
    truth = likeness.read_truth(directory)
    return truth, np.stack([images.read(directory / name) for name in truth])


def test_the_bundled_truth_is_complete(examples):
    truth, _ = examples
    assert sorted(truth) == ["rendered_1.png", "rendered_2.png"]
    for name, values in truth.items():
        assert set(values) == set(face_attributes.NAMES)
        beside = (resources.ASSETS / "examples" / name).with_suffix(".npz")
        with np.load(beside) as file:
            kept = [values[key] for key in file["names"]]
            np.testing.assert_allclose(kept, file["attributes"], atol=1e-5)
    assert 0.2 < demo_assets.known_reading_error(resources.ASSETS) < 0.6


def test_renderings_are_read_as_who_they_show(network, examples):
    truth, pictures = examples
    rows = likeness.compare(network, pictures, list(truth.values()))
    test_error = demo_assets.known_reading_error(resources.ASSETS)
    for row in rows:
        assert row["binary_right"]
        assert row["binary_wrong"] == ""
        assert row["attribute_error"] <= likeness.TOLERANCE * test_error
        assert len(row["worst"].split()) == 3


def test_another_person_is_not_taken_for_the_same(network, examples, tmp_path):
    truth, pictures = examples
    first, second = truth
    for name, picture in ((first, pictures[1]), (second, pictures[1])):
        images.write(tmp_path / name, picture)
    folder = resources.ASSETS / "examples"
    rows = [
        {"name": name.removesuffix(".png"), "file": str(folder / name), "status": "ok"}
        for name in (*truth, "unknown.png")
    ]
    judged = likeness.judge(network, rows, tmp_path, truth, 0.39)
    assert [row["same_person"] for row in judged] == [False, True]
    assert "same_person" not in rows[2]
    assert likeness.sentence(judged).startswith("1 of 2 renderings show the same")
    assert judged[1]["differs"] == ""
    assert len(judged[0]["differs"].split()) > 3
    assert "rendered_1 differs in " in likeness.sentence(judged)
    with_glasses = dict(truth[second], glasses=1.0 - truth[second]["glasses"])
    judged = likeness.judge(network, rows, tmp_path, {second: with_glasses}, 0.39)
    assert judged[0]["binary_wrong"] == "glasses"
    assert not judged[0]["same_person"]


def test_held_out_renderings_come_with_their_truth(tmp_path, monkeypatch):
    def draw(people, resolution):  # the renderer takes long to compile
        return np.zeros((len(people), resolution, resolution, 3), np.float32)

    monkeypatch.setattr(likeness.face_rendering, "render", draw)
    likeness.write_renderings(tmp_path, 2, 16)
    truth = likeness.read_truth(tmp_path)
    assert sorted(truth) == ["rendered_001.png", "rendered_002.png"]
    assert images.read(tmp_path / "rendered_001.png").shape == (16, 16, 3)
    assert likeness.read_truth(tmp_path / "elsewhere") == {}
    people = face_attributes.sample(jax.random.key(likeness._HELD_OUT_SEED), 2)
    names = face_attributes.NAMES
    found = [[one[name] for name in names] for one in truth.values()]
    np.testing.assert_allclose(found, people, atol=1e-5)
