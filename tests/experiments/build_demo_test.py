"""The demo set from nothing, killed on the way."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from experiments.demo_set import demo_assets
from experiments.networks import pool_files, resources
from jax_encoder import io
from jax_encoder.training import checkpoints

_TINY = {
    "resolution": 16,
    "feature_steps": 4,
    "feature_pairs": 64,
    "mapping_steps": 4,
    "bootstrap_steps": 4,
    "gan_steps": 12,
    "head_start": 2,
    "checkpoint_every": 2,
    "encoder_lesson_steps": 2,
    "encoder_steps": 2,
    "direction_samples": 0,  # So small a world has none that are clean.
    "num_samples": 400,
    "num_fid": 16,
}


@pytest.mark.slow
def test_builds_everything_though_killed_in_the_middle(tmp_path):
    work, assets = tmp_path / "work", tmp_path / "assets"
    options = [f"--{name}={value}" for name, value in _TINY.items()]
    command = [sys.executable, "-m", "experiments.build_demo", f"--work_dir={work}"]
    command += [f"--assets={assets}", *options]
    # A group of its own, so that the stage under way dies with it.
    first = subprocess.Popen(command, start_new_session=True)
    saved = work / "generator" / "adversarial" / "checkpoints"
    deadline = time.monotonic() + 1500.0
    try:
        while not checkpoints.steps(saved):
            assert first.poll() is None, "It stopped before it could be killed."
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert not (assets / "avatars").exists()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "avatar_vgg: there already" in done.stdout
    _check(work, assets)
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert again.stdout.count("there already") == 10


def _check(work, assets):
    generator = io.load(assets / "avatars")
    assert generator.config.resolution == 16
    for name in ("avatar_vgg", "avatar_lpips"):
        io.load(assets / name)
    models, config, _ = demo_assets.pool_parts(assets)
    pool = pool_files.load(demo_assets.pool_path(assets), models, config)
    assert pool.z.shape[0] == demo_assets.POOL_SIZE
    truth = json.loads((assets / "examples" / "attributes.json").read_text())
    assert truth["test_error"] > 0
    assert len(list((assets / "examples").glob("*.png"))) == 4
    source = resources.generator(str(assets / "avatars"))
    statistics = resources.latent_statistics(source, with_p=True)
    assert statistics.p is not None
    assert (work / "samples.png").exists()
    rows = (work / "generator" / "adversarial" / "scalars.jsonl").read_text()
    steps = [json.loads(row)["step"] for row in rows.splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] == _TINY["gan_steps"]
    card = (assets / "avatars" / "README.md").read_text()
    assert "--gan_steps=12" in card
    assert "--head_start=2" in card
    assert "| FID against renderings |" in card
    assert str(work.parent) not in card
