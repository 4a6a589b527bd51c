"""convert, inspect_checkpoint and generate."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from flax import nnx

import converters
from experiments.launch import command_line
from experiments.networks import conversion, seed_pictures
from jax_encoder.io import bundles, images
from tests.experiments import tiny


def call(tmp_path, name, *arguments):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_a_checkpoint_becomes_a_bundle(golden, tmp_path):
    source = golden / "sg2ada_resnet_cond_r16" / "network.pkl"
    done = call(
        tmp_path, "convert", f"--source={source}", f"--output_dir={tmp_path / 'b'}"
    )
    assert done.returncode == 0, done.stderr
    for text in (
        "stylegan2",
        "resolution: 16",
        "parameters: ",
        "mean latent: from the",
    ):
        assert text in done.stdout
    description = bundles.describe(tmp_path / "b")
    digest = json.loads((source.parent / "meta.json").read_text())["files"]
    assert description["provenance"]["sha256"] in json.dumps(digest)
    assert description["provenance"]["source"] == "network.pkl"
    trees = (
        nnx.to_pure_dict(nnx.state(module))
        for module in (bundles.load(tmp_path / "b"), converters.load(source))
    )
    jax.tree.map(np.testing.assert_array_equal, *trees)


def test_failures_have_exit_codes(tmp_path):
    assert call(tmp_path, "convert").returncode == 2
    broken = tmp_path / "broken.pkl"
    broken.write_bytes(b"\x80\x04")
    done = call(tmp_path, "inspect_checkpoint", broken)
    assert done.returncode == 1
    assert "broken.pkl: the pickle is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_summary_tells_where_the_mean_latent_came_from(golden, tmp_path):
    source = golden / "sg2_rosinality_r64_train" / "checkpoint.pt"
    found = conversion.convert(str(source), license_text="mine")
    summary = conversion.summarize(found)
    assert "estimated from 10,000 random latents" in summary
    assert "license: mine" in summary
    assert found.provenance["w_avg"] == "estimated"
    with pytest.raises(command_line.Failure, match="similar names"):
        conversion.convert("stylegan2-fhq")
    with pytest.raises(command_line.Failure, match="No such file"):
        conversion.convert(str(tmp_path / "absent.pkl"))


def test_lists_of_numbers():
    assert seed_pictures.parse_numbers("0-3, 7") == [0, 1, 2, 3, 7]
    for text in ("", "a", "3-1", "1--2", "0-999999999"):
        with pytest.raises(command_line.UsageError):
            seed_pictures.parse_numbers(text)


def test_seeds_are_drawn_alone_as_in_a_batch(tmp_path):
    generator = tiny.make_generator()
    sampler = seed_pictures.Sampler(
        generator=generator, truncation_psi=0.7, batch_size=2
    )
    assert seed_pictures.write_seeds(sampler, [3, 5, 8], tmp_path) == 3
    names = ["contact_sheet.png", "seed0003.png", "seed0005.png", "seed0008.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    z = np.random.RandomState(5).randn(1, 8).astype(np.float32)
    w, w_avg = np.asarray(generator.mapping(z)), np.asarray(generator.w_avg[...])
    w = w_avg + np.float32(0.7) * (w - w_avg)
    ws = np.repeat(w[:, None], generator.config.num_ws, axis=1)
    wanted = images.to_uint8(np.asarray(generator.synthesis(ws))[0])
    got = images.to_uint8(images.read(tmp_path / "seed0005.png"))
    assert np.max(np.abs(got.astype(int) - wanted)) <= 1


def test_a_seed_is_the_same_picture_in_every_company(tmp_path):
    sampler = seed_pictures.Sampler(generator=tiny.make_generator(), batch_size=4)
    seed_pictures.write_seeds(sampler, [3], tmp_path / "alone")
    seed_pictures.write_seeds(sampler, list(range(9)), tmp_path / "many")
    alone, many = (tmp_path / name / "seed0003.png" for name in ("alone", "many"))
    assert alone.read_bytes() == many.read_bytes()


def test_style_mixing_takes_rows_of_w_from_the_column(tmp_path):
    sampler = seed_pictures.Sampler(generator=tiny.make_generator(), batch_size=3)
    assert seed_pictures.write_mixes(sampler, [1, 2], [3], [0, 1], tmp_path) == 2
    ws, other = sampler.ws([2]).copy(), sampler.ws([3])
    ws[:, :2] = other[:, :2]
    wanted = images.to_uint8(next(sampler.render(ws)))
    got = images.to_uint8(images.read(tmp_path / "2-3.png"))
    assert np.max(np.abs(got.astype(int) - wanted)) <= 1
    assert (tmp_path / "1-3.png").exists()
    assert (tmp_path / "contact_sheet.png").exists()
    with pytest.raises(command_line.UsageError, match="0 to 3"):
        seed_pictures.write_mixes(sampler, [1], [3], [9], tmp_path)
