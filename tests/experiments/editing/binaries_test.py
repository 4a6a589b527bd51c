"""The editing binaries, end to end, on a generator that costs nothing."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from jax_encoder.alignment import frames
from jax_encoder.editing import direction_files
from jax_encoder.editing.directions import Direction
from jax_encoder.io import bundles, codes, images
from tests.experiments import tiny

RNG = np.random.default_rng(0)

# Every binary defines its own flags; they take turns in one process.
_PROGRAM = """
import contextlib, importlib, io, json, sys
from absl import flags
from absl.testing import flagsaver
from experiments.launch import command_line

command_line.enable_compilation_cache("")
results = []
common = set(flags.FLAGS)
for name, arguments in json.loads(sys.argv[1]):
    for flag in set(flags.FLAGS) - common:
        delattr(flags.FLAGS, flag)
    for known in list(sys.modules):
        parent, _, last = known.rpartition(".")
        if known == f"experiments.{name}" or last.endswith("_flags"):
            sys.modules.pop(known)
            vars(sys.modules[parent]).pop(last, None)
    module = importlib.import_module(f"experiments.{name}")
    said = io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stderr(said):
        try:
            code = module.main(flags.FLAGS(["x", *arguments])) or 0
        except command_line.UsageError as error:
            code, said = 2, io.StringIO(str(error))
        except command_line.Failure as error:
            code, said = 1, io.StringIO(str(error))
    results.append([code, said.getvalue()])
print(json.dumps(results))
"""

GENERATOR = "--generator={place}/generator"
EDIT = [GENERATOR, "--codes={place}/a.npz,{place}/b.npz"]
DATA = [GENERATOR, "--num=5", "--shard_size=2", "--layout=interfacegan"]
CALLS = {
    "edit": ("edit", [*EDIT, "--directions=smile,smlie", "--film=gif"]),
    "amounts": ("edit", [*EDIT, "--directions=smile=2,age=-1", "--rows=0-1"]),
    "boundary": (
        "edit",
        [GENERATOR, "--codes={place}/w.npy", "-b", "{place}/b_w_boundary.npy"]
        + ["--steps=3"],
    ),
    "strangers": ("edit", [*EDIT, "--codes={place}", "--directions=smile"]),
    "nothing": ("edit", [*EDIT, "--directions=smlie"]),
    "no_codes": ("edit", [GENERATOR, "--directions=smile"]),
    "morph": (
        "morph",
        [*EDIT, "--film=gif", "--num_frames=6", "--schedule=coarse-first"]
        + ["--side=16", "--save_frames", "--loop"],
    ),
    "p": ("morph", [*EDIT, "--film=none", "--num_frames=3", "--path=PP"]),
    "generate": ("generate", [*EDIT, "--mix={place}/b.npz", "--mixed_layers=2-3"]),
    "pasted": (
        "generate",
        [GENERATOR, "--codes={place}/framed.npz,{place}/a.npz", "--paste_back"],
    ),
    "film": (
        "edit",
        [GENERATOR, "--codes={place}/framed.npz", "--directions=smile=1"]
        + ["--paste_back", "--film=webp", "--num_frames=4", "--steps=2"],
    ),
    "data": ("generate_data", DATA),
    "resumed": ("generate_data", [*DATA, "--num=7"]),
    "changed": ("generate_data", [*DATA, "--seed=1"]),
    "find": (
        "find_directions",
        [GENERATOR, "--method=difference", "--codes={place}/data/w.npy"]
        + ["--scores={place}/scores.csv"],
    ),
    "pca": (
        "find_directions",
        [GENERATOR, "--method=pca", "--num_samples=100", "--num_components=3"],
    ),
    "activations": (
        "find_directions",
        [GENERATOR, "--method=pca", "--num_samples=20", "--activations=4"],
    ),
    "sefa": ("find_directions", [GENERATOR, "--method=sefa", "--with_rgb"]),
    "unscored": ("find_directions", [GENERATOR, "--method=svm"]),
}
_SHARED = {"resumed": "data", "changed": "data"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("editing")
    tiny.save(root)
    sha256 = bundles.read(root / "generator").digest
    for name in "ab":
        ws = RNG.normal(size=(4, 8))
        codes.save(root / name, ws, space="w+", generator_sha256=sha256)
    codes.save(
        root / "other", RNG.normal(size=(4, 8)), space="w+", generator_sha256="5"
    )
    photograph = RNG.integers(0, 255, (24, 32, 3), np.uint8)
    images.write(root / "photo.png", photograph)
    frame = frames.Frame(
        quad=((8, 4), (8, 19), (23, 19), (23, 4)),
        output_size=8,
        method="center",
        photograph_size=(32, 24),
        photograph=str(root / "photo.png"),
    )
    about = {frames.KEY: frame.to_dict()}
    codes.save(root / "framed", RNG.normal(size=(4, 8)), space="w+", **about)
    np.save(root / "w.npy", RNG.normal(size=(2, 8)).astype(np.float32))
    np.save(root / "b_w_boundary.npy", np.eye(8)[:1])
    known = {n: Direction(name=n, vector=RNG.normal(size=8)) for n in ("smile", "age")}
    direction_files.save(root / "generator/directions.npz", known)
    (root / "scores.csv").write_text(
        "file,tag\n" + "".join(f"{k}.png,{k % 2}\n" for k in range(7))
    )
    return root


@pytest.fixture(scope="module")
def results(place):
    calls = []
    for key, (name, rest) in CALLS.items():
        output = f"--output_dir={place}/{_SHARED.get(key, key)}"
        calls.append([name, [*(x.format(place=place) for x in rest), output]])
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(calls)],
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_CACHE_HOME": str(place / "cache")},
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return dict(zip(CALLS, found, strict=True))


def test_exit_codes_and_sentences(results):
    codes_of = {key: code for key, (code, _) in results.items()}
    bad = {"edit": 1, "strangers": 1, "nothing": 1, "no_codes": 2, "changed": 1}
    bad |= {"pasted": 1}
    assert codes_of == dict.fromkeys(CALLS, 0) | bad | {"unscored": 1}
    said = {key: text for key, (_, text) in results.items()}
    assert "no direction 'smlie'. Did you mean smile?" in said["edit"]
    assert "other.npz: a code of the generator 5" in said["strangers"]
    assert "Give --codes" in said["no_codes"]
    assert "a: its file carries no frame" in said["pasted"]
    assert "other settings (seed: 0 then, 1 now)" in said["changed"]
    assert "name a network with --scorer" in said["unscored"]


def test_edits_move_codes_by_their_definition(results, place):
    with np.load(place / "a.npz") as file:
        before = file["ws"]
    smile = direction_files.load(place / "generator/directions.npz")["smile"].vector
    for index, strength in enumerate(np.linspace(-3, 3, 7)):
        found = codes.load(place / "edit" / f"a_smile_{index}.npz")
        np.testing.assert_allclose(
            found.values[0], before + strength * smile, atol=1e-5
        )
        assert found.metadata["edit"] == "smile"
        owner = bundles.read(place / "generator").digest
        assert found.metadata["generator_sha256"] == owner
    assert len(list((place / "edit").glob("*.gif"))) == 2
    (last,) = (place / "amounts").glob("a_smile2_age-1_6.npy")
    moved = np.load(last)
    np.testing.assert_array_equal(moved[2:], before[2:].astype(np.float32))
    assert not np.allclose(moved[:2], before[:2])


def test_boundaries_take_codes_of_w_to_a_distance(results, place):
    for index, distance in enumerate((-3, 0, 3)):
        for name in ("w_0000", "w_0001"):
            moved = np.load(place / "boundary" / f"{name}_b_{index}.npy")
            np.testing.assert_allclose(moved[:, 0], distance, atol=1e-5)


def test_morphs(results, place):
    frames = images.find(place / "morph" / "frame_*.png")
    assert len(frames) == 6
    assert images.read(frames[0]).shape == (16, 16, 3)
    assert (place / "morph/morph.gif").is_file()
    assert (place / "p/contact_sheet.png").is_file()
    assert not list((place / "p").glob("morph.*"))


def test_codes_are_drawn(results, place):
    pictures = [images.read(place / "generate" / f"{name}.png") for name in "ab"]
    # Rows 2 and 3 of both are b's, and b mixed with itself stays what it is.
    rendered = tiny.make_generator().synthesis(np.load(place / "b.npy")[None])
    expected = images.to_uint8(np.clip(np.asarray(rendered[0]), -1, 1))
    difference = images.to_uint8(pictures[1]).astype(int) - expected
    assert np.abs(difference).max() <= 1
    assert np.abs(pictures[0] - pictures[1]).max() > 0.1


def test_pictures_go_back_into_photographs(results, place):
    photograph = images.to_uint8(images.read(place / "photo.png"))
    paths = [place / "pasted" / "framed_pasted.png"]
    paths.append(place / "film" / "framed_smile_1_pasted.png")
    for path in paths:
        pasted = images.to_uint8(images.read(path))
        is_changed = (pasted != photograph).any(axis=-1)
        assert is_changed[8:16, 12:20].all()
        assert not is_changed[:3].any()
        assert not is_changed[:, :7].any()
    assert (place / "film" / "framed_smile.webp").is_file()
    # The edited code keeps its place in the photograph.
    found = codes.load(place / "film" / "framed_smile_1.npz")
    assert frames.from_metadata(found.metadata) is not None


def test_data_sets_resume_to_the_same(results, place):
    root = place / "data"
    assert len(images.find(root / "0*.png")) == 7
    z, w, wp = (np.load(root / f"{name}.npy") for name in ("z", "w", "wp"))
    assert (z.shape, w.shape, wp.shape) == ((7, 8), (7, 8), (7, 4, 8))
    expected = tiny.make_generator().mapping(z)
    np.testing.assert_allclose(w, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(wp, np.repeat(w[:, None], 4, axis=1))


def test_directions_are_found(results, place):
    found = direction_files.load(place / "find/directions.npz")
    w = np.load(place / "data/w.npy")
    apart = w[1::2].mean(axis=0) - w[::2].mean(axis=0)
    expected = apart / np.linalg.norm(apart)
    np.testing.assert_allclose(found["tag"].vector, expected, rtol=1e-4, atol=1e-6)
    # Twenty samples span 19 directions; SeFa finds as many as w has entries.
    for key, num in {"pca": 3, "activations": 19, "sefa": 8}.items():
        assert len(direction_files.load(place / key / "directions.npz")) == num
        assert (place / key / "sheet.png").is_file()
        assert "Directions" in (place / key / "README.md").read_text()
