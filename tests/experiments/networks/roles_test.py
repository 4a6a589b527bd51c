"""Networks that flags name: files, bundles and zoo names alike, each in its role."""

import hashlib
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from flax import nnx

import converters
from converters.readers import contents
from converters.writers import torch_writer
from converters.zoo import catalog as zoo
from experiments.comparing import evaluation
from experiments.launch import command_line
from experiments.networks import conversion, resources
from jax_encoder.io import bundles
from jax_encoder.nn import lpips
from tests.experiments import tiny
from tests.golden import recipe

ROOT = pathlib.Path(__file__).parents[3]


def _write(path, state):
    with open(path, "wb") as file:
        torch_writer.write(file, state)
    return path


@pytest.fixture(scope="module")
def files(golden_path, tmp_path_factory):
    """AlexNet in torchvision's layout, and its published heads."""
    folder = tmp_path_factory.mktemp("files")
    state = recipe.state_dict(golden_path / "net_lpips", "alex_trunk")
    trunk = _write(folder / "alexnet.pth", state)
    return trunk, golden_path / "net_lpips/lpips_lin_alex.pth"


def _same(left, right):
    trees = (nnx.to_pure_dict(nnx.state(module)) for module in (left, right))
    jax.tree.map(np.testing.assert_array_equal, *trees)


def test_heads_are_joined_with_a_trunk(files, tmp_path):
    trunk, heads = files
    found = conversion.convert(str(trunk), heads=str(heads))
    expected = converters.load_lpips(trunk, heads)
    _same(found.network, expected)
    digest = hashlib.sha256(heads.read_bytes()).hexdigest()
    assert found.provenance["heads"]["sha256"] == digest
    conversion.save(found, str(tmp_path / "lpips_alex"))
    source = resources.load(tmp_path / "lpips_alex", "lpips")
    _same(source.network, expected)


def test_names_of_pairs(files, monkeypatch):
    trunk, heads = files
    places = {"alexnet": trunk, "lpips-alex-heads": heads}
    monkeypatch.setattr(zoo, "download", lambda entry, **_: places[entry.name])
    source = resources.load("lpips-alex", "lpips")
    assert isinstance(source.network, lpips.LPIPS)
    for trunk_name, heads_name in zoo.PAIRS.values():
        assert zoo.find(trunk_name).name == trunk_name
        assert zoo.find(heads_name).name == heads_name


def test_what_does_not_fit_is_refused_with_the_remedy(files, tmp_path):
    trunk, heads = files
    with pytest.raises(command_line.Failure, match="the heads of LPIPS alone") as error:
        resources.networks(["lpips"], {"lpips": str(heads)}, is_demo=True)
    assert "--heads=lpips-vgg-heads" in str(error.value)
    with pytest.raises(
        command_line.Failure, match="a AlexNet, but --generator must be"
    ):
        resources.generator(str(trunk))
    with pytest.raises(command_line.Failure, match="arcface-irse50"):
        resources.load(trunk, "identity")
    with pytest.raises(command_line.Failure, match="inception-fid of the zoo"):
        evaluation.load_networks(lpips="", inception=str(trunk), identity="")
    generator, _ = tiny.save(tmp_path)
    with pytest.raises(
        command_line.Failure, match="a StyleGAN2Generator, but --lpips must be"
    ):
        evaluation.load_networks(lpips=generator, inception="", identity="")


def test_evaluate_takes_files_too(files, tmp_path):
    trunk, heads = files
    conversion.save(
        conversion.convert(str(trunk), heads=str(heads)), str(tmp_path / "x")
    )
    networks = evaluation.load_networks(
        lpips=str(tmp_path / "x"), inception="", identity=""
    )
    assert list(networks) == ["lpips"]


def test_assumed_values_are_named_and_can_be_given(golden_path, tmp_path):
    tree = contents.read(golden_path / "sg2_rosinality_r32/checkpoint.pt").tree
    silent = {k: np.array(v) for k, v in tree["g_ema"].items() if "noises" not in k}
    average = np.array(tree["latent_avg"])
    path = _write(tmp_path / "x.pt", {"g_ema": silent, "latent_avg": average})
    found = conversion.convert(str(path))
    summary = conversion.summarize(found)
    assert "assumed: lr_multiplier=0.01, noise_seed=0" in summary
    assert "--assume=NAME=VALUE" in summary
    given = conversion.parse_given(["lr_multiplier=0.1", "noise_seed=3"])
    found = conversion.convert(str(path), given=given)
    assert "assumed" not in conversion.summarize(found)
    conversion.save(found, str(tmp_path / "bundle"))
    about = bundles.describe(tmp_path / "bundle")
    assert about["provenance"]["given"] == {"lr_multiplier": 0.1, "noise_seed": 3}
    assert about["config"]["lr_multiplier"] == 0.1
    for text in ("x", "nothing=3", "lr_multiplier=-1", "conv_clamp=nan", "taps=a:b"):
        with pytest.raises(command_line.UsageError, match="--assume"):
            conversion.parse_given([text])
    assert conversion.parse_given(["conv_clamp=none", "taps=1:3:3:1"]) == {
        "conv_clamp": None,
        "taps": (1.0, 3.0, 3.0, 1.0),
    }


@pytest.mark.slow
def test_the_main_commands_of_the_readme_run_literally(golden_path, tmp_path):
    net = golden_path / "net_lpips"
    _write(tmp_path / "vgg16-397923af.pth", recipe.state_dict(net, "vgg_trunk"))
    shutil.copy(net / "lpips_lin_vgg.pth", tmp_path / "vgg.pth")
    generator = tmp_path / "stylegan2-ffhq-config-f.pkl"
    shutil.copy(golden_path / "sg2_tf_r32/network.pkl", generator)
    tiny.write_pictures(tmp_path / "aligned_photos", "ab")
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    commands = [
        line
        for line in text.splitlines()
        if re.match(r"python -m .*(experiments\.convert|--lpips=lpips_vgg)", line)
    ]
    assert len(commands) == 3
    for command in commands:
        arguments = shlex.split(command)[1:]
        if "encode_image" in command:
            arguments.append("--iterations=2")
        subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")},
            check=True,
        )
    assert (tmp_path / "inverted/a.npz").is_file()
    assert (tmp_path / "inverted/b.mp4").is_file()
