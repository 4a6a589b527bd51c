"""Codes out of the tray and back, and what is no code."""

import io
import types
import zipfile

import numpy as np
import pytest

from experiments.editing.code_sets import Code
from experiments.launch import command_line
from experiments.networks.resources import Source
from experiments.studio_page import safety, tray
from tests.experiments.studio_page import hostile_files, served

LIMITS = safety.VisitorLimits(max_unpacked=64 << 20)


@pytest.fixture
def source(tmp_path):
    config = types.SimpleNamespace(num_ws=10, w_dim=128, z_dim=64, c_dim=0)
    network = types.SimpleNamespace(config=config)
    return Source(network=network, path=tmp_path / "generator", sha256="ab" * 32)


def _entry(name, space="w+", **metadata):
    shape = {"w+": (10, 128), "w": (128,), "z": (64,)}[space]
    value = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    code = Code(
        name=name,
        value=value,
        space=space,
        arrays={"noise_00": np.ones((4, 4), np.float32)} if space == "w+" else {},
        metadata={"generator_sha256": "ab" * 32, **metadata},
    )
    picture = np.zeros((4, 4, 3), np.uint8)
    return tray.TrayEntry(code=code, picture=picture, generator_sha256="ab" * 32)


def test_codes_come_back_as_they_were(source, tmp_path):
    entries = [_entry("a"), _entry("my photo"), _entry("b", "w"), _entry("c", "z")]
    archive = tray.save(entries, tmp_path)
    found, refused = tray.load(archive, "codes.zip", source, tmp_path, LIMITS)
    assert not refused
    by_name = {code.name.partition("_")[0]: code for code in found}
    for entry in entries:
        code = by_name[entry.name]
        assert code.space == entry.code.space
        np.testing.assert_array_equal(code.value, entry.code.value)
    assert [m.shape for m in by_name["a"].noise] == [(4, 4)]


def test_saved_files_name_no_folder(tmp_path):
    frame = {"photograph": "/tmp/studio_x/picture1.png", "face": 0}
    entry = _entry("a", generator="/srv/models/ffhq", frame=frame)
    archive = tray.save([entry], tmp_path)
    (text,) = served.metadata(archive)
    assert "/srv/models" not in text
    assert "studio_x" not in text
    assert "picture1.png" in text
    assert not list(tmp_path.iterdir())


def test_a_bare_file_is_read(source, tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((10, 128), np.float32))
    (code,), _ = tray.load(buffer.getvalue(), "me.npy", source, tmp_path, LIMITS)
    assert code.name == "me"
    assert code.value.shape == (10, 128)


def test_codes_of_another_generator_are_refused(source, tmp_path):
    archive = tray.save([_entry("a", generator_sha256="cd" * 32)], tmp_path)
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        content = files.read("a.npz")
    with pytest.raises(command_line.Failure, match="another|a code of the generator"):
        tray.load(content, "a.npz", source, tmp_path, LIMITS)


@pytest.mark.parametrize(
    "name", ["escaping", "bomb", "damaged", "exe", "nan", "pickle"]
)
def test_hostile_files_are_refused_and_leave_nothing(source, tmp_path, name):
    content = {
        "escaping": ("x.zip", hostile_files.escaping()),
        "bomb": ("x.zip", hostile_files.bomb(megabytes=65)),
        "damaged": ("x.zip", b"PK\x03\x04" + bytes(99)),
        "exe": ("x.exe", b"MZ"),
        "nan": ("x.npy", hostile_files.not_finite()),
        "pickle": ("x.pkl", b"cposix\nsystem\n(S'echo hostile'\ntR."),
    }[name]
    with pytest.raises((safety.Refusal, command_line.Failure)):
        tray.load(content[1], content[0], source, tmp_path, LIMITS)
    assert not list(tmp_path.iterdir())
    assert not (tmp_path.parent.parent / "out.npy").exists()
