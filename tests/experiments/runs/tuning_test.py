"""Pivotal tuning from the command line: within encode_image, and by itself."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from experiments.networks import resources
from jax_encoder.io import bundles, codes, differences, images
from jax_encoder.latents import statistics
from tests.experiments import tiny

# Every binary defines its own flags; they take turns in one process.
_PROGRAM = """
import importlib, json, sys
from absl import flags
from absl.testing import flagsaver
from experiments.launch import command_line
from jax_encoder.inversion import tuner

command_line.enable_compilation_cache("")
results, count = [], 0
plain = tuner.Tuner.__call__

def counted(*arguments):
    global count
    count += 1
    if count == int(sys.argv[2]):
        raise KeyboardInterrupt
    return plain(*arguments)

tuner.Tuner.__call__ = counted
common, latest = set(flags.FLAGS), None
for name, arguments in json.loads(sys.argv[1]):
    if name != latest:
        for flag in set(flags.FLAGS) - common:
            delattr(flags.FLAGS, flag)
        module, latest = importlib.import_module(f"experiments.{name}"), name
    with flagsaver.flagsaver():
        try:
            results.append([module.main(flags.FLAGS(["x", *arguments])) or 0, ""])
        except command_line.UsageError as error:
            results.append([2, str(error)])
        except KeyboardInterrupt:
            results.append([130, ""])
print(json.dumps(results))
"""


def call(place, calls, interrupted=0):
    """Runs binaries one after the other; exit codes and messages."""
    calls = [[name, [x.format(place=place) for x in rest]] for name, rest in calls]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(calls), str(interrupted)],
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_CACHE_HOME": str(place / "cache")},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


NETWORKS = ["--generator={place}/generator", "--lpips={place}/lpips"]
PTI = [*NETWORKS, "--images={place}/photos", "--preset=pti", "--iterations=4"]
PTI += ["--tuning_steps=5", "--batch_size=2", "--normalize_colors", "--chunk=2"]
TUNE = [*NETWORKS, "--images={place}/photos", "--codes={place}/pti"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory where everything has been run."""
    root = tmp_path_factory.mktemp("tuning")
    tiny.save(root)
    tiny.write_pictures(root / "photos", "abc")
    return root


@pytest.fixture(scope="module")
def results(place):
    calls = [
        ("encode_image", [*PTI, "--output_dir={place}/killed"]),
        ("encode_image", [*PTI, "--output_dir={place}/killed", "--resume"]),
        ("encode_image", [*PTI, "--output_dir={place}/pti"]),
        ("encode_image", [*PTI[:3], "--output_dir={place}/no", "--tuning_steps=5"]),
        ("tune_generator", [*TUNE, "--output_dir={place}/tuned", "--num_steps=5"]),
        (
            "tune_generator",
            [*TUNE, "--output_dir={place}/all", "--num_steps=5", "--shared"]
            + ["--tuned=synthesis.*torgb"],
        ),
        ("tune_generator", [*TUNE, "--output_dir={place}/no", "--tuned=decoder"]),
        ("tune_generator", TUNE),
        (
            "latent_statistics",
            ["--generator={place}/generator", "--num_samples=300"],
        ),
        ("latent_statistics", []),
    ]
    return call(place, calls, interrupted=2)


def test_exit_codes(results):
    assert [code for code, _ in results] == [130, 0, 0, 2, 0, 0, 2, 2, 0, 2]
    messages = [message for _, message in results]
    assert "tunes no generator: drop --tuning_steps" in messages[3]
    assert "No parameter's path matches 'decoder'" in messages[6]
    assert "Give --images, --codes and --output_dir" in messages[7]


def test_pti_tunes_the_generator_around_the_codes(place, results):
    summary = json.loads((place / "pti" / "summary.json").read_text())
    assert summary["settings"]["pivotal"]["num_steps"] == 5
    for row in summary["pictures"]:
        assert row["status"] == "ok"
        assert row["psnr"] > row["pivot_psnr"]
        assert 0 <= row["tuning_steps"] <= 5
        assert np.isfinite(row["lpips"] + row["pivot_lpips"])
        code = codes.load(place / "pti" / f"{row['name']}.npz")
        assert code.metadata["measures"]["pivot_psnr"] == row["pivot_psnr"]
        assert code.arrays["colors"].shape == (2, 2, 3)


def test_the_difference_makes_the_reconstruction(place, results):
    parent = bundles.load(place / "generator")
    path = place / "pti" / "a.difference.npz"
    digest = resources.load(place / "generator").sha256
    tuned = differences.load(parent, path, parent_sha256=digest)
    code = codes.load(place / "pti" / "a.npz")
    found = np.asarray(jax.jit(lambda g, ws: g.synthesis(ws))(tuned, code.values))[0]
    (mean, std), (own_mean, own_std) = code.arrays["colors"]
    found = (found - own_mean) / own_std * std + mean
    written = images.read(place / "pti" / "a.png")
    np.testing.assert_allclose(found.clip(-1, 1), written, atol=0.01)


def test_killed_while_tuning_it_ends_with_the_same_generator(place, results):
    for name in "abc":
        paths = [place / d / f"{name}.difference.npz" for d in ("pti", "killed")]
        with np.load(paths[0]) as whole, np.load(paths[1]) as resumed:
            assert set(whole.files) == set(resumed.files)
            for key in whole.files:
                np.testing.assert_array_equal(whole[key], resumed[key])


def test_tuning_by_itself_does_the_same(place, results):
    rows = json.loads((place / "tuned" / "summary.json").read_text())["pictures"]
    whole = json.loads((place / "pti" / "summary.json").read_text())["pictures"]
    for row, other in zip(rows, whole, strict=True):
        np.testing.assert_allclose(row["psnr"], other["psnr"], atol=1e-3)
    assert (place / "tuned" / "b.difference.npz").is_file()
    assert (place / "tuned" / "contact_sheet.png").is_file()
    shared = bundles.load(place / "all" / "generator")
    assert bundles.describe(place / "all" / "generator")["provenance"] == {
        "parent_sha256": resources.load(place / "generator").sha256,
        "tuned": "pivotal",
    }
    parent = bundles.load(place / "generator")
    np.testing.assert_array_equal(
        shared.synthesis.b4.const[...], parent.synthesis.b4.const[...]
    )
    assert not (place / "all" / "a.difference.npz").exists()


def test_latent_statistics_are_kept_in_the_bundle(place, results):
    found = statistics.load(place / "generator" / "statistics.npz")
    assert found.p is not None
    assert found.p.components.shape == (8, 8)
    assert "Give --generator" in results[9][1]
