import os
import pickle

import numpy as np
import pytest

import converters
from converters.formats import latent_codes as codes
from jax_encoder.io import codes as code_files

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 6, 16)).astype(np.float32)


def save_pickle(path, tree):
    """A plain pickle stands for `torch.save`, whose readers have their own tests."""
    path.write_bytes(pickle.dumps(tree, protocol=2))
    return path


def test_restyle_keeps_the_last_iteration(tmp_path):
    path = tmp_path / "latents.npy"
    np.save(path, {"x/a.jpg": [B, A], "b.png": [A, B]}, allow_pickle=True)  # pyright: ignore
    loaded = codes.load(path)
    assert (loaded.space, loaded.names) == ("w+", ("a", "b"))
    np.testing.assert_array_equal(loaded.values, np.stack([A, B]))


@pytest.mark.parametrize("is_layered", [True, False])
def test_rosinality_projector(tmp_path, is_layered):
    noise = [RNG.normal(size=(1, 1, n, n)).astype(np.float32) for n in (4, 8, 8)]
    latents = [A, B] if is_layered else [A[0], B[0]]
    tree = {
        f"faces/{name}.png": {"img": np.zeros((3, 8, 8)), "latent": x, "noise": noise}
        for name, x in zip(("anna", "w"), latents, strict=True)
    }
    loaded = codes.load(save_pickle(tmp_path / "anna.pt", tree), num_ws=6)
    assert loaded.space == ("w+" if is_layered else "w")
    assert loaded.names == ("anna", "w")
    np.testing.assert_array_equal(loaded.values, np.stack(latents))
    assert [x.shape for x in loaded.arrays.values()] == [
        (2, 4, 4),
        (2, 8, 8),
        (2, 8, 8),
    ]
    np.testing.assert_array_equal(loaded.arrays["noise_02"][1], noise[2][0, 0])


def test_tensors(tmp_path):
    path = save_pickle(tmp_path / "0.pt", A[None])
    loaded = codes.load(path)
    assert (loaded.space, loaded.values.shape) == ("w+", (1, 6, 16))
    path = save_pickle(tmp_path / "1.pt", {"latent": A[None], "step": 3})
    np.testing.assert_array_equal(codes.load(path).values, A[None])


def test_plain_files_are_read_too(tmp_path):
    code_files.save(tmp_path / "a", A, space="w+", preset="x")
    np.save(tmp_path / "z.npy", A)
    assert codes.load(tmp_path / "a.npz").metadata["preset"] == "x"
    assert codes.load(tmp_path / "a.npy").space == "w+"
    assert codes.load(tmp_path / "z.npy").space == "z"


class _Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/jax_encoder_was_here",)


def test_nothing_is_run(tmp_path):
    np.save(tmp_path / "a.npy", np.array([_Attack()], object), allow_pickle=True)
    save_pickle(tmp_path / "b.pt", {"a.png": _Attack()})
    for name in ("a.npy", "b.pt"):
        with pytest.raises(
            converters.ConversionError, match=f"{name}.*refused.*system"
        ):
            codes.load(tmp_path / name)
    assert not os.path.exists("/tmp/jax_encoder_was_here")


def test_damaged_files_are_named(tmp_path):
    np.save(tmp_path / "whole", {"a": [A]}, allow_pickle=True)  # pyright: ignore
    content = (tmp_path / "whole.npy").read_bytes()
    path = tmp_path / "part.npy"
    for length in range(0, len(content), 17):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"part\.npy"):
            codes.load(path)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": 1}, "holds no latent codes"),
        ([], "holds no latent codes"),
        ({}, "holds no latent codes"),
        ({"a.png": A, "b.png": A[0]}, "different kinds"),
        ({"a.png": A * np.nan}, r"0.pt\[a.png\].*NaN"),
    ],
)
def test_other_trees_are_refused(tmp_path, tree, message):
    path = save_pickle(tmp_path / "0.pt", tree)
    with pytest.raises(code_files.CodeError, match=message):
        codes.load(path)


def test_a_missing_file():
    with pytest.raises(code_files.CodeError, match="No such file"):
        codes.load("nowhere.pt")


@pytest.mark.real
def test_published_codes():
    directory = os.environ["JAX_ENCODER_REAL_DATA"]
    loaded = codes.load(f"{directory}/latents/styleclip_ffhq_w_plus.npy", num_ws=18)
    assert (loaded.space, loaded.values.shape) == ("w+", (68, 18, 512))
    assert len(set(loaded.names)) == 68


@pytest.mark.torch
def test_files_of_torch_itself(tmp_path):
    torch = pytest.importorskip("torch")
    noise = [torch.ones(1, 1, 4, 4)]
    entry = {"img": torch.zeros(3, 8, 8), "latent": torch.tensor(A), "noise": noise}
    torch.save({"a.png": entry}, tmp_path / "a.pt")
    loaded = codes.load(tmp_path / "a.pt")
    assert (loaded.names, loaded.space) == (("a",), "w+")
    np.testing.assert_array_equal(loaded.values[0], A)
