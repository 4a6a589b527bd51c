"""Networks by path and by name, and the colors of a generator."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from converters.zoo import catalog as zoo
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder import io as jax_io
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


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda x: x[:100], lambda x: x[:-50] + bytes(50)]
)
def test_damaged_caches_are_said_removed_and_made_again(
    tmp_path, monkeypatch, caplog, damage
):
    monkeypatch.setenv("JAX_ENCODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(resources, "_NUM_SAMPLES", 100)
    network = tiny.make_generator()
    source = resources.Source(network=network, path=tmp_path, sha256="0" * 64)
    for find in (resources.latent_statistics, resources.generator_colors):
        expected = jax.tree.leaves(find(source))
    paths = sorted((tmp_path / "cache" / "statistics").iterdir())
    assert len(paths) == 2
    for path in paths:
        path.write_bytes(damage(path.read_bytes()))
    for find in (resources.latent_statistics, resources.generator_colors):
        caplog.clear()
        found = jax.tree.leaves(find(source))
        assert "made again" in caplog.text
    np.testing.assert_array_equal(found[0], expected[0])
    caplog.clear()
    for find in (resources.latent_statistics, resources.generator_colors):
        find(source)
    assert not caplog.text


def test_statistics_of_another_generator_are_not_used(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("JAX_ENCODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(resources, "_NUM_SAMPLES", 100)
    network = tiny.make_generator()
    bundle = tmp_path / "bundle"
    jax_io.save(network, bundle)
    width = network.config.w_dim + 1
    np.savez(bundle / "statistics.npz", w_avg=np.zeros(width), w_std=np.float32(1))
    source = resources.generator(str(bundle))
    found = resources.latent_statistics(source)
    assert found.w_avg.shape == (network.config.w_dim,)
    assert "computed anew" in caplog.text
    with pytest.raises(command_line.Failure, match="shape"):
        resources.latent_statistics(source, str(bundle / "statistics.npz"))


def test_a_bundle_does_not_choose_where_anything_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_ENCODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(resources, "_NUM_SAMPLES", 100)
    claims = {"sha256": "../../../../escaped", "source_sha256": "/escaped"}
    jax_io.save(tiny.make_generator(), tmp_path / "bundle", provenance=claims)
    source = resources.generator(str(tmp_path / "bundle"))
    assert len(source.sha256) == 64
    resources.latent_statistics(source)
    names = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert not [name for name in names if "escaped" in name]
    (kept,) = (tmp_path / "cache" / "statistics").iterdir()
    assert kept.name == f"{source.sha256[:32]}.npz"
