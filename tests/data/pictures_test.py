"""The folder of pictures: decoding, caching, shuffling, exact resume."""

import numpy as np
import pytest
from PIL import Image

from jax_encoder.data import pictures


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "folder"
    root.mkdir()
    for i in range(5):
        array = np.full((12, 16, 3), 40 * i, np.uint8)
        array[:, 3] = 255
        Image.fromarray(array).save(root / f"{i}.png")
    return root


def test_load_crops_and_sorts(folder):
    loaded = pictures.load(folder, 12)
    assert loaded.shape == (5, 12, 12, 3)
    assert loaded.dtype == np.uint8
    # The centred square of 16 x 12 pixels starts at column 2.
    np.testing.assert_array_equal(loaded[:, 0, 1], 255)
    np.testing.assert_array_equal(loaded[:, 0, 5, 0], 40 * np.arange(5))


def test_the_cache_is_used_until_the_folder_changes(folder, tmp_path):
    cache = tmp_path / "cache.npz"
    first = pictures.load(folder, 12, cache=cache)
    with np.load(cache) as archive:
        stored = dict(archive)
    stored["pictures"] = stored["pictures"] + 1
    np.savez(cache, **stored)
    np.testing.assert_array_equal(pictures.load(folder, 12, cache=cache), first + 1)
    Image.fromarray(np.zeros((12, 12, 3), np.uint8)).save(folder / "5.png")
    assert len(pictures.load(folder, 12, cache=cache)) == 6
    assert pictures.load(folder, 8, cache=cache).shape == (6, 8, 8, 3)


def test_a_damaged_cache_is_written_again(folder, tmp_path):
    cache = tmp_path / "cache.npz"
    first = pictures.load(folder, 12, cache=cache)
    cache.write_bytes(cache.read_bytes()[:200])
    np.testing.assert_array_equal(pictures.load(folder, 12, cache=cache), first)
    with np.load(cache) as archive:
        np.testing.assert_array_equal(archive["pictures"], first)


def _numbered(num):
    return np.tile(np.arange(num, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 3))


def _ids(batch):
    return np.rint((batch[:, 0, 0, 0] + 1) * 127.5).astype(int)


def test_every_pass_shows_every_picture_once_in_its_own_order():
    position, seen = pictures.Position(seed=3), []
    for _ in range(7):
        batch, position = pictures.batch(_numbered(7), position, 3)
        assert batch.shape == (3, 2, 2, 3)
        assert batch.dtype == np.float32
        seen.extend(_ids(batch))
    passes = np.reshape(seen, (3, 7))
    np.testing.assert_array_equal(np.sort(passes, axis=1), np.tile(range(7), (3, 1)))
    assert not np.array_equal(passes[0], passes[1])
    assert position == pictures.Position(seed=3, epoch=3, offset=0)


def test_a_saved_position_continues_exactly():
    position = pictures.Position(seed=1)
    for _ in range(4):
        _, position = pictures.batch(_numbered(5), position, 3)
    expected, _ = pictures.batch(_numbered(5), position, 11)
    numbers = (position.seed, position.epoch, position.offset)
    restored = pictures.Position(seed=numbers[0], epoch=numbers[1], offset=numbers[2])
    resumed, _ = pictures.batch(_numbered(5), restored, 11)
    np.testing.assert_array_equal(resumed, expected)
    other, _ = pictures.batch(_numbered(5), pictures.Position(seed=2), 11)
    assert not np.array_equal(other, expected)


def test_mirrored_passes():
    ramp = np.zeros((1, 1, 4, 3), np.uint8) + np.arange(4, dtype=np.uint8)[:, None]
    batch, _ = pictures.batch(ramp, pictures.Position(), 2, mirror=True)
    np.testing.assert_array_equal(batch[1], batch[0][:, ::-1])


@pytest.mark.parametrize("size", [0, -1])
def test_refuses_empty_batches(size):
    with pytest.raises(ValueError, match="positive size"):
        pictures.batch(_numbered(2), pictures.Position(), size)


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        pictures.load(tmp_path, 8)


def test_refuses_a_bad_resolution(folder):
    with pytest.raises(ValueError, match="resolution"):
        pictures.load(folder, 0)
