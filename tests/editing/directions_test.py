import numpy as np
import pytest

from jax_encoder.editing import direction_files, directions

RNG = np.random.default_rng(0)
VECTOR = RNG.normal(size=8).astype(np.float32)
ROWS = RNG.normal(size=(4, 8)).astype(np.float32)


def make(name="smile", vector=VECTOR, **options):
    return directions.Direction(name=name, vector=vector, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "p"}, "one of"),
        ({"vector": ROWS}, "w\\+: got"),
        ({"vector": VECTOR * 0}, "zero or not finite"),
        ({"vector": VECTOR * np.nan}, "zero or not finite"),
        ({"rows": (3, 3)}, "rows"),
    ],
)
def test_bad_directions_are_refused(options, message):
    with pytest.raises(directions.DirectionError, match=message):
        make(**options)


def test_directions_of_other_generators_are_refused():
    for direction, message in (
        (make(), "has 8 entries.*16"),
        (make(vector=RNG.normal(size=(4, 16)), space="w+"), "has 4 rows.*6"),
        (make(vector=RNG.normal(size=16), rows=(4, 7)), "rows 4 to 6.*0 to 5"),
    ):
        with pytest.raises(directions.DirectionError, match=message):
            direction.check(width=16, num_ws=6)
    make(rows=(4, 6)).check(width=8, num_ws=6)


def test_rows_that_do_not_move_stay():
    layered = make(rows=(1, 3)).layered(4)
    np.testing.assert_array_equal(layered, [VECTOR * 0, VECTOR, VECTOR, VECTOR * 0])
    np.testing.assert_array_equal(make(vector=ROWS, space="w+").layered(4), ROWS)


def test_names_are_found_and_suggested():
    known = {name: make(name) for name in ("smile", "hair_length", "age")}
    assert directions.find(known, "Hair-Length").name == "hair_length"
    with pytest.raises(directions.DirectionError, match="mean smile\\?"):
        directions.find(known, "smlie")
    with pytest.raises(directions.DirectionError, match="There are: smile, hair"):
        directions.find(known, "qqq")


def test_files_keep_everything(tmp_path):
    path = tmp_path / "d.npz"
    known = {
        "a": make("a", unit="sd", scale=0.3, rows=(0, 2), provenance={"x": [1]}),
        "b": make("b", vector=ROWS, space="w+"),
        "c": make("c", origin=VECTOR + 1),
        "file": make("file"),  # also a parameter of numpy.savez
    }
    direction_files.save(path, known, generator_sha256="77")
    found = direction_files.load(path)
    assert direction_files.owner(path) == "77"
    assert list(found) == list(known)
    for name, direction in known.items():
        for field in ("space", "unit", "scale", "rows", "provenance"):
            assert getattr(found[name], field) == getattr(direction, field)
        np.testing.assert_array_equal(found[name].vector, direction.vector)
    np.testing.assert_array_equal(found["c"].origin, VECTOR + 1)


@pytest.mark.parametrize(
    ("stem", "name", "space"),
    [
        ("stylegan_ffhq_age_boundary", "age", "z"),
        ("stylegan_ffhq_age_w_boundary", "age", "w"),
        ("pggan_celebahq_smile_c_age_boundary", "smile_c_age", "z"),
        ("stylegan2_ffhq_z/boundary_Smiling", "smiling", "z"),
        ("stylegan_ffhq_w/boundary_Bald", "bald", "w"),
        ("mine", "mine", "w"),
    ],
)
def test_boundaries_tell_their_space_by_name(tmp_path, stem, name, space):
    path = tmp_path / f"{stem}.npy"
    path.parent.mkdir(exist_ok=True)
    np.save(path, VECTOR[None].astype(np.float64))
    (found,) = direction_files.load(path).values()
    assert (found.name, found.space) == (name, space)
    np.testing.assert_array_equal(found.vector, VECTOR)


def test_components_of_ganspace(tmp_path):
    mean, std = RNG.normal(size=(1, 8)), np.array([2.0, 0.5])
    path = tmp_path / "pca.npz"
    np.savez(path, lat_comp=ROWS[:2, None], lat_mean=mean, lat_stdev=std)
    found = direction_files.load(path)
    np.testing.assert_allclose(found["pc01"].vector, ROWS[1] * 0.5)
    np.testing.assert_allclose(found["pc01"].origin, mean[0], rtol=1e-6)


@pytest.mark.parametrize(
    "arrays", [{"w": ROWS}, {"comp": ROWS, "mean": VECTOR, "std": VECTOR}]
)
def test_other_files_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(directions.DirectionError, match="a.npz"):
        direction_files.load(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(directions.DirectionError, match="b.npz.*damaged"):
        direction_files.load(tmp_path / "b.npz")
    with pytest.raises(directions.DirectionError, match="no such file"):
        direction_files.load(tmp_path / "c.npz")
