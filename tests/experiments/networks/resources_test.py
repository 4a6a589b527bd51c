"""Networks by path and by name, and the colors of a generator."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from converters.zoo import catalog as zoo
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.inversion import colors as colors
from tests.experiments import tiny


def test_a_name_of_the_zoo_is_downloaded(golden, tmp_path, monkeypatch, capsys):
    file = tmp_path / "cache" / "afhqcat.pkl"
    file.parent.mkdir()
    shutil.copy(golden / "sg2ada_skip_r32" / "network.pkl", file)
    asked = []

    def download(entry, **_):
        asked.append(entry.name)
        return file

    monkeypatch.setattr(zoo, "download", download)
    monkeypatch.chdir(tmp_path)
    source = resources.generator("stylegan2-ada-afhqcat")
    assert asked == ["stylegan2-ada-afhqcat"]
    assert source.network.config.resolution == 32
    assert source.path == file
    assert "license" in capsys.readouterr().err
    resources.generator(str(file))  # a path stays a path
    assert len(asked) == 1


def test_unknown_names_are_refused_with_similar_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(command_line.Failure, match="stylegan2-ada-afhqcat"):
        resources.generator("stylegan2-ada-afhqcats")
    with pytest.raises(command_line.Failure, match=r"absent\.pkl"):
        resources.generator("absent.pkl")
    assert zoo.find("stylegan_ffhq").name == "interfacegan-stylegan-ffhq"


def test_the_colors_of_a_generator_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network = tiny.make_generator()
    source = resources.Source(network=network, path=tmp_path, sha256="0" * 64)
    found = resources.generator_colors(source)
    assert found.mean.shape == found.std.shape == (1, 3)
    monkeypatch.setattr(colors, "of_generator", lambda *_, **__: 1 / 0)
    again = resources.generator_colors(source)
    np.testing.assert_array_equal(again.mean, found.mean)
    np.testing.assert_array_equal(again.std, found.std)
    assert jnp.all(found.std > 0.01)
