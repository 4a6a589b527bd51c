"""Damaged and hostile `.npz`, `.npy`, JSON: one exception, little time and memory."""

import io
import json
import os
import random
import tracemalloc
import zipfile

import numpy as np
import pytest

from jax_encoder.io import loading


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(12.0).reshape(3, 4).T, b=np.array("text"), c=np.zeros(0))
    return path


def npy(shape, descr="<f4", body=b""):
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + body


def packed(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_arrays_come_back(tmp_path, archive):
    found = loading.read_arrays(archive)
    np.testing.assert_array_equal(found["a"], np.arange(12.0).reshape(3, 4).T)
    assert found["b"].item() == "text"
    assert found["c"].shape == (0,)
    found["a"][0, 0] = 5.0  # ours to change
    np.save(tmp_path / "b.npy", np.float32([[1, 2]]))
    np.testing.assert_array_equal(loading.read(tmp_path / "b.npy"), [[1, 2]])


def test_every_cut_and_every_flipped_bit_is_noticed_or_harmless(tmp_path, archive):
    whole, path = archive.read_bytes(), tmp_path / "damaged.npz"
    expected = loading.read_arrays(archive)
    draw = random.Random(0)
    cuts = [whole[: draw.randrange(len(whole))] for _ in range(40)]
    for _ in range(120):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        cuts.append(bytes(flipped))
    for content in cuts:
        path.write_bytes(content)
        try:
            found = loading.read_arrays(path)
        except loading.LoadError as error:
            assert str(path) in str(error)  # noqa: PT017
            continue
        for name in found.keys() & expected.keys():
            np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy((2**38,)), "another size"),
        (npy((2**62, 2**62)), "another size"),
        (npy((0, 2**62, 2**62)), "damaged"),
        (npy((4,), "|O", bytes(32)), "pickled objects"),
        (npy((1,), [("a", "<f4")], bytes(4)), "neither numbers"),
        (b"\x93NUMPY\x01\x00" + b"\x28\x23" + b"(" * 9000, "damaged"),
        (b"\x93NUMPY\x09\x00" + bytes(80), "unknown format|damaged"),
        (b"", "neither"),
        (b"PK\x03\x04" + bytes(100), "damaged"),
    ],
)
def test_hostile_arrays(tmp_path, content, reason):
    for path in (tmp_path / "a.npy", packed(tmp_path / "a.npz", {"a.npy": content})):
        if path.suffix == ".npy":
            path.write_bytes(content)
        elif content[:2] in (b"", b"PK"):
            continue
        with pytest.raises(loading.LoadError, match=f"{path.name}.*({reason})"):
            loading.read(path)


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path):
    zeros = npy((1 << 26,), body=bytes(1 << 28))
    path = packed(tmp_path / "bomb.npz", {"a.npy": zeros})
    assert path.stat().st_size < 1 << 20
    del zeros
    tracemalloc.start()
    with pytest.raises(loading.LoadError, match="unpacks to 268435"):
        loading.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_other_archives(tmp_path):
    path = packed(tmp_path / "a.npz", {"data.pkl": b"x"})
    with pytest.raises(loading.LoadError, match="not all of its members are arrays"):
        loading.read(path)
    with pytest.raises(loading.LoadError, match="equal names|no .npz"):
        loading.read(packed(tmp_path / "b.npz", {}))
    with pytest.raises(loading.LoadError, match="no such file"):
        loading.read(tmp_path / "absent.npz")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(loading.LoadError, match="no regular file"):
        loading.read(tmp_path / "pipe")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(loading.LoadError, match="archive of arrays"):
        loading.read_arrays(tmp_path / "one.npy")


def test_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [1, None]}))
    assert loading.read_json(path) == {"a": [1, None]}
    with pytest.raises(loading.LoadError, match="more than 4"):
        loading.read_json(path, max_bytes=4)
    for content in (b"[" * 200_000, b'{"a":' * 100_000, b"{", b"\xff", b"1" * 9000):
        path.write_bytes(content)
        with pytest.raises(loading.LoadError, match=r"a\.json: .*(deep|no JSON)"):
            loading.read_json(path)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.full((2, 2), np.nan), "finite"),
        (np.full((2, 2), "a"), "finite"),
        (np.zeros((2, 0)), "shape"),
        (None, "holds no 'x'"),
    ],
)
def test_check(array, reason):
    arrays = {} if array is None else {"x": array}
    with pytest.raises(loading.LoadError, match=reason):
        loading.check("f.npz", arrays, "x", (None, 2 if array is None else None))
    good = {"x": np.ones((2, 3))}
    assert loading.check("f.npz", good, "x", (2, None)) is good["x"]
