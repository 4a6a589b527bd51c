"""Folders, lists, tables, tars, patterns and addresses become the same pictures."""

import io
import tarfile

import fsspec
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from experiments.corpus import manifest
from experiments.launch import command_line
from experiments.sharing import corpus_sources, picture_bytes


def _png(value=0):
    encoded = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(encoded, "PNG")
    return encoded.getvalue()


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for k, name in enumerate(["a/1.png", "a/2.jpg", "b/1.png", "b/1.jpg", "c.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(_png(k))
    (root / "notes.md").write_text("no picture")
    (root / "contact_sheet.png").write_bytes(_png())
    (root / ".hidden.png").write_bytes(_png())
    return root


def _entries(where, tmp_path):
    path = tmp_path / "manifest.parquet"
    found = manifest.write(path, [str(where)], 3, hashes=True)
    return [entry for k in range(found.num_shards) for entry in found.shard(k)]


def test_a_tree_is_searched_and_named_by_its_folders(photos, tmp_path):
    entries = _entries(photos, tmp_path)
    assert [e.id for e in entries] == ["a/1", "a/2", "b/1", "b/1_png", "c"]
    assert [e.position for e in entries] == list(range(5))
    assert all(e.size == len(picture_bytes.read(e)) for e in entries)
    assert len({e.sha256 for e in entries}) == 5


def test_a_pattern_takes_what_it_matches(photos, tmp_path):
    entries = _entries(f"{photos}/**/*.jpg", tmp_path)
    assert [e.uri for e in entries] == [f"{photos}/a/2.jpg", f"{photos}/b/1.jpg"]


def test_a_list_names_pictures_beside_it(photos, tmp_path):
    (photos / "all.txt").write_text("# mine\na/1.png\nc.png\tanna\n\n")
    entries = _entries(photos / "all.txt", tmp_path)
    assert [(e.id, picture_bytes.read(e)) for e in entries] == [
        ("1", _png(0)),
        ("anna", _png(4)),
    ]


def test_a_tar_is_read_from_its_middle(photos, tmp_path):
    with tarfile.open(tmp_path / "shard-0.tar", "w") as archive:
        for name in ("000.png", "000.json", "001.png"):
            content = _png(7) if name == "001.png" else b"{}"
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    entries = _entries(f"{tmp_path}/shard-*.tar", tmp_path)
    assert [e.id for e in entries] == ["000", "001"]
    assert picture_bytes.read(entries[1]) == _png(7)


@pytest.mark.parametrize("is_struct", [True, False])
def test_a_table_may_hold_the_pictures(tmp_path, is_struct):
    values = [_png(k) for k in range(5)]
    column = [{"bytes": v, "path": None} for v in values] if is_struct else values
    table = pyarrow.table({"image": column, "id": list("abcde")})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    entries = _entries(tmp_path / "t.parquet", tmp_path)
    assert [e.id for e in entries] == list("abcde")
    assert [picture_bytes.read(e) for e in entries] == values


def test_a_table_may_hold_addresses(photos, tmp_path):
    table = pyarrow.table({"url": [str(photos / "c.png"), str(photos / "a/1.png")]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    entries = _entries(tmp_path / "t.parquet", tmp_path)
    assert [picture_bytes.read(e) for e in entries] == [_png(4), _png(0)]


def test_addresses_of_fsspec_are_read_likewise(photos, tmp_path):
    memory = fsspec.filesystem("memory")
    memory.put(str(photos), "/corpus_photos", recursive=True)
    try:
        entries = _entries("memory://corpus_photos", tmp_path)
        assert [e.id for e in entries] == ["a/1", "a/2", "b/1", "b/1_png", "c"]
        assert picture_bytes.read(entries[0]) == _png(0)
        matched = _entries("memory://corpus_photos/*/*.jpg", tmp_path)
        assert [e.uri for e in matched] == [
            "memory:///corpus_photos/a/2.jpg",
            "memory:///corpus_photos/b/1.jpg",
        ]
    finally:
        memory.rm("/corpus_photos", recursive=True)


def test_what_cannot_be_read_is_a_reason(photos, tmp_path):
    options = {"resolution": 4, "channels": 3, "crop": "center"}
    (first, second, *_) = _entries(photos, tmp_path)
    (photos / "a/1.png").write_bytes(b"no picture at all")
    (photos / "a/2.jpg").unlink()
    assert "changed since it was listed" in picture_bytes.load(first, **options).reason
    assert "no such file" in picture_bytes.load(second, **options).reason
    whole = picture_bytes.load(_entries(photos, tmp_path)[-1], **options)
    assert whole.target is not None
    assert whole.target.shape == (4, 4, 3)


def test_nothing_and_unknown_are_refused(tmp_path):
    with pytest.raises(command_line.UsageError, match="No pictures"):
        manifest.write(tmp_path / "m.parquet", [str(tmp_path)], 3, hashes=False)
    with pytest.raises(command_line.Failure, match="cannot be read"):
        manifest.write(tmp_path / "m.parquet", ["none.png"], 3, hashes=False)
    with pytest.raises(command_line.Failure, match="compressed archive"):
        list(corpus_sources.find("x.tar.gz"))


def test_ids_differ_whatever_the_names():
    found = [
        corpus_sources.PictureSource(f"/x/{name}")
        for name in ("a.png", "a.jpg", "b/../a.png")
    ]
    found += [
        corpus_sources.PictureSource("/y/z", name="a"),
        corpus_sources.PictureSource("/y/z", name="a_jpg"),
    ]
    names = corpus_sources.identify(found)
    assert len(set(names)) == len(names)
