"""The binary that renders faces."""

import csv
import json

import jax
import numpy as np
import pytest
from absl.testing import flagsaver

from experiments import render_faces
from experiments.launch import command_line
from jax_encoder.avatars import face_attributes
from jax_encoder.io import images


def _run(directory, **options):
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    options = {"num": 3, "resolution": 16, "output_dir": str(directory)} | options
    with flagsaver.flagsaver(**options):
        return render_faces.main(["render_faces"])


def test_writes_faces_and_what_they_show(tmp_path):
    assert _run(tmp_path, seed=4, prefix="face_") == 0
    names = [f"face_{i:06d}.png" for i in range(3)]
    assert [path.name for path in images.find(tmp_path)] == names
    assert images.read(tmp_path / names[0]).shape == (16, 16, 3)
    people = np.asarray(face_attributes.sample(jax.random.key(4), 64))[:3]
    table = json.loads((tmp_path / "attributes.json").read_text())
    assert list(table) == names
    assert list(table[names[1]]) == list(face_attributes.NAMES)
    np.testing.assert_allclose(list(table[names[1]].values()), people[1], atol=1e-5)
    with np.load(tmp_path / "attributes.npz") as archive:
        np.testing.assert_array_equal(archive["attributes"], people)
    with open(tmp_path / "attributes.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", *face_attributes.NAMES]
    np.testing.assert_allclose(np.array(rows[1][1:], float), people[0], rtol=1e-6)
    assert _run(tmp_path / "sheet", seed=4, sheet=True, columns=2) == 0
    sheet = images.read(tmp_path / "sheet" / "sheet.png")
    assert sheet.shape[0] >= 32
    assert sheet.shape[1] >= 32


def test_refuses_arguments():
    with pytest.raises(command_line.UsageError, match="extra"):
        render_faces.main(["render_faces", "extra"])
