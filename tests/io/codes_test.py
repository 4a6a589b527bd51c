import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from jax_encoder.io import codes

RNG = np.random.default_rng(0)
WS = RNG.normal(size=(6, 16)).astype(np.float32)


def test_saved_codes_describe_themselves(tmp_path):
    codes.save(
        tmp_path / "anna",
        WS,
        space="p_n",
        generator_sha256="abc",
        preset="default",
        measures={"psnr": np.float32(31.5), "lpips": np.nan},
        arrays={"noise_00": np.ones((4, 4))},
        seed=3,
    )
    assert sorted(os.listdir(tmp_path)) == ["anna.npy", "anna.npz"]
    np.testing.assert_array_equal(np.load(tmp_path / "anna.npy"), WS)
    loaded = codes.load(tmp_path / "anna.npz", num_ws=6)
    np.testing.assert_array_equal(loaded.values, WS[None])
    assert (loaded.space, loaded.names) == ("w+", ("anna",))
    np.testing.assert_array_equal(loaded.arrays["noise_00"], np.ones((4, 4)))
    assert loaded.metadata == {
        "format": 1,
        "space": "p_n",
        "generator_sha256": "abc",
        "preset": "default",
        "measures": {"psnr": 31.5, "lpips": None},
        "seed": 3,
    }


def test_names_with_dots_keep_them(tmp_path):
    codes.save(tmp_path / "a.b", WS, space="w+")
    assert sorted(os.listdir(tmp_path)) == ["a.b.npy", "a.b.npz"]


@pytest.mark.parametrize(
    ("name", "shape", "options", "space", "expected"),
    [
        ("dlatents.npy", (6, 16), {}, "w+", (1, 6, 16)),
        ("dlatents.npy", (6, 16), {"num_ws": 6}, "w+", (1, 6, 16)),
        ("dlatents.npy", (1, 6, 16), {}, "w+", (1, 6, 16)),
        ("dlatents.npy", (3, 6, 16), {}, "w+", (3, 6, 16)),
        ("z.npy", (6, 16), {}, "z", (6, 16)),
        ("w.npy", (3, 16), {}, "w", (3, 16)),
        ("wp.npy", (3, 6, 16), {}, "w+", (3, 6, 16)),
        ("face_z.npy", (16,), {}, "z", (1, 16)),
        ("code.npy", (1, 16), {"space": "w"}, "w", (1, 16)),
        ("code.npy", (5, 16), {"space": "z", "num_ws": 6}, "z", (5, 16)),
        ("code.npy", (1, 1, 16), {"space": "w"}, "w", (1, 16)),
    ],
)
def test_arrays_people_have(tmp_path, name, shape, options, space, expected):
    array = RNG.normal(size=shape)
    np.save(tmp_path / name, array)
    loaded = codes.load(tmp_path / name, **options)
    assert (loaded.space, loaded.values.shape) == (space, expected)
    assert loaded.values.dtype == np.float32
    np.testing.assert_allclose(loaded.values.ravel(), array.ravel(), rtol=1e-6)
    assert len(loaded.names) == len(loaded.values)


def test_nvidia_projected_w(tmp_path):
    np.savez(tmp_path / "projected_w.npz", w=WS[None])
    loaded = codes.load(tmp_path / "projected_w.npz")
    assert loaded.space == "w+"
    np.testing.assert_array_equal(loaded.values, WS[None])


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.ones((1, 16)), {}, r'shape \(1, 16\) may be codes of Z or of W.*space="z"'),
        (np.ones((5, 16)), {"num_ws": 6}, "may be codes of Z or of W"),
        (np.ones((2, 5, 16)), {"num_ws": 6}, "5 rows per code.*takes 6"),
        (np.ones((2, 5, 16)), {"space": "z"}, "cannot be codes of 'z'"),
        (np.ones((1, 2, 3, 4)), {}, "no latent codes"),
        (np.zeros((0, 16)), {}, "no latent codes"),
        (np.array(["a"]), {}, "no latent codes"),
        (np.full((6, 16), np.nan), {}, "NaN or infinite"),
    ],
)
def test_arrays_that_are_refused(tmp_path, array, options, message):
    np.save(tmp_path / "code.npy", array)
    with pytest.raises(codes.CodeError, match=f"code.npy.*{message}"):
        codes.load(tmp_path / "code.npy", **options)


class _Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/jax_encoder_was_here",)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array({"a": 1}, object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", w=np.array([_Attack()], object), allow_pickle=True)
    (tmp_path / "c.npy").write_bytes(pickle.dumps(_Attack()))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(codes.CodeError, match=r"pickled.*converters\.load_codes"):
            codes.load(tmp_path / name)
    with pytest.raises(codes.CodeError, match=r"neither .npy nor .npz"):
        codes.load(tmp_path / "c.npy")
    assert not os.path.exists("/tmp/jax_encoder_was_here")


def test_damaged_files_are_named(tmp_path):
    codes.save(tmp_path / "a", WS, space="w+")
    for name in ("a.npz", "a.npy"):
        whole = (tmp_path / name).read_bytes()
        path = tmp_path / f"part_{name}"
        for length in range(0, len(whole), 23):
            path.write_bytes(whole[:length])
            with pytest.raises(codes.CodeError, match=f"part_{name}"):
                codes.load(path)
    with pytest.raises(codes.CodeError, match="no such file"):
        codes.load(tmp_path / "missing.npz")


def test_bombs_are_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (2**38,)}
    )
    (tmp_path / "a.npy").write_bytes(header.getvalue())
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", header.getvalue())
    for name in ("a.npy", "b.npz"):
        with pytest.raises(codes.CodeError, match=f"{name}.*damaged"):
            codes.load(tmp_path / name)


def test_foreign_archives(tmp_path):
    np.savez(tmp_path / "a.npz", features=WS)
    with pytest.raises(codes.CodeError, match=r"\['features'\].*no latent codes"):
        codes.load(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(codes.CodeError, match=r"converters\.load_codes"):
        codes.load(tmp_path / "b.pt")
    np.savez(tmp_path / "c.npz", ws=WS, metadata=np.array("{"))
    with pytest.raises(codes.CodeError, match="metadata are damaged"):
        codes.load(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", ws=WS, metadata=np.array('{"format": 99}'))
    with pytest.raises(codes.CodeError, match="another version"):
        codes.load(tmp_path / "d.npz")


def test_save_errors(tmp_path):
    with pytest.raises(ValueError, match=r"\[num_ws, w_dim\], got ws.shape=\(16,\)"):
        codes.save(tmp_path / "a", WS[0], space="w")
    with pytest.raises(ValueError, match=r"names \['ws'\]"):
        codes.save(tmp_path / "a", WS, space="w", arrays={"ws": WS})
    with pytest.raises(ValueError, match="one of"):
        codes.load(tmp_path / "a", space="y")
    assert os.listdir(tmp_path) == []
