"""Curation of small drawn folders."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from experiments.curating import curation_report, curation_verdicts, measures
from experiments.networks import resources
from jax_encoder.alignment import picture_layouts
from jax_encoder.io import folders, images
from tests.experiments import tiny

SIDE = 64


def _face(rng):
    """Two eyes and a mouth on a head, all of random colors, always at one place."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    picture = np.ones((SIDE, SIDE, 3)) * rng.integers(0, 256, 3)
    parts = [
        (0.5, 0.5, 0.3, 0.4),
        (0.38, 0.42, 0.05, 0.04),
        (0.62, 0.42, 0.05, 0.04),
        (0.5, 0.7, 0.12, rng.uniform(0.02, 0.05)),
        (0.5, 0.17, 0.3, rng.uniform(0.05, 0.15)),
    ]
    for cx, cy, rx, ry in parts:
        wobble = rng.uniform(0.9, 1.1, 2)
        inside = ((x - cx) / rx / wobble[0]) ** 2 + ((y - cy) / ry / wobble[1]) ** 2 < 1
        picture[inside] = rng.integers(0, 256, 3)
    return picture.astype(np.uint8)


@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(0)
    return [_face(rng) for _ in range(90)]


@pytest.fixture(scope="module")
def curated(tmp_path_factory, faces):
    """A folder of faces with one picture of each fault, and what is found in it."""
    root = tmp_path_factory.mktemp("curate")
    folder, output = root / "pictures", root / "out"
    folder.mkdir()
    output.mkdir()
    tiny.save(root)
    for index, face in enumerate(faces):
        Image.fromarray(face).save(folder / f"f{index:02}.png")
    Image.fromarray(faces[3]).save(folder / "again.jpg", quality=30)
    Image.fromarray(np.roll(faces[5], 14, axis=1)).save(folder / "moved.png")
    Image.fromarray(faces[7]).resize((20, 20)).save(folder / "tiny.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    listing = folders.look(folder)
    network = resources.load(root / "lpips").network
    described = measures.measure(listing.paths, network, SIDE)
    found = curation_verdicts.judge(described, curation_verdicts.CurationLimits())
    summary = curation_report.write(output, described, found, listing.skipped_rows())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    return output, summary


def _rows(output):
    lines = csv.DictReader((output / "curation.csv").read_text().splitlines())
    return {row["file"].rpartition("/")[2]: row for row in lines}


@pytest.mark.slow
def test_finds_each_fault(curated):
    rows = _rows(curated[0])
    assert "duplicate" in rows["again.jpg"]["reasons"] + rows["f03.png"]["reasons"]
    assert "misaligned" in rows["moved.png"]["reasons"]
    assert "right" in rows["moved.png"]["move"]
    assert "tiny" in rows["tiny.png"]["reasons"]
    plain = [row["reasons"] for name, row in rows.items() if name.startswith("f")]
    assert sum(map(bool, plain)) <= 4


@pytest.mark.slow
def test_lists_everything_once(curated):
    output, summary = curated
    kept = (output / "keep.txt").read_text().splitlines()
    dropped = (output / "drop.txt").read_text().splitlines()
    assert len(kept) == summary["kept"]
    assert len({*kept, *dropped}) == len(kept) + len(dropped) == summary["pictures"]
    assert [row["file"].rpartition("/")[2] for row in summary["failed"]] == [
        "broken.png"
    ]
    assert json.loads((output / "summary.json").read_text()) == summary
    for name in ("kept", "duplicate", "misaligned", "tiny", "scores"):
        assert images.read(output / f"{name}.png").std() > 0.05
        assert folders.is_report(output / f"{name}.png")


@pytest.mark.slow
def test_layouts_tell_moves(faces):
    pictures = images.from_uint8(np.stack(faces))
    layout = picture_layouts.learn(pictures)
    evidence, move, strangeness = picture_layouts.judge(layout, pictures)
    assert (np.asarray(evidence) < 0).mean() > 0.97
    noise = np.random.default_rng(1).uniform(-1, 1, pictures.shape).astype(np.float32)
    _, _, of_noise = picture_layouts.judge(layout, noise)
    assert np.min(of_noise) > np.max(strangeness)
    shifted = np.roll(pictures[:20], -10, axis=1)
    evidence, move, _ = picture_layouts.judge(layout, shifted)
    assert (np.asarray(evidence) > 0).mean() > 0.9
    assert "up" in str(picture_layouts.MOVES[int(np.bincount(move).argmax())])
    with pytest.raises(ValueError, match="8 pictures"):
        picture_layouts.learn(pictures[:3])


def test_sharpness_falls_when_a_picture_is_blurred(faces):
    blurred = Image.fromarray(faces[0]).resize((12, 12)).resize((SIDE, SIDE))
    sharp = measures.look(faces[0])["sharpness"]
    assert measures.look(np.asarray(blurred))["sharpness"] < sharp - 1
    assert measures.look(np.zeros((1, 1, 3), np.uint8))["width"] == 1


def test_refuses_too_few(tmp_path, faces):
    for index in range(3):
        Image.fromarray(faces[index]).save(tmp_path / f"{index}.png")
    tiny.save(tmp_path)
    network = resources.load(tmp_path / "lpips").network
    with pytest.raises(ValueError, match="8 are the fewest"):
        measures.measure(folders.find(tmp_path), network, SIDE)
