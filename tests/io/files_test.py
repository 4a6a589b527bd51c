import contextlib
import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from jax_encoder.io import files


@contextlib.contextmanager
def size_limit(num_bytes):
    """No file of this process may grow beyond `num_bytes`, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only(directory):
    """Nobody, root included, may write into `directory`."""
    directory.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        directory.chmod(0o755)


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a.bin"
    with files.writing(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyError), files.writing(path) as file:
        file.write(b"new")
        raise KeyError("stop")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_full_disk_leaves_nothing(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with size_limit(10_000), pytest.raises(files.WriteError, match="a.bin.*limit"):
        files.write_bytes(path, b"x" * 100_000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "disk is full; free some space"),
        (errno.EROFS, "read-only; choose another directory"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_name_the_file_and_the_remedy(tmp_path, monkeypatch, number, remedy):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(files.WriteError, match=f"a.json.*{remedy}") as caught:
        files.write_json(tmp_path / "a.json", {})
    assert caught.value.errno == number
    assert os.listdir(tmp_path) == []


def test_a_read_only_directory(tmp_path):
    directory = tmp_path / "out"
    directory.mkdir()
    with read_only(directory), pytest.raises(files.WriteError, match="not writable"):
        files.write_bytes(directory / "a.bin", b"x")
    with read_only(directory), pytest.raises(files.WriteError, match="not writable"):
        files.make_directory(directory / "deeper")
    assert os.listdir(directory) == []


def test_a_file_in_the_place_of_a_directory(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(files.WriteError, match="choose another directory"):
        files.make_directory(tmp_path / "out")
    with pytest.raises(files.WriteError, match="is a file, not a directory"):
        files.make_directory(tmp_path / "out" / "deeper")
    (tmp_path / "taken").mkdir()
    with pytest.raises(files.WriteError, match="'.*taken'.*a directory has this name"):
        files.write_bytes(tmp_path / "taken", b"x")
    assert sorted(os.listdir(tmp_path)) == ["out", "taken"]


_KILLED = """
import sys, time
from jax_encoder.io import files
with files.writing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_only_a_hidden_leftover(tmp_path):
    path = tmp_path / "a.bin"
    command = [sys.executable, "-c", _KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert not path.exists()
    (tmp_path / ".keep.tmp-me").write_bytes(b"not ours")
    assert files.remove_leftovers(tmp_path) == 1
    assert os.listdir(tmp_path) == [".keep.tmp-me"]


def test_json_has_no_nan(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": [float("nan"), float("-inf"), 1.5], "b": ("x", None)})
    assert json.loads(path.read_text()) == {"a": [None, None, 1.5], "b": ["x", None]}


def test_long_names(tmp_path):
    files.write_bytes(tmp_path / ("n" * 250), b"x")
    with pytest.raises(files.WriteError, match="too long"):
        files.write_bytes(tmp_path / ("n" * 300), b"x")


def test_names_are_cut_by_bytes(tmp_path):
    name = "\u5b57" * 80 + ".npy"  # 244 bytes
    files.write_bytes(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    odd = os.fsdecode(b"a\xff" * 120)
    files.write_bytes(tmp_path / odd, b"x")
    assert files.shorten("\u5b57" * 80, 100) == "\u5b57" * 33


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "link/a"])
def test_names_out_of_data_stay_inside(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leads out"):
        files.inside(tmp_path / "folder", name)
    assert files.inside(tmp_path, "folder/a") == tmp_path / "folder" / "a"


def test_the_words_of_numpy_for_a_full_disk_are_explained(tmp_path):
    full = pytest.raises(files.WriteError, match="the disk is full")
    with full, files.writing(tmp_path / "a"):
        raise OSError("1280 requested and 992 written")


def test_new_files_have_the_usual_permissions(tmp_path):
    files.write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_sha256(tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "a").write_bytes(content)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_writing_is_not_slow(tmp_path):
    start = time.perf_counter()
    for index in range(20):
        files.write_bytes(tmp_path / f"{index}", b"x")
    assert time.perf_counter() - start < 5
