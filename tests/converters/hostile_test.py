"""Broken and malicious files: an error that names the file, in time; nothing runs."""

import io
import json
import os
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import converters
from converters.readers import contents
from tests.converters import streams

NATIVE = (
    "sg2_rosinality_r32/checkpoint.pt",
    "sg2ada_resnet_cond_r16/network.pkl",
    "sg2_tf_r32/network.pkl",
    "net_lpips/lpips_lin_vgg.pth",
)
FLOAT = streams.storage("0", "FloatStorage", 24)
RAW = {"0": np.arange(24, dtype=np.float32).tobytes()}


class Command:
    """An attack: what `pickle` would call while it reads."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def attacks(marker):
    touch = f"touch {marker}"
    yield "os.system", Command(os.system, touch), "posix.system"
    yield "eval", Command(eval, f"open({str(marker)!r}, 'w')"), "builtins.eval"
    yield "exec", Command(exec, f"open({str(marker)!r}, 'w')"), "builtins.exec"
    yield "import", Command(__import__, "antigravity"), "builtins.__import__"
    yield "getattr", Command(getattr, "text", "system"), "builtins.getattr"
    yield "popen", Command(subprocess.Popen, ["touch", str(marker)]), "Popen"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_no_global_is_called_that_is_not_known(tmp_path, protocol):
    marker = tmp_path / "marker"
    for name, attack, full_name in attacks(marker):
        plain = pickle.dumps(attack, protocol)
        if protocol == 2:  # written by Python for Python 2
            full_name = full_name.replace("builtins", "__builtin__")
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("archive/data.pkl", plain)
        legacy = b"".join(
            [
                pickle.dumps(streams.MAGIC, 2),
                pickle.dumps(streams.PROTOCOL, 2),
                pickle.dumps({"little_endian": True}, 2),
                plain,
                pickle.dumps([], 2),
            ]
        )
        inside = streams.Call(
            streams.Named("torch.storage", "_load_from_bytes"), (legacy,)
        )
        files = (plain, zipped.getvalue(), legacy, streams.dumps(inside, protocol))
        for index, content in enumerate(files):
            path = tmp_path / f"{name}{index}.pt"
            path.write_bytes(content)
            with pytest.raises(converters.ConversionError) as caught:
                converters.load(path)
            assert path.name in str(caught.value)
            assert full_name in str(caught.value)
    assert not marker.exists()


def test_persistent_source_text_is_not_run():
    module = streams.module("Generator", {})
    tree = contents.parse(memoryview(streams.dumps({"G_ema": module})))[1]
    with pytest.raises(converters.ConversionError, match="mapping"):
        converters.convert(tree, kind="nvidia_stylegan2")


@pytest.mark.parametrize("name", NATIVE)
def test_files_cut_short(golden, tmp_path, name):
    whole = (golden / name).read_bytes()
    path = tmp_path / "cut.bin"
    for step in range(64):
        path.write_bytes(whole[: len(whole) * step // 64])
        with pytest.raises(converters.ConversionError) as caught:
            contents.read(path)
        assert caught.value.source == str(path)


@pytest.mark.parametrize("name", NATIVE)
def test_flipped_bits(golden, tmp_path, name):
    whole = (golden / name).read_bytes()
    path, generator = tmp_path / "flipped.bin", random.Random(name)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(generator.choice((1, 1, 8, 64))):
            # The beginning and the end hold structure, the rest mostly weights.
            where = generator.choice((len(whole), 2000, -2000))
            position = generator.randrange(abs(where))
            damaged[position if where > 0 else -1 - position] ^= (
                1 << generator.randrange(8)
            )
        path.write_bytes(damaged)
        try:
            converters.inspect(path)
        except converters.ConversionError as error:
            assert error.source == str(path)  # noqa: PT017


def test_a_flipped_weight_in_an_archive_is_noticed(golden, tmp_path):
    whole = bytearray((golden / NATIVE[0]).read_bytes())
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        info = archive.getinfo("checkpoint/data/3")
    whole[info.header_offset + 300] ^= 4
    path = tmp_path / "flipped.pt"
    path.write_bytes(whole)
    with pytest.raises(converters.ConversionError, match="data/3: .* checksum"):
        converters.load(path)


def write(path, content):
    path.write_bytes(content)
    return path


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def bombs(folder):
    """Files that would take memory or time; name -> path."""

    def add(name, content):
        write(folder / name, content)

    depth = 300_000
    add("nested_lists", b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
    add("nested_tuples", b"\x80\x02)" + b"\x85" * depth + b".")
    add("nested_key", b"\x80\x02})" + b"\x85" * depth + b"Ns.")
    add("laughs", b"\x80\x02]q\x00" + b"(h\x00h\x00h\x00lq\x00" * 40 + b".")
    shape = b"J\xff\xff\xff\x7f"
    add("endless_shape", _tensor_of(b")" + b"2\x86" * 60))
    add("huge_shape", _tensor_of(b"(" + shape * 4 + b"t"))
    add("huge_memo", b"\x80\x02Nr\xff\xff\xff\xff.")
    add("huge_bytes", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.")
    add("huge_text", b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc.")
    add("huge_integer", b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"abc.")
    add("many_steps", b"\x80\x02" + b"N0" * 20_000_000 + b"N.")
    add("many_lists", b"\x80\x02" + b"]" * 10_000_000 + b".")
    long = text(b"a" * 1_000_000) + b"q\x01"
    encode = b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86R0"
    add("many_copies", b"\x80\x02" + long + encode * 20_000 + b".")
    collide = b"".join(
        b"\x8a\x10" + struct.pack("<QQ", 0, k) + b"N" for k in range(50_000)
    )
    add("collisions", b"\x80\x02}(" + collide + b"u.")
    declared = streams.storage("0", "FloatStorage", 1 << 38)
    terabyte = streams.tensor(declared, (1 << 38,), (1,))
    add("terabyte_zip", streams.torch_zip(terabyte, RAW))
    add("terabyte_legacy", streams.torch_legacy(terabyte, {"0": (1 << 38, b"abcd")}))
    expanded = [streams.tensor(FLOAT, (1 << 19, 1 << 19), (0, 0)) for _ in range(3)]
    add("terabyte_expanded", streams.torch_zip(expanded, RAW))
    add("outside", streams.torch_zip(streams.tensor(FLOAT, (2,), (1,), 23), RAW))
    add("negative", streams.torch_zip(streams.tensor(FLOAT, (2,), (-1,), 23), RAW))
    view = streams.tensor(FLOAT, (1 << 62, 4), (1 << 62, 1))
    add("overflow", streams.torch_zip(view, RAW))
    escape = streams.tensor(FLOAT, (24,), (1,))
    for index, name in enumerate(("../../escape", "/etc/escape", "a\\..\\..\\b")):
        add(f"escape{index}", streams.torch_zip(escape, RAW, more=[(name, b"x")]))
    add("zip_bomb", _deflated("archive/data.pkl", bytes(200_000_000)))
    add("npz_bomb", _deflated("a.npy", bytes(300_000_000)))
    add("overlap", _overlapping())
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    add("terabyte.npy", npy + bytes(64))
    objects = io.BytesIO()
    np.save(objects, np.array([{"a": 1}], object), allow_pickle=True)
    add("objects.npy", objects.getvalue())
    deep = b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000
    add("deep.npy", deep + bytes(64))
    entry = (
        b'{"a":{"dtype":"F32","shape":[274877906944],"data_offsets":[0,1099511627776]}}'
    )
    add("terabyte.safetensors", struct.pack("<Q", len(entry)) + entry + bytes(64))
    nested = b'{"a":' + b"[" * 200_000
    add("deep.safetensors", struct.pack("<Q", len(nested)) + nested)
    add("header.safetensors", struct.pack("<Q", 1 << 60) + b"{}")
    return sorted(folder.iterdir())


def _tensor_of(shape):
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(N"
        b"K\x00" + shape + shape + b"\x89NtR."
    )


def _deflated(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _overlapping():
    """A directory that names one member a thousand times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps([0] * 1000, 2))
    whole = buffer.getvalue()
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry, tail = whole[start:end], whole[end:]
    names = (f"archive/d{k:03}.pkl".encode() for k in range(1000))
    entries = b"".join(entry.replace(b"archive/data.pkl", name) for name in names)
    tail = tail[:8] + struct.pack("<HHI", 1000, 1000, len(entries)) + tail[16:]
    return whole[:start] + entries + tail


_MEASURE = r"""
import json, pathlib, re, sys, time
import converters
for path in map(pathlib.Path, sys.argv[1:]):
    start, error = time.process_time(), None
    try:
        converters.inspect(path)
        converters.load(path)
    except converters.ConversionError as caught:
        error = str(caught)[:2000]
    seconds = time.process_time() - start
    print(json.dumps([path.name, error, seconds]))
status = open("/proc/self/status").read()  # ru_maxrss would count the parent too
print(re.search(r"VmHWM:\s*(\d+)", status)[1])
"""


def test_bombs_go_off_nowhere(tmp_path):
    folder = tmp_path / "bombs"
    folder.mkdir()
    paths = bombs(folder)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=pathlib.Path(converters.__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    *lines, peak = done.stdout.splitlines()
    assert len(lines) == len(paths)
    for line in lines:
        name, error, seconds = json.loads(line)
        assert error is not None, name
        assert name in error
        assert seconds < 5, name
    assert int(peak) < 1 << 20  # kibibytes
    assert not list(tmp_path.rglob("*escape"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello", "no checkpoint"),
        (b"<!DOCTYPE html><html>quota exceeded</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (b"PK\x03\x04" + bytes(100), "no directory"),
        (pickle.dumps({"a": 1}), "no known kind"),
        (pickle.dumps([1, 2, 3]), "no known kind"),
    ],
)
def test_other_files(tmp_path, content, message):
    path = write(tmp_path / "file.pt", content)
    with pytest.raises(converters.ConversionError, match=message) as caught:
        converters.load(path)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(converters.ConversionError, match="directory"):
        converters.load(tmp_path)
    with pytest.raises(converters.ConversionError, match="No such file"):
        converters.load(tmp_path / "absent.pt")
    os.mkfifo(tmp_path / "fifo")
    start = time.monotonic()
    with pytest.raises(converters.ConversionError, match="regular file"):
        converters.load(tmp_path / "fifo")
    assert time.monotonic() - start < 5


def test_a_program_is_no_checkpoint(tmp_path):
    more = [("archive/code/__torch__.py", b"def f(): pass")]
    tree = streams.tensor(FLOAT, (24,), (1,))
    path = write(tmp_path / "vgg16.pt", streams.torch_zip(tree, RAW, more=more))
    with pytest.raises(converters.ConversionError, match="TorchScript"):
        converters.load(path)


def test_everything_that_does_not_fit_is_told_at_once(golden):
    tree = contents.read(golden / "sg2_rosinality_r32" / "checkpoint.pt").tree
    state = dict(tree["g_ema"])
    del state["conv1.activate.bias"]
    state["style.3.bias"] = np.zeros(5, np.float32)
    state["surplus"] = np.zeros(3, np.float32)
    with pytest.raises(converters.ConversionError) as caught:
        converters.convert({"g_ema": state}, source="x.pt")
    message = str(caught.value)
    assert message.startswith("x.pt")
    assert "missing: synthesis.b4.conv1.bias (32,)" in message
    assert "shape: mapping.fc2.bias must be (64,), got (5,)" in message
    assert "unused: surplus (3,)" in message
    state = dict(tree["g_ema"])
    state["to_rgb1.bias"] = np.full((1, 3, 1, 1), np.nan, np.float32)
    with pytest.raises(converters.ConversionError, match=r"not finite: .*b4\.torgb"):
        converters.convert({"g_ema": state})
