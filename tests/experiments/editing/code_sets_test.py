import numpy as np
import pytest

from experiments.editing import code_sets
from experiments.launch import command_line
from experiments.networks.resources import Source
from jax_encoder.io import codes
from tests.experiments import tiny

RNG = np.random.default_rng(0)
WS = RNG.normal(size=(2, 4, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("generator")
    return Source(network=tiny.make_generator(), path=path, sha256="77")


@pytest.mark.parametrize(
    ("name", "array", "space", "shape"),
    [
        ("a.npy", WS[0], "w+", (4, 8)),
        ("a.npy", WS[:1], "w+", (4, 8)),
        ("a.npy", WS[0, 0], "w", (8,)),
        ("z.npy", WS[0], "z", (8,)),
        ("w.npy", WS[0], "w", (8,)),
        ("wp.npy", WS, "w+", (4, 8)),
    ],
)
def test_arrays(tmp_path, source, name, array, space, shape):
    np.save(tmp_path / name, array)
    found, refused = code_sets.read(str(tmp_path / name), source)
    assert not refused
    assert {code.space for code in found} == {space}
    assert {code.value.shape for code in found} == {shape}
    np.testing.assert_array_equal(found[0].value, array.reshape(-1, *shape)[0])


def test_projected_codes(tmp_path, source):
    np.savez(tmp_path / "projected_w.npz", w=WS[:1])
    (found,), _ = code_sets.read(str(tmp_path / "projected_w.npz"), source)
    np.testing.assert_array_equal(found.value, WS[0])


def test_directories_hold_codes_noise_and_differences(tmp_path, source):
    maps = {"noise_00": np.ones((4, 4)), "noise_01": np.ones((8, 8))}
    codes.save(tmp_path / "a", WS[0], space="w+", generator_sha256="77", arrays=maps)
    codes.save(tmp_path / "b", WS[1], space="w+", generator_sha256="78")
    np.savez(tmp_path / "a.difference.npz", x=WS)
    (tmp_path / "c.npy").write_bytes(b"broken")
    found, refused = code_sets.read(f"{tmp_path},{tmp_path}/nothing.npz", source)
    (code,) = found
    assert (code.name, len(code.noise)) == ("a", 2)
    assert code.difference == tmp_path / "a.difference.npz"
    assert code_sets.without_tuning(code).difference is None
    assert len(refused) == 3
    assert "b.npz: a code of the generator 78" in refused[0]
    assert "c.npy" in refused[1]
    assert "nothing.npz" in refused[2]


def test_names_stay_apart(tmp_path, source):
    for folder in "xy":
        (tmp_path / folder).mkdir()
        codes.save(tmp_path / folder / "a", WS[0], space="w+")
    found, _ = code_sets.read(f"{tmp_path}/x,{tmp_path}/y", source)
    assert [code.name for code in found] == ["a", "a_2"]


def test_codes_of_other_generators_are_refused(tmp_path, source):
    np.save(tmp_path / "w.npy", np.ones((1, 9), np.float32))
    np.save(tmp_path / "wp.npy", np.ones((1, 5, 8), np.float32))
    with pytest.raises(command_line.Failure, match="9 entries per row.*w has 8"):
        code_sets.read(str(tmp_path / "w.npy"), source)
    with pytest.raises(command_line.Failure, match="5 rows per code.*takes 4"):
        code_sets.read(str(tmp_path / "wp.npy"), source)
    (tmp_path / "empty").mkdir()
    with pytest.raises(command_line.Failure, match="holds no codes"):
        code_sets.read(str(tmp_path / "empty"), source)


def test_there_is_no_way_back(source):
    code = code_sets.Code(name="a", value=WS[0], space="w+")
    with pytest.raises(codes.CodeError, match=r"W\+ cannot be brought back to Z"):
        code_sets.moved_to(code, "z", source, WS[0])
    same = np.repeat(WS[0, :1], 4, axis=0)
    one = code_sets.Code(name="a", value=same, space="w+")
    assert code_sets.moved_to(one, "w", source, same).value.shape == (8,)


def test_codes_of_space_f_keep_their_feature_map(tmp_path, source):
    features = RNG.normal(size=source.network.config.feature_layers[0].shape)
    codes.save(tmp_path / "f", WS[0], space="f", arrays={"features": features})
    (code,), _ = code_sets.read(str(tmp_path / "f.npz"), source)
    assert code.space == "w+"
    np.testing.assert_array_equal(code.features, features)
    assert not code.is_plain
    codes.save(tmp_path / "g", WS[0], space="f", arrays={"features": features[1:]})
    with pytest.raises(command_line.Failure, match="changes no feature map of this"):
        code_sets.read(str(tmp_path / "g.npz"), source)
