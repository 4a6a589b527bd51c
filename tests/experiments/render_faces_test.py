"""The binary that renders faces."""

import csv
import json

import jax
import numpy as np

from jax_encoder.avatars import face_attributes
from jax_encoder.io import images
from tests.experiments import several


def test_writes_faces_and_what_they_show(tmp_path):
    sheet = tmp_path / "sheet"
    plain = ["--num=3", "--resolution=16", "--seed=4"]
    results = several.call(
        "render_faces",
        [
            [*plain, "--prefix=face_", f"--output_dir={tmp_path}"],
            [*plain, "--sheet", "--columns=2", f"--output_dir={sheet}"],
            ["extra", f"--output_dir={tmp_path}"],
        ],
        tmp_path,
    )
    assert [code for code, *_ in results] == [0, 0, 2]
    assert "extra" in results[2][2]
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
    sheet = images.read(sheet / "sheet.png")
    assert sheet.shape[0] >= 32
    assert sheet.shape[1] >= 32
