"""Small inputs that once failed, as a new user would try them; one test per kind.

pytest -m "slow or not slow" tests/experiments/cases_test.py walks them all.
"""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from experiments.networks import resources
from jax_encoder.io import bundles, images
from jax_encoder.training import checkpoints
from tests.experiments import several, tiny

EXAMPLES = resources.ASSETS / "examples"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Bundles and four pictures "a" to "d"."""
    root = tmp_path_factory.mktemp("cases")
    tiny.save(root)
    tiny.write_pictures(root / "photos", "abcd")
    return root


def encode(place, *calls):
    common = [f"--generator={place}/generator", f"--lpips={place}/lpips"]
    common += ["--iterations=5", "--batch_size=4"]
    return several.call("encode_image", [[*common, *map(str, c)] for c in calls], place)


def evaluate(place, *calls):
    lpips = f"--lpips={place}/lpips"
    return several.call("evaluate", [[lpips, *map(str, c)] for c in calls], place)


@pytest.fixture(scope="module")
def runs(place):
    """Runs of `encode_image`, all in one process."""
    odd = place / "odd"
    shutil.copytree(place / "photos", odd / "one")
    shutil.copytree(place / "photos", odd / "two")
    (odd / "two" / "up").symlink_to(odd)
    for name in (b"x\xff.png", b"a$\\frac$.png", b"_one.png"):
        shutil.copy(odd / "one" / "a.png", os.fsencode(odd / "one") + b"/" + name)
    for name in ("iphone.heic", "photo.tga", "notes.txt"):
        (odd / "one" / name).write_bytes(b"x")
    (odd / "one" / "nowhere.png").symlink_to("nothing")
    os.mkfifo(place / "pipe.png")
    photos, one = f"--images={place}/photos", f"{place}/photos/a.png"
    calls = {
        "plain": [photos, f"--output_dir={place}/o"],
        "again": [photos, f"--output_dir={place}/o"],
        "other settings": [photos, f"--output_dir={place}/o", "--preset=pti"],
        "other pictures": [f"--images={one}", f"--output_dir={place}/o"],
        "resumed": [photos, f"--output_dir={place}/o", "--resume", "--iterations=6"],
        "of results": [f"--images={place}/o", f"--output_dir={place}/o2"],
        "odd": [f"--images={odd}/**/*", f"--output_dir={place}/o3"],
        "odd folder": [f"--images={odd}/one", f"--output_dir={place}/o4"],
        "fps": [photos, f"--output_dir={place}/x", "--film=gif", "--fps=inf"],
        "fast": [photos, f"--output_dir={place}/x", "--film=gif", "--fps=65536"],
        "no seeds": [photos, f"--output_dir={place}/x", "--start=seeds:0"],
        "video": [photos, f"--output_dir={place}/x", "--video=true"],
        "film": [one, f"{place}/x.npy", "--film=gif"],
        "pipe": [f"{place}/pipe.png", f"{place}/x.npy"],
    }
    return dict(zip(calls, encode(place, *calls.values()), strict=True))


def test_k1_what_we_wrote_is_not_read_back(place, runs):
    assert runs["plain"][0] == 0
    assert runs["of results"][0] == 0
    assert "4 of 4 pictures inverted" in runs["of results"][1]
    assert (
        "2 a report or film of this package (contact_sheet.png, loss"
        in (runs["of results"][2])
    )
    clean = place / "clean"
    clean.mkdir(exist_ok=True)
    for name in "abcd":
        shutil.copy(place / "o" / f"{name}.png", clean)
    with_reports, without, as_reference = evaluate(
        place,
        [
            f"--images={place}/o",
            f"--references={place}/photos",
            f"--output_dir={place}/e",
        ],
        [
            f"--images={clean}",
            f"--references={place}/photos",
            f"--output_dir={place}/f",
        ],
        [f"--images={clean}", f"--references={place}/o", f"--output_dir={place}/g"],
    )
    assert with_reports[0] == without[0] == as_reference[0] == 0
    reports = [json.loads((place / x / "evaluation.json").read_text()) for x in "ef"]
    assert reports[0]["sets"] == reports[1]["sets"]
    assert reports[0]["num"] == {"references": 4, "pictures": 4}
    assert "Measured at 8x8 pixels." in as_reference[1]


def test_k3_names(place, runs):
    assert runs["odd"][0] == 1  # the broken HEIC
    assert "11 of 12 pictures inverted" in runs["odd"][1]  # no loop through the link
    summary = json.loads((place / "o3" / "summary.json").read_text())
    names = {row["name"] for row in summary["pictures"]}
    assert names >= {"one/a", "two/a", "one/x%FF", "one/a$%5Cfrac$", "one/_one"}
    for name in names - {"one/iphone"}:
        assert (place / "o3" / f"{name}.npz").is_file()
    for name in ("summary.csv", "contact_sheet.png", "loss_curves.png"):
        assert (place / "o3" / name).is_file()


def test_k5_another_run_in_the_same_folder(place, runs):
    assert runs["again"][0] == 0
    for name in ("other settings", "other pictures", "resumed"):
        assert runs[name][0] == 2, runs[name]
    assert "num_steps: 5 then, 6 now)" in runs["resumed"][2]
    assert "ProjectorConfig" not in runs["other settings"][2]
    assert "3 of other pictures, such as b" in runs["other pictures"][2]
    assert "--overwrite" in runs["other pictures"][2]


def test_k7_flags(place, runs):
    wanted = {
        "fps": "finite number",
        "fast": "fps",
        "no seeds": "1 to 1000000 seeds",
        "video": "--video does not apply here: it is for one picture; see --film",
        "film": "--film does not apply here: it is for many pictures; see --video",
    }
    for name, text in wanted.items():
        assert runs[name][0] == 2, (name, runs[name])
        assert text in runs[name][2]
    assert runs["pipe"][0] == 1
    assert "pipe or device" in runs["pipe"][2]
    assert not (place / "x").exists()


def test_k8_every_file_has_its_account(place, runs):
    summary = json.loads((place / "o4" / "summary.json").read_text())
    skipped = {
        row["file"].rpartition("/")[2]: row["reason"] for row in summary["skipped"]
    }
    assert skipped == {
        "photo.tga": ".tga is not read, save it as PNG",
        "notes.txt": "no picture",
        "nowhere.png": "a link to nothing",
    }
    failed = [row for row in summary["pictures"] if row["status"] == "failed"]
    assert [row["name"] for row in failed] == ["iphone"]
    assert summary["num_failed"] == 1
    assert summary["num_ok"] == summary["num_pictures"] - 1
    assert "nowhere.png" in runs["odd folder"][2]


def test_k1_k2_k7_generate(place):
    common = [f"--generator={place}/generator", "--seeds=0-3"]
    where = f"--output_dir={place}/g"
    calls = [
        [*common, where],
        [*common, where, "--truncation_psi=nan"],
        [*common, where, "--truncation_cutoff=99"],
        [*common, where, "--label=1"],
    ]
    results = several.call("generate", calls, place)
    assert [code for code, _, _ in results] == [0, 2, 2, 2]
    texts = ["finite number", "w has 4 rows", "no classes"]
    for (_, _, error), text in zip(results[1:], texts, strict=True):
        assert text in error
    assert len(images.find(place / "g")) == 4


def test_k2_a_generator_that_holds_nan_draws_nothing(place):
    generator = tiny.make_generator()
    bundles.save(generator, place / "whole")
    generator.w_avg[...] = generator.w_avg[...] * np.nan
    with pytest.raises(FloatingPointError, match="w_avg"):
        bundles.save(generator, place / "whole")
    assert np.isfinite(bundles.load(place / "whole").w_avg[...]).all()


def test_k4_the_order_of_names_changes_no_number(place):
    found = {}
    for name in ("aaa", "zzz"):
        folder = place / f"refs_{name}"
        shutil.copytree(place / "photos", folder)
        Image.new("RGB", (3, 3), "red").save(folder / f"{name}.png")
        arguments = [f"--images={place}/photos", f"--references={folder}"]
        ((code, text, _),) = evaluate(place, [*arguments, f"--output_dir={place}/k4"])
        assert code == 0
        assert "Measured at 8x8 pixels; 1 pictures were resized to it." in text
        found[name] = json.loads((place / "k4" / "evaluation.json").read_text())
    assert found["aaa"]["resolution"] == found["zzz"]["resolution"] == 8
    found["aaa"]["sets"].pop("kernel_distance")  # of subsets drawn by their places
    for name, value in found["aaa"]["sets"].items():
        assert value == pytest.approx(found["zzz"]["sets"][name], rel=1e-3, abs=1e-5), (
            name
        )


def test_k7_flags_of_other_binaries(place):
    ((code, _, error),) = several.call("demo", [[f"--images={place}/nodir"]], place)
    assert code == 2
    assert "No pictures in" in error
    ((code, _, error),) = several.call("race", [["--contestants=nope"]], place)
    assert code == 2
    assert "Nobody races under the name" in error


@pytest.mark.slow
def test_k2_k5_k8_training(place):
    data = place / "data"
    shutil.copytree(place / "photos", data)
    (data / "cut.png").write_bytes((data / "a.png").read_bytes()[:60])
    images.write(data / "sheet.png", np.zeros((32, 32, 3)), is_report=True)
    common = [f"--data={data}", "--resolution=8", "--batch_size=4", "--num_fid=0"]
    common += ["--checkpoint_every=1", "--log_every=1"]
    good, bad = f"--output_dir={place}/t", f"--output_dir={place}/u"
    calls = [
        [*common, good, "--num_steps=3"],
        [*common, good, "--num_steps=9", "--learning_rate=1e6"],
        [*common, good, "--num_steps=4", "--seed=7", "--r1_gamma=99"],
        [*common, good, "--num_steps=4"],
        [*common, bad, "--num_steps=30", "--learning_rate=1e6"],
        [*common, bad, "--num_steps=30", "--learning_rate=nan"],
    ]
    results = several.call("train_gan", calls, place)
    assert [code for code, _, _ in results] == [0, 2, 2, 0, 1, 2]
    assert "cut.png" in results[0][2]
    assert "sheet.png" in results[0][2]
    assert "learning_rate: none then, 1000000.0 now" in results[1][2]
    assert "seed: 0 then, 7 now" in results[2][2]
    assert "r1_gamma: none then, 99.0 now" in results[2][2]
    assert checkpoints.steps(place / "t" / "adversarial" / "checkpoints") == [3, 4]
    assert "Stopped at step" in results[4][2]
    assert not (place / "u" / "generator").exists()


@pytest.mark.slow
def test_k13_k14_verdicts_and_constants(place, tmp_path):
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    images.write(tmp_path / "noise.png", photo)
    shutil.copy(EXAMPLES / "generated_1.png", tmp_path)
    common = [f"--images={tmp_path}", "--batch_size=2", "--verdicts=compute"]
    calls = [
        [*common, f"--output_dir={place}/v"],
        [*common, f"--output_dir={place}/w", "--preset=hallberg"],
        [
            *common,
            f"--output_dir={place}/w",
            "--preset=stylegan3-encoding",
            "--iterations=400",
        ],
    ]
    results = several.call("encode_image", calls, place)
    assert [code for code, _, _ in results] == [0, 2, 2]
    summary = json.loads((place / "v" / "summary.json").read_text())
    verdicts = {row["name"]: row["verdict"] for row in summary["pictures"]}
    assert verdicts == {"noise": "poor", "generated_1": "good"}
    assert "1 good, 1 poor, the worst noise" in results[0][1]
    assert "--learning_rate" in results[1][2]
    assert "the weight grid of stylegan3-encoding alone takes 450" in results[2][2]
