import numpy as np
import pytest

from jax_encoder.io import folders, images, panels, plots


def test_writes_every_format_and_marks_it_as_a_report(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "a.svg"]
    with panels.panels(paths, (2, 3), title="T $1", caption="words " * 80) as grid:
        assert grid.shape == (2, 3)
        grid[1, 2].plot([0, 1], [1, 0])
    assert images.read(paths[0]).std() > 0.02
    text = paths[1].read_text()
    assert "T $1" in text
    assert all(folders.is_report(path) for path in paths)


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        with panels.panels([tmp_path / name]) as grid:
            grid[0, 0].scatter([0, 1], [1, 0])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_frames_follow_what_is_drawn():
    with panels.panels((), (1, 2)) as grid:
        (line,) = grid[0, 0].plot([0, 1], [0, 1], color=plots.COLORS[0])
        first = panels.pixels(grid[0, 0])
        line.set_ydata([1, 0])
        second = panels.pixels(grid[0, 0])
    assert first.shape == second.shape
    assert first.shape[0] % 2 == first.shape[1] % 2 == 0
    assert (first != second).any()


def test_a_failure_leaves_no_file(tmp_path):
    def fail():
        with panels.panels([tmp_path / "a.png"]):
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert not list(tmp_path.iterdir())
    assert len(set(plots.COLORS)) == 8
    assert np.all([len(color) == 7 for color in plots.COLORS])
