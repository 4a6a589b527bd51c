import os
import pathlib
import pickle

import numpy as np
import pytest

import converters
from jax_encoder.editing import edits
from jax_encoder.editing.directions import DirectionError
from jax_encoder.io import codes

RNG = np.random.default_rng(0)


def save_pickle(path, tree):
    """A plain pickle stands for `torch.save`, whose readers have their own tests."""
    path.write_bytes(pickle.dumps(tree, protocol=2))
    return path


def test_tensors_of_encoder4editing(tmp_path):
    vector = RNG.normal(size=(1, 8)).astype(np.float32)
    (found,) = converters.load_directions(
        save_pickle(tmp_path / "age.pt", vector)
    ).values()
    assert (found.name, found.space) == ("age", "w")
    rows = RNG.normal(size=(1, 4, 8)).astype(np.float32)
    (found,) = converters.load_directions(
        save_pickle(tmp_path / "pose.pt", rows)
    ).values()
    assert (found.name, found.space, found.vector.shape) == ("pose", "w+", (4, 8))


def test_components_and_factors(tmp_path):
    tree = {
        "mean": RNG.normal(size=(1, 8)),
        "comp": RNG.normal(size=(5, 1, 8)),
        "std": np.arange(1.0, 6.0),
    }
    found = converters.load_directions(save_pickle(tmp_path / "pca.pt", tree))
    np.testing.assert_allclose(found["pc04"].vector, 5 * tree["comp"][4, 0], rtol=1e-6)
    eigvec = RNG.normal(size=(8, 8)).astype(np.float32)
    tree = {"ckpt": "a.pt", "eigvec": eigvec}
    found = converters.load_directions(save_pickle(tmp_path / "factor.pt", tree))
    np.testing.assert_array_equal(found["factor03"].vector, eigvec[:, 3])


class _Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/jax_encoder_was_here",)


def test_bad_files_are_refused(tmp_path):
    save_pickle(tmp_path / "a.pt", {"x": _Attack()})
    with pytest.raises(converters.ConversionError, match="a.pt.*refused"):
        converters.load_directions(tmp_path / "a.pt")
    save_pickle(tmp_path / "b.pt", {"x": RNG.normal(size=8)})
    with pytest.raises(DirectionError, match="b.pt: holds no directions"):
        converters.load_directions(tmp_path / "b.pt")


@pytest.fixture
def real():
    folder = os.environ.get("JAX_ENCODER_REAL_DATA")
    if not folder:
        pytest.skip("JAX_ENCODER_REAL_DATA names no folder")
    return pathlib.Path(folder)


@pytest.fixture
def portraits(real):
    """Three W+ codes of StyleGAN2-FFHQ."""
    found = converters.load_codes(real / "latents/styleclip_ffhq_w_plus.npy")
    assert (found.space, found.values.shape) == ("w+", (68, 18, 512))
    return found.values[:3]


@pytest.mark.real
def test_published_boundaries_move_codes_by_their_definition(real, portraits):
    for path in sorted((real / "directions/interfacegan").glob("*.npy")):
        (found,) = converters.load_directions(path).values()
        boundary = np.load(path)
        assert found.space == ("w" if "_w_" in path.stem else "z")
        edit = edits.Edit(parts=((found, 1.0),))
        values = portraits if found.space == "w" else portraits[:, 0]
        moved = edits.walk(values, edit, [-3, 0.5], meaning="offset")
        expected = values[:, None] + np.float32([-3, 0.5]).reshape(
            1, 2, *(1,) * (values.ndim - 1)
        ) * boundary.astype(np.float32).reshape(*(1,) * (values.ndim), 512)
        np.testing.assert_allclose(moved, expected, atol=1e-6)
        # Codes of one row go to a distance, whatever theirs was.
        moved = edits.walk(values.reshape(-1, 512), edit, [2.0], meaning="distance")
        np.testing.assert_allclose(moved[:, 0] @ boundary[0], 2.0, atol=1e-5)


@pytest.mark.real
def test_published_directions_move_codes_by_their_definition(real, portraits):
    torch_codes = {}
    for name in ("age", "smile", "rotation", "pose"):
        (found,) = converters.load_directions(
            real / f"directions/e4e/{name}.pt"
        ).values()
        torch_codes[name] = found
        moved = edits.walk(portraits, edits.Edit(parts=((found, 5.0),)), [1.0])[:, 0]
        shape = (18, 512) if name == "pose" else (512,)
        assert found.vector.shape == shape
        np.testing.assert_allclose(
            moved - portraits,
            np.broadcast_to(5 * found.vector, portraits.shape),
            atol=2e-6,
        )
    assert np.linalg.norm(torch_codes["smile"].vector) == pytest.approx(1, abs=1e-5)
    components = converters.load_directions(real / "directions/e4e/ffhq_pca.pt")
    assert len(components) == 80
    component = components["pc54"]
    edit = edits.Edit(parts=((component, 1.0),))
    moved = edits.walk(portraits, edit, [20.0], meaning="distance")[:, 0]
    np.testing.assert_allclose(component.position(moved[:, 0]), 20, rtol=1e-4)


@pytest.mark.real
def test_other_code_files(real, tmp_path):
    """The shapes that people keep codes in all lead to the same numbers."""
    code = np.load(real / "latents/styleclip_ffhq_w_plus.npy")[0]
    np.save(tmp_path / "a.npy", code)
    np.save(tmp_path / "b.npy", code[None])
    np.savez(tmp_path / "projected_w.npz", w=code[None])
    for name in ("a.npy", "b.npy", "projected_w.npz"):
        found = converters.load_codes(tmp_path / name, num_ws=18)
        assert found.space == "w+"
        np.testing.assert_array_equal(found.values, code[None])
    np.save(tmp_path / "w.npy", code[0])
    assert converters.load_codes(tmp_path / "w.npy").space == "w"
    with pytest.raises(codes.CodeError, match="this generator takes 10"):
        converters.load_codes(tmp_path / "a.npy", num_ws=10, space="w+")
