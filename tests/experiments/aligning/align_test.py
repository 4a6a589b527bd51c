"""The binaries as people run them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from jax_encoder.alignment import frames, masks
from jax_encoder.io import codes, images
from tests.alignment import synthetic
from tests.experiments import tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("align")
    tiny.save(root)
    (root / "photos").mkdir()
    points = {}
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        images.write(root / "photos" / name, synthetic.smooth_picture(90, 120, seed))
        matrix = synthetic.place(15 * seed, 50, 60, 45)
        points[name] = frames.apply(matrix, synthetic.FOUR).tolist()
    points["c.png"] = []
    (root / "points.json").write_text(json.dumps(points))
    return root


def _run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_align(place):
    options = (
        f"--images={place}/photos",
        f"--output_dir={place}/aligned",
        f"--landmarks={place}/points.json",
    )
    code, stdout, _ = _run(
        "experiments.align", *options, "--align=demo", "--output_size=16"
    )
    assert code == 1  # because of c.png
    assert "c.png: No face was found by points in 120x90 pixels" in stdout
    assert "2 of 3 photographs aligned, 2 faces" in stdout
    names = {path.name for path in (place / "aligned").iterdir()}
    assert names == {"a.png", "b.png", "frames.json"}
    content = json.loads((place / "aligned" / "frames.json").read_text())
    frame = frames.from_dict(content["frames"]["b"])
    assert (frame.method, frame.output_size) == ("demo", 16)
    assert frame.photograph == f"{place}/photos/b.png"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--align=ffhq"], 2, "Give --images, --output_dir and --align."),
        (["--align=ffhg"], 2, "--align"),
        (["--align=ffhq", "--face=none", "--images=x", "--output_dir=y"], 2, "--face"),
    ],
)
def test_flags_that_make_no_sense(arguments, code, message):
    found, stdout, stderr = _run("experiments.align", *arguments)
    assert found == code
    assert message in stdout + stderr


def test_encode_image_aligns_and_pastes_back(place):
    process = tiny.start_encoding(
        place,
        f"--images={place}/photos",
        f"--output_dir={place}/out",
        f"--landmarks={place}/points.json",
        *("--align=demo", "--paste_back", "--iterations=5", "--batch_size=2"),
    )
    stdout, stderr = process.communicate(timeout=900)
    assert process.returncode == 1, stderr  # because of c.png
    assert "2 of 3 pictures inverted" in stdout
    rows = json.loads((place / "out" / "summary.json").read_text())["pictures"]
    reasons = {row["name"]: row.get("reason") for row in rows}
    assert reasons["a"] is None
    assert "No face was found" in reasons["c"]
    frame = frames.from_metadata(codes.load(place / "out" / "a.npz").metadata)
    assert frame is not None
    pasted = images.decode(place / "out" / "a.pasted.png")
    photograph = images.decode(place / "photos" / "a.png")
    weights = masks.weights(frame, masks.Mask())
    np.testing.assert_array_equal(pasted[weights == 0], photograph[weights == 0])
    assert (pasted != photograph).any()
    inside = tiny.start_encoding(
        place,
        f"--images={place}/photos",
        f"--output_dir={place}/photos",
        f"--landmarks={place}/points.json",
        "--align=demo",
    )
    _, stderr = inside.communicate(timeout=900)
    assert inside.returncode == 2
    assert "would replace them" in stderr
    single = tiny.start_encoding(
        place,
        f"{place}/photos/a.png",
        f"{place}/a.npy",
        f"--landmarks={place}/points.json",
        *("--align=demo", "--paste_back", "--iterations=5", "--batch_size=2"),
    )
    _, stderr = single.communicate(timeout=900)
    assert single.returncode == 0, stderr
    again = frames.from_dict(json.loads((place / "a.frame.json").read_text()))
    assert again == frame
    assert (place / "a.pasted.png").exists()
