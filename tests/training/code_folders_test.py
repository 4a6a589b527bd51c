import numpy as np
import pytest

from jax_encoder.io import codes, images
from jax_encoder.training import code_folders

SHAPE = {"num_ws": 3, "w_dim": 4}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        images.write(tmp_path / f"{name}.png", pixels)
    return tmp_path


def test_own_codes_lie_beside_their_pictures(folder):
    for index, name in enumerate("ac"):
        codes.save(folder / name, np.full((3, 4), index), space="w+")
    found = code_folders.read_codes(folder, 8, **SHAPE)
    assert found.images.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(found.targets[:, 0, 0], [0.0, 1.0])
    picture = images.to_uint8(images.read(folder / "c.png"))
    np.testing.assert_array_equal(found.images[1], picture)


def test_interfacegan_s_arrays_are_in_the_order_of_names(folder):
    w = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(folder / "w.npy", w)
    found = code_folders.read_codes(folder, 8, **SHAPE)
    np.testing.assert_array_equal(found.targets, np.repeat(w[:, None], 3, axis=1))
    np.save(folder / "wp.npy", np.ones((3, 3, 4), np.float32))
    found = code_folders.read_codes(folder, 8, **SHAPE)
    np.testing.assert_array_equal(found.targets, 1.0)


def test_labels_are_a_row_each(folder):
    np.save(folder / "labels.npy", np.arange(3))
    found = code_folders.read_labels(folder, folder / "labels.npy", 4)
    assert found.images.shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(found.targets, [[0.0], [1.0], [2.0]])
    np.save(folder / "labels.npy", np.arange(2))
    with pytest.raises(ValueError, match="has 2 rows, .* 3 pictures"):
        code_folders.read_labels(folder, folder / "labels.npy", 4)


def test_drawing_depends_on_the_step_alone():
    found = code_folders.Examples(
        images=np.arange(50)[:, None, None, None], targets=np.arange(50.0)
    )
    first, again = found.draw(7, 20), found.draw(7, 20)
    np.testing.assert_array_equal(first.targets, again.targets)
    np.testing.assert_array_equal(first.images.ravel(), first.targets)
    assert not np.array_equal(first.targets, found.draw(8, 20).targets)
    kept, last = found.split(10)
    assert (len(kept.targets), last.targets[0]) == (40, 40.0)
    with pytest.raises(ValueError, match="Of 50 pictures, 50 cannot be held out"):
        found.split(50)


def test_what_is_missing_or_misshapen_is_told(folder):
    with pytest.raises(ValueError, match="has neither wp.npy nor w.npy"):
        code_folders.read_codes(folder, 8, **SHAPE)
    np.save(folder / "w.npy", np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match=r"3 pictures and codes of \(2, 3, 4\)"):
        code_folders.read_codes(folder, 8, **SHAPE)
