import numpy as np
import pytest

from converters.zoo import direction_table
from experiments.editing import direction_lists
from experiments.launch import command_line
from experiments.networks.resources import Source
from jax_encoder.editing import direction_files
from jax_encoder.editing.directions import Direction, DirectionError
from tests.experiments import tiny

RNG = np.random.default_rng(0)
KNOWN = {
    name: Direction(name=name, vector=RNG.normal(size=8).astype(np.float32))
    for name in ("smile", "hair_length", "age")
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles")
    tiny.save(path)
    path = path / "generator"
    direction_files.save(path / "directions.npz", KNOWN)
    return Source(network=tiny.make_generator(), path=path, sha256="77")


def test_amounts_make_one_edit(source):
    library = direction_lists.Library(source=source)
    edits, has_amounts, refused = library.edits(["smile=2, age=-1.5"])
    assert [edit.name for edit in edits] == ["smile=2,age=-1.5"]
    assert has_amounts
    assert not refused
    edits, has_amounts, refused = library.edits(["smile,Hair Length,agge", "sefa:1"])
    assert [edit.name for edit in edits] == ["smile", "hair_length", "sefa01"]
    assert not has_amounts
    assert refused == ["There is no direction 'agge'. Did you mean age?"]


def test_files(source, tmp_path):
    library = direction_lists.Library(source=source)
    direction_files.save(tmp_path / "d.npz", KNOWN, generator_sha256="77")
    found = library.direction(f"{tmp_path}/d.npz:age")
    np.testing.assert_array_equal(found.vector, KNOWN["age"].vector)
    with pytest.raises(DirectionError, match="holds 3 directions; say which"):
        library.direction(f"{tmp_path}/d.npz")
    direction_files.save(tmp_path / "e.npz", KNOWN, generator_sha256="78")
    with pytest.raises(DirectionError, match="directions of the generator 78"):
        library.direction(f"{tmp_path}/e.npz:age")
    np.save(tmp_path / "wide.npy", np.ones((1, 512)))
    with pytest.raises(DirectionError, match="512 entries per row.*generator 8"):
        library.direction(str(tmp_path / "wide.npy"))
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    with pytest.raises(DirectionError, match="bad.pt"):
        library.direction(str(tmp_path / "bad.pt"))


def test_published_directions_have_names(source, tmp_path, monkeypatch):
    np.save(tmp_path / "a_w_boundary.npy", np.eye(8)[:1])
    entry = direction_table.ENTRIES["interfacegan-ffhq-age-w"]
    assert entry.urls[0].endswith("stylegan_ffhq_age_w_boundary.npy")
    assert all(len(e.sha256 or "") == 64 for e in direction_table.ENTRIES.values())
    monkeypatch.setattr(
        direction_table.catalog, "download", lambda _: tmp_path / "a_w_boundary.npy"
    )
    library = direction_lists.Library(source=source)
    assert library.direction("interfacegan-ffhq-age-w").space == "w"


def test_rows_and_conditions(source):
    library = direction_lists.Library(
        source=source, rows=(0, 2), conditional=("age", "smile")
    )
    found = library.direction("smile")
    assert found.rows == (0, 2)
    assert abs(found.vector @ KNOWN["age"].vector) < 1e-5
    assert found.provenance["conditional"] == ["age"]
    beyond = direction_lists.Library(source=source, rows=(3, 6))
    with pytest.raises(DirectionError, match="this generator has 0 to 3"):
        beyond.direction("smile")


def test_bad_texts(source):
    library = direction_lists.Library(source=source)
    with pytest.raises(DirectionError, match="amount is a number"):
        library.edit("smile=much")
    with pytest.raises(DirectionError, match="sefa:99"):
        library.direction("sefa:99")
    with pytest.raises(command_line.Failure, match="no direction 'x'"):
        library.edits(["x"])
    with pytest.raises(command_line.UsageError, match="rows read like"):
        direction_lists.parse_rows("3-1")
    assert direction_lists.parse_rows("3") == (3, 4)
    assert direction_lists.parse_rows(None) is None
    assert direction_lists.file_name(["a b", "x=2,y=-1"]) == "a_b_x2_y-1"


def test_styles_have_files_of_their_own(source, tmp_path):
    library = direction_lists.Library(source=source)
    np.save(tmp_path / "bangs.npy", RNG.normal(size=24))
    assert library.direction(f"{tmp_path}/bangs.npy").space == "s"
    np.save(tmp_path / "fs3.npy", RNG.normal(size=(24, 5)))
    np.save(tmp_path / "young.npy", RNG.normal(size=5))
    found = library.direction(f"{tmp_path}/fs3.npy:{tmp_path}/young.npy")
    assert (found.name, found.space, found.width) == ("young", "s", 24)
    fewer = library.direction(f"{tmp_path}/fs3.npy:{tmp_path}/young.npy@1.5")
    assert (fewer.vector == 0).sum() > (found.vector == 0).sum()
    with pytest.raises(DirectionError, match="young.npy@much"):
        library.direction(f"{tmp_path}/fs3.npy:{tmp_path}/young.npy@much")
    edit, _ = library.edit(f"{tmp_path}/bangs.npy=2,smile=1")
    assert edit.styles is not None
    assert edit.spaces == {"w"}
