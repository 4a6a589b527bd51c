"""Saved state that is damaged is said, forgotten and made again: the same codes."""

import io
import json
import random
import shutil

import numpy as np
import pytest
from PIL import Image

from experiments.runs import batches, journal
from jax_encoder.io import images, locks, progress
from tests.experiments import toy_engine

SIDE = toy_engine.SIDE


class Stop(Exception):
    pass


class Interrupted(toy_engine.ToyEngine):
    """Dies after three chunks."""

    def iterate(self, targets, state):
        for count, result in enumerate(super().iterate(targets, state)):
            if count == 3:
                raise Stop
            yield result


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    directory = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for name in "abc":
        picture = draw.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(picture).save(directory / f"{name}.png")
    return directory


def invert(photos, output, engine=None, resume=True):
    options = batches.BatchOptions(batch_size=2, resume=resume)
    reporter = progress.Progress(3, stream=io.StringIO())
    engine = engine or toy_engine.ToyEngine()
    return batches.invert(images.find(photos), output, engine, options, reporter)


def saved_codes(output):
    return {p.name: p.read_bytes() for p in sorted(output.glob("*.npy"))}


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole")
    invert(photos, output, resume=False)
    return output


@pytest.fixture(scope="module")
def half(photos, tmp_path_factory):
    """A run that died in its first batch."""
    output = tmp_path_factory.mktemp("half")
    with pytest.raises(Stop):
        invert(photos, output, Interrupted(), resume=False)
    return output


def _damaged(content, count):
    """Cuts, flips, garbage, other files."""
    draw = random.Random(0)
    yield b""
    yield b"garbage\n"
    yield b"PK\x03\x04" + bytes(200)
    yield b"\xff" * 300
    yield b"[" * 100_000 + b"\n"
    for _ in range(count):
        yield content[: draw.randrange(len(content))]
        flipped = bytearray(content)
        for _ in range(draw.choice((1, 8))):
            flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        yield bytes(flipped)


def test_a_damaged_batch_begins_anew(photos, half, whole, tmp_path, caplog):
    content = (half / ".resume" / "batch.npz").read_bytes()
    told = 0
    for number, damaged in enumerate(_damaged(content, 15)):
        output = shutil.copytree(half, tmp_path / str(number))
        (output / ".resume" / "batch.npz").write_bytes(damaged)
        caplog.clear()
        assert {row["status"] for row in invert(photos, output)} == {"ok"}
        assert saved_codes(output) == saved_codes(whole)
        told += "begins anew" in caplog.text
    assert told > 15


@pytest.mark.parametrize("change", ["names", "leaf", "losses", "about", "more"])
def test_a_batch_that_contradicts_itself_begins_anew(
    photos, half, whole, tmp_path, change
):
    output = shutil.copytree(half, tmp_path / "out")
    path = output / ".resume" / "batch.npz"
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(arrays["about"].item())
    if change == "names":
        about["names"] = [*about["names"], "x"]
    elif change == "leaf":
        arrays["leaf_000"] = np.zeros((3, 3), arrays["leaf_000"].dtype)
    elif change == "losses":
        arrays["losses"] = np.zeros((2, 10**6), np.float32)
    elif change == "about":
        about = [about]
    else:
        arrays["leaf_999"] = np.zeros(3)
    arrays["about"] = np.array(json.dumps(about))
    np.savez(path, **arrays)
    invert(photos, output)
    assert saved_codes(output) == saved_codes(whole)


def test_damaged_lines_are_done_again(photos, whole, tmp_path, caplog):
    content = (whole / ".resume" / "pictures.jsonl").read_bytes()
    lines = content.splitlines(keepends=True)
    cases = [*_damaged(content, 10)]
    cases += [lines[0] + b"garbage\n" + lines[1], lines[0] + b"[]\n{}\n" + lines[2]]
    cases += [lines[0] + b'{"name": 1}\n', lines[0] + b"\xff\n"]
    for number, damaged in enumerate(cases):
        output = shutil.copytree(whole, tmp_path / str(number))
        (output / ".resume" / "pictures.jsonl").write_bytes(damaged)
        try:
            rows = invert(photos, output)
        except journal.SettingsError as error:  # a flipped bit in the settings
            assert "then" in str(error)  # noqa: PT017
            continue
        assert {row["status"] for row in rows} == {"ok"}
        assert saved_codes(output) == saved_codes(whole)
        text = (output / ".resume" / "pictures.jsonl").read_text()
        assert all(map(json.loads, text.splitlines()))


@pytest.mark.parametrize("ending", [".npz", ".npy", ".png"])
def test_damaged_results_do_not_count_as_done(photos, whole, tmp_path, ending):
    output = shutil.copytree(whole, tmp_path / "out")
    path = output / f"b{ending}"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    engine = toy_engine.ToyEngine()
    invert(photos, output, engine)
    assert engine.sizes == [2]  # one picture, padded
    assert saved_codes(output) == saved_codes(whole)
    again = toy_engine.ToyEngine()
    invert(photos, output, again)
    assert again.sizes == []


def test_two_runs_never_share_a_folder(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with locks.hold(tmp_path, ".resume.lock"):
        with pytest.raises(locks.LockedError, match="Another run"):
            invert(photos, tmp_path)
        assert not list(tmp_path.glob("*.npy"))
    invert(photos, tmp_path)
    assert not (tmp_path / ".resume.lock").exists()
