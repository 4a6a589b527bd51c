"""Bundles and differences: whole or not at all, and only our own networks."""

import dataclasses
import importlib
import json
import pathlib
import random
import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from fuzz import edits
from jax_encoder import io
from jax_encoder.io import bundles, descriptions, differences, digests, network_names
from jax_encoder.nn import stylegan2

CONFIG = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)


@pytest.fixture(scope="module")
def generator():
    return stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def bundle(generator, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "generator"
    io.save(generator, path, provenance={"license": "CC0"})
    return path


def _leaves(module):
    return jax.tree.leaves(nnx.to_pure_dict(nnx.state(module)))


def test_save_and_load_is_the_identity(generator, bundle):
    loaded = io.load(bundle)
    assert loaded.config == CONFIG
    for ours, theirs in zip(_leaves(loaded), _leaves(generator), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert bundles.describe(bundle)["provenance"] == {"license": "CC0"}
    assert [p.name for p in bundle.parent.iterdir()] == ["generator"]


def test_half_precision_is_smaller_and_close(generator, tmp_path):
    io.save(generator, tmp_path / "half", dtype="float16")
    loaded = io.load(tmp_path / "half")
    assert loaded.synthesis.b4.const[...].dtype == jnp.float32
    for ours, theirs in zip(_leaves(loaded), _leaves(generator), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_a_bundle_is_replaced_and_other_directories_are_not(generator, tmp_path):
    io.save(generator, tmp_path / "twice")
    io.save(generator, tmp_path / "twice", provenance={"round": 2})
    assert bundles.describe(tmp_path / "twice")["provenance"] == {"round": 2}
    other = tmp_path / "photos"
    other.mkdir()
    (other / "holiday.txt").write_text("precious")
    with pytest.raises(io.BundleError, match="is not a bundle"):
        io.save(generator, other)
    assert (other / "holiday.txt").read_text() == "precious"


def test_a_failed_write_leaves_the_old_bundle(generator, tmp_path, monkeypatch):
    io.save(generator, tmp_path / "kept")

    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(bundles.ocp.PyTreeCheckpointer, "save", full)
    with pytest.raises(OSError, match="No space"):
        io.save(generator, tmp_path / "kept", provenance={"round": 2})
    monkeypatch.undo()
    assert bundles.describe(tmp_path / "kept")["provenance"] == {}
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "os:system"}, "is no network of jax_encoder.nn"),
        ({"network": "jax_encoder.nn.stylegan2:Nothing"}, "cannot build"),
        ({"config": {"resolution": 7}}, "cannot build"),
        ({"format": 99}, "unknown bundle format 99"),
    ],
)
def test_a_forged_description_is_refused(bundle, tmp_path, change, message):
    description = json.loads((bundle / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(description))
    with pytest.raises(io.BundleError, match=message):
        io.load(tmp_path)


def test_no_bundle_says_how_to_make_one(tmp_path):
    with pytest.raises(io.BundleError, match=r"experiments\.convert"):
        io.load(tmp_path)


def test_damaged_arrays_are_reported(generator, tmp_path):
    io.save(generator, tmp_path / "damaged")
    for path in (tmp_path / "damaged" / "arrays").rglob("*"):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(io.BundleError, match="are not what it was saved with"):
        io.load(tmp_path / "damaged")


def test_a_difference_restores_the_tuned_network(generator, tmp_path):
    tuned = nnx.clone(generator)
    tuned.synthesis.b4.const[...] = tuned.synthesis.b4.const[...] + 1.0
    path = tmp_path / "tuned.npz"
    differences.save(tuned, generator, path, parent_sha256="abc")
    with np.load(path) as file:
        assert sorted(file.files) == [
            "difference:synthesis.b4.const",
            "parent_sha256",
        ]
    loaded = differences.load(generator, path, parent_sha256="abc")
    np.testing.assert_allclose(
        loaded.synthesis.b4.const[...], tuned.synthesis.b4.const[...], rtol=1e-6
    )
    with pytest.raises(ValueError, match="load it with the generator that was tuned"):
        differences.load(generator, path, parent_sha256="abd")


def _copy(bundle, tmp_path):
    return pathlib.Path(shutil.copytree(bundle, tmp_path / "copy"))


def test_every_edit_of_the_description_is_a_sentence_or_changes_nothing(
    generator, bundle, tmp_path
):
    copy = _copy(bundle, tmp_path)
    before = json.loads((bundle / "config.json").read_text())
    outcomes = {"loaded": 0, "refused": 0}
    for what, edited in edits.edits(before, 150):
        (copy / "config.json").write_text(json.dumps(edited))
        start = time.process_time()
        try:
            loaded = io.load(copy)
        except io.BundleError as error:
            assert len(str(error)) < 1500, what  # noqa: PT017
            outcomes["refused"] += 1
        else:
            assert digests.of_module(loaded) == digests.of_module(generator), what
            assert loaded.config == generator.config, what
            outcomes["loaded"] += 1
        assert time.process_time() - start < 5, what
    assert min(outcomes.values()) > 2


def test_flipped_bits_never_give_another_network(generator, bundle, tmp_path):
    copy, draw = _copy(bundle, tmp_path), random.Random(0)
    expected = digests.of_module(generator)
    whole = [path for path in sorted(copy.rglob("*")) if path.is_file()]
    for path in (draw.choice(whole) for _ in range(30)):
        content = path.read_bytes()
        if not content:
            continue
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(flipped))
        try:
            loaded = io.load(copy)
            assert digests.of_module(loaded) == expected
            assert loaded.config == generator.config
        except io.BundleError as error:
            assert str(copy) in str(error)  # noqa: PT017
        path.write_bytes(content)
    assert digests.of_module(io.load(copy)) == expected


def test_exchanged_arrays_are_noticed_unless_told_not_to_look(bundle, tmp_path):
    copy = _copy(bundle, tmp_path)
    other = stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(1))
    io.save(other, tmp_path / "other")
    shutil.rmtree(copy / "arrays")
    shutil.copytree(tmp_path / "other" / "arrays", copy / "arrays")
    with pytest.raises(io.BundleError, match="are not what it was saved with"):
        io.load(copy)
    loaded = io.load(copy, verify=False)
    assert digests.of_module(loaded) == digests.of_module(other)
    io.seal(copy)
    assert bundles.read(copy).digest == bundles.read(tmp_path / "other").digest


def test_an_old_bundle_loads_with_a_note_and_can_be_sealed(bundle, tmp_path, caplog):
    copy = _copy(bundle, tmp_path)
    description = json.loads((copy / "config.json").read_text())
    old = {k: v for k, v in description.items() if k not in ("digests", "files")}
    (copy / "config.json").write_text(json.dumps(old | {"format": 1}))
    io.load(copy)
    assert "earlier version" in caplog.text
    caplog.clear()
    io.seal(copy)
    io.load(copy)
    assert not caplog.text
    assert json.loads((copy / "config.json").read_text()) == description


def test_files_beside_the_arrays_are_checked(bundle, tmp_path):
    copy = _copy(bundle, tmp_path)
    assert bundles.companion(copy, "statistics.npz") is None
    path = copy / "statistics.npz"
    np.savez(path, w_avg=np.zeros(3))
    assert bundles.companion(copy, "statistics.npz") == path  # not noted yet
    io.seal(copy)
    assert bundles.companion(copy, "statistics.npz") == path
    np.savez(path, w_avg=np.ones(3))
    with pytest.raises(io.BundleError, match="sealed with"):
        bundles.companion(copy, "statistics.npz")
    assert bundles.companion(copy, "statistics.npz", verify=False) == path
    with pytest.raises(ValueError, match="leads out"):
        bundles.companion(copy, "../other/statistics.npz")


def test_a_network_beyond_the_ceiling_is_refused(bundle, monkeypatch):
    with pytest.raises(io.BundleError, match="ask for a network of 0.0 GiB; at most"):
        io.load(bundle, max_bytes=1000)
    monkeypatch.setenv("JAX_ENCODER_MAX_NETWORK_GIB", "0")
    with pytest.raises(io.BundleError, match="JAX_ENCODER_MAX_NETWORK_GIB"):
        io.load(bundle)


def test_a_bundle_of_an_earlier_version_loads_under_its_old_name(bundle, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(bundle, old)
    description = json.loads((old / "config.json").read_text())
    description["network"] = "jax_encoder.nn.stylegan2:Generator"
    description["digests"]["settings"] = descriptions.settings_digest(description)
    (old / "config.json").write_text(json.dumps(description))
    assert type(io.load(old)) is stylegan2.StyleGAN2Generator
    bundles.seal(old)
    assert bundles.describe(old)["network"] == description["network"]


@pytest.mark.parametrize("name", network_names.RENAMED.values())
def test_every_new_name_is_one_of_a_network(name):
    module, _, kind = name.partition(":")
    assert dataclasses.is_dataclass(
        getattr(importlib.import_module(module), kind).config_class
    )
