import io
import os
import resource
import sys

import av
import numpy as np
import pytest
from PIL import Image

from jax_encoder.io import files, films


def frames(num=6, height=32, width=48):
    """A gray ramp over time with a red left half."""
    for index in range(num):
        frame = np.full((height, width, 3), -1.0 + 0.3 * index, np.float32)
        frame[:, : width // 2, 0] = 1.0
        yield frame


def read_mp4(path):
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_mp4_frames_come_back(tmp_path):
    path = tmp_path / "a.mp4"
    films.write(path, frames(), fps=10)
    shown = read_mp4(path)
    assert len(shown) == 6
    for got, wanted in zip(shown, frames(), strict=True):
        wanted = (wanted + 1) * 127.5
        assert np.abs(got - wanted)[:, 28:].mean() < 4
        assert np.abs(got - wanted)[:, :20].mean() < 8
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 10
        assert container.streams.video[0].codec_context.name == "h264"


def test_odd_sizes_are_padded(tmp_path):
    films.write(tmp_path / "a.mp4", frames(height=33, width=47))
    assert read_mp4(tmp_path / "a.mp4")[0].shape == (34, 48, 3)


@pytest.mark.parametrize("extension", ["gif", "webp"])
def test_animations(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    films.write(path, frames(), fps=10)
    with Image.open(path) as film:
        assert film.n_frames == 6
        assert film.info["loop"] == 0
        for index, wanted in enumerate(frames()):
            film.seek(index)
            got = np.asarray(film.convert("RGB"), float)
            assert np.abs(got - (wanted + 1) * 127.5).mean() < 6
        assert film.info["duration"] == 100


def test_frames_are_streamed(tmp_path):
    alive = []

    def generate():
        for frame in frames(50):
            alive.append(sys.getrefcount(frame))
            yield frame

    films.write(tmp_path / "a.mp4", generate())
    assert len(alive) == 50


def test_a_full_disk_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).uniform(-1, 1, (20, 64, 64, 3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        for name in ("a.mp4", "a.gif"):
            with pytest.raises(files.WriteError, match=f"{name}.*limit"):
                films.write(tmp_path / name, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_a_failing_generator_leaves_nothing(tmp_path):
    def generate():
        yield next(frames())
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        films.write(tmp_path / "a.mp4", generate())
    assert os.listdir(tmp_path) == []


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="ends in .mp4, .gif or .webp, got 'a.avi'"):
        films.write(tmp_path / "a.avi", frames())
    with pytest.raises(ValueError, match="at least one frame"):
        films.write(tmp_path / "a.gif", [])
    with pytest.raises(ValueError, match=r"frame 1 has \(2, 3, 3\), the first \(2, 2"):
        films.write(tmp_path / "a.gif", [np.zeros((2, 2, 3)), np.zeros((2, 3, 3))])
    with pytest.raises(ValueError, match="`fps` must lie in 0...1000, got 0"):
        films.write(tmp_path / "a.gif", frames(), fps=0)
    assert os.listdir(tmp_path) == []


def test_the_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"jax_encoder\[video\].*GIF and WebP"):
        films.check(tmp_path / "a.mp4")
    films.check(tmp_path / "a.gif")


def test_one_frame(tmp_path):
    films.write(tmp_path / "a.gif", [np.zeros((4, 4, 3), np.uint8)])
    content = io.BytesIO((tmp_path / "a.gif").read_bytes())
    with Image.open(content) as film:
        assert film.size == (4, 4)
