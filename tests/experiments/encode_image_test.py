"""The binary as people run it; one compilation serves all its runs."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import jax_encoder
from experiments.networks import resources
from jax_encoder.io import codes, images
from jax_encoder.nn import regressors
from tests.experiments import tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with bundles, pictures and a home."""
    root = tmp_path_factory.mktemp("encode")
    tiny.save(root)
    tiny.write_pictures(root / "photos", "ab")
    return root


def start(place, *arguments):
    return tiny.start_encoding(place, "--batch_size=1", "--iterations=60", *arguments)


def call(place, *arguments):
    process = start(place, *arguments)
    stdout, stderr = process.communicate(timeout=900)
    return process.returncode, stdout, stderr


def test_killed_and_resumed_it_ends_with_the_same_codes(place):
    folder = (f"--images={place}/photos", "--chunk=5", "--film=gif")
    killed = start(place, *folder, f"--output_dir={place}/out")
    state = place / "out" / ".resume" / "batch.npz"
    while killed.poll() is None and not state.exists():
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    (place / "photos" / "c.png").write_bytes(b"no picture")
    done = call(place, *folder, f"--output_dir={place}/out", "--resume")
    assert done[0] == 1, done  # because of c.png
    assert "c.png: not a picture" in done[2]
    assert "2 of 3 pictures inverted (median LPIPS " in done[1]
    whole = call(place, *folder, f"--output_dir={place}/whole")
    assert whole[0] == 1, whole
    for name in ("a.npy", "b.npy"):
        resumed = (place / "out" / name).read_bytes()
        assert resumed == (place / "whole" / name).read_bytes()
    summary = json.loads((place / "out" / "summary.json").read_text())
    rows = {row["name"]: row for row in summary["pictures"]}
    assert [rows[name]["status"] for name in "abc"] == ["ok", "ok", "failed"]
    assert all(np.isfinite(rows["a"][k]) for k in ("psnr", "lpips", "seconds"))
    names = {path.name for path in (place / "out").iterdir()} - {".resume"}
    expected = {f"{n}.{e}" for n in "ab" for e in ("npz", "npy", "png", "gif")}
    expected |= {"summary.json", "summary.csv", "contact_sheet.png", "loss_curves.png"}
    assert names == expected
    metadata = codes.load(place / "out" / "a.npz").metadata
    assert metadata["generator_sha256"] == resources.load(place / "generator").sha256
    assert (metadata["preset"], metadata["space"]) == ("default", "w+")


_SEVERAL = """
import json, sys
from absl import flags
from absl.testing import flagsaver
from experiments import encode_image
from experiments.launch import command_line

command_line.enable_compilation_cache()
results = []
for arguments in json.loads(sys.argv[1]):
    with flagsaver.flagsaver():
        try:
            results.append([encode_image.main(flags.FLAGS(["x", *arguments])), ""])
        except (command_line.UsageError, flags.Error) as error:
            results.append([2, str(error)])
        except command_line.Failure as error:
            results.append([1, str(error)])
print(json.dumps(results))
"""


def call_several(place, calls):
    """Calls the binary's `main` in one process; exit codes and messages."""
    common = [f"--generator={place}/generator", f"--lpips={place}/lpips"]
    common += ["--batch_size=1", "--iterations=60"]
    calls = [[*common, *(x.format(place=place) for x in call)] for call in calls]
    done = subprocess.run(
        [sys.executable, "-c", _SEVERAL, json.dumps(calls)],
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_CACHE_HOME": str(place / "cache")},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


_BAD_USAGE = [
    ([], 2, "Give a picture and a .npy to write, or --images and --output_dir"),
    (["{place}/photos/a.png", "{place}/x.npz"], 2, "The code is a .npy file"),
    (["{place}/photos/c.png", "{place}/x.npy"], 1, "c.png: not a picture"),
    (["--images={place}/none", "--output_dir={place}/x"], 2, "No pictures in"),
    (["--images={place}/photos", "--output_dir={place}/photos"], 2, "choose anoth"),
    (
        ["{place}/photos/a.png", "{place}/x.npy", "--vgg_layer=relu1_1"],
        2,
        "compares no single layer",
    ),
    (
        ["{place}/photos/a.png", "{place}/x.npy", "--generator={place}/photos"],
        1,
        "is no bundle",
    ),
    (
        ["{place}/photos/a.png", "{place}/x.npy", "--start=nowhere"],
        2,
        "neither mea",
    ),
    (["{place}/photos/a.png", "{place}/x.npy", "--preset=best"], 2, "preset"),
    (["{place}/photos/a.png", "{place}/x.npy", "--stages=0.5:5"], 2, "(4, 8), not [5]"),
    (["{place}/photos/a.png", "{place}/x.npy", "--stages=half"], 2, "Stages read"),
]


def test_one_picture_with_the_flags_people_know_and_bad_usage(place):
    (place / "photos" / "c.png").write_bytes(b"no picture")
    good = ["{place}/photos/a.png", "{place}/dlatents.npy", "--save_optimized_image"]
    good += ["--optimized_image_path={place}/optimized.png", "--save_frequency=20"]
    good += ["--video", "--video_path={place}/video.mp4", "--learning_rate=0.1"]
    good += ["--stages=0.5:4", "--micro_batch=1"]
    finder = ["{place}/photos/b.png", "{place}/found.npy", "--use_latent_finder"]
    finder += ["--image_to_latent_path={place}/finder", "--iterations=1"]
    encoder = tiny.make(regressors.ImageToLatent, tiny.ENCODER, 3)
    jax_encoder.io.save(encoder, place / "finder", provenance={})
    results = call_several(place, [good, finder, *(case[0] for case in _BAD_USAGE)])
    assert results[0] == results[1] == [0, ""]
    picture = images.fit(images.read(place / "photos" / "b.png"), 8)[None]
    # A step of one: the code kept is the start.
    np.testing.assert_allclose(
        np.load(place / "found.npy"), encoder(picture)[0], rtol=1e-4, atol=1e-5
    )
    assert np.load(place / "dlatents.npy").shape == (4, 8)
    assert images.read(place / "optimized.png").shape == (8, 8, 3)
    assert (place / "video.mp4").stat().st_size > 500
    assert not list(place.glob(".dlatents*"))
    for got, (arguments, code, message) in zip(results[2:], _BAD_USAGE, strict=True):
        assert got[0] == code, (arguments, got)
        assert message in got[1]
    assert not (place / "x.npy").exists()
