import json
import pathlib

import numpy as np
import pytest

from experiments.aligning import paste_back, photographs
from jax_encoder.alignment import frames, masks, pasting
from jax_encoder.io import codes, images
from tests.alignment import synthetic


@pytest.fixture
def place(tmp_path):
    """Photographs with 1, 2 and 0 faces, one that is damaged, and their points."""
    folder = tmp_path / "photos"
    folder.mkdir()
    faces = {
        "one.png": [synthetic.place(20, 60, 70, 60)],
        "two.png": [synthetic.place(0, 40, 40, 50), synthetic.place(-9, 50, 90, 50)],
        "none.png": [],
        "edge.png": [synthetic.place(0, 60, 140, 60)],
    }
    for seed, name in enumerate(faces):
        images.write(folder / name, synthetic.smooth_picture(120, 140, seed))
    (folder / "damaged.png").write_bytes(b"no picture")
    images.write(folder / "pixel.png", np.zeros((1, 1, 3), np.uint8))
    points = {
        name: [frames.apply(matrix, synthetic.FOUR).tolist() for matrix in found]
        for name, found in faces.items()
    }
    points["pixel.png"] = points["one.png"]
    (tmp_path / "points.json").write_text(json.dumps(points))
    return tmp_path


def _align(place, **options):
    told = []
    settings = photographs.AlignmentSettings(
        landmarks=str(place / "points.json"), **{"method": "quick"} | options
    )
    outcome = photographs.align(
        images.find(place / "photos"),
        place / "aligned",
        settings,
        output_size=32,
        tell=told.append,
    )
    return outcome, told


def test_every_photograph_is_accounted_for(place):
    outcome, told = _align(place)
    assert set(outcome.frames) == {"one", "two"}
    reasons = {path.name: reason for path, reason in outcome.refused.items()}
    assert reasons.keys() == {"none.png", "edge.png", "damaged.png", "pixel.png"}
    assert "No face was found by points in 140x120 pixels" in reasons["none.png"]
    assert "at the border" in reasons["edge.png"]
    assert "not a picture" in reasons["damaged.png"]
    assert "outside the picture of 1x1 pixels" in reasons["pixel.png"]
    assert outcome.notes["two"].startswith("2 faces were seen; the largest is taken")
    assert len(told) == 5
    assert images.read(place / "aligned" / "one.png").shape == (32, 32, 3)
    assert photographs.read(place / "aligned") == outcome
    known = photographs.known_frames([place / "aligned" / "one.png"])
    assert known == {"one": outcome.frames["one"]}
    assert photographs.known_frames(images.find(place / "photos")) == {}


def test_all_faces_have_a_number(place):
    outcome, _ = _align(place, face="all")
    assert list(outcome.frames) == ["one_0", "two_0", "two_1"]
    assert [frame.face for frame in outcome.frames.values()] == [0, 0, 1]
    second, _ = _align(place, face=1)
    assert set(second.frames) == {"two"}
    assert len(second.refused) == 5


def test_names_that_clash_are_refused(place):
    images.write(place / "photos" / "ONE.jpg", synthetic.smooth_picture(120, 140))
    points = json.loads((place / "points.json").read_text())
    points["ONE.jpg"] = points["one.png"]
    (place / "points.json").write_text(json.dumps(points))
    outcome, _ = _align(place)
    (reason,) = [r for path, r in outcome.refused.items() if path.stem.lower() == "one"]
    assert "is called" in reason


def test_the_centered_square_needs_no_landmarks(place):
    settings = photographs.AlignmentSettings(method="center", landmarks="nobody")
    paths = images.find(place / "photos")
    outcome = photographs.align(
        paths, place / "aligned", settings, output_size=16, tell=lambda text: None
    )
    assert set(outcome.frames) == {"one", "two", "none", "edge", "pixel"}


def test_damaged_frames_are_named(place):
    with pytest.raises(ValueError, match="no such file"):
        photographs.read(place)
    (place / photographs.FRAMES).write_text('{"pictures": 3}')
    with pytest.raises(ValueError, match="align the photographs again"):
        photographs.read(place)


def test_reconstructions_go_back_into_their_photographs(place):
    outcome, _ = _align(place)
    output = place / "out"
    output.mkdir()
    for name, frame in outcome.frames.items():
        metadata = {frames.KEY: frame.to_dict()} if name == "one" else {}
        codes.save(output / name, np.zeros((4, 8)), space="w+", **metadata)
        images.write(output / f"{name}.png", images.read(_aligned(place, name)))
    rows = [{"name": name, "status": "ok"} for name in ("one", "two")]
    rows.append({"name": "none", "status": "failed"})
    told = []
    options = pasting.PastingOptions(mask=masks.Mask(shape="frame"))
    assert paste_back.paste_rows(rows, output, options, tell=told.append) == 1
    (text,) = told
    assert text.startswith("two: not pasted back: its picture was not aligned")
    pasted = images.decode(output / "one.pasted.png").astype(int)
    photograph = images.decode(place / "photos" / "one.png").astype(int)
    outside = masks.weights(outcome.frames["one"], options.mask) == 0
    np.testing.assert_array_equal(pasted[outside], photograph[outside])
    assert 0 < np.abs(pasted - photograph).mean() < 1.0
    assert not (output / "two.pasted.png").exists()


def _aligned(place: pathlib.Path, name: str) -> pathlib.Path:
    return place / "aligned" / f"{name}.png"
