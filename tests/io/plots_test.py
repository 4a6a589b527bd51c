import os
import sys

import numpy as np
import pytest

from jax_encoder.io import files, images, plots


def test_curves(tmp_path):
    steps = np.arange(1, 50)
    path = tmp_path / "loss.png"
    plots.curves(path, {"a": 1 / steps, "b": 2 / steps[:20]}, title="Loss")
    picture = images.read(path)
    assert picture.shape == (546, 910, 3)
    assert picture.std() > 0.05


def test_curves_with_gaps_zeros_or_nothing(tmp_path):
    plots.curves(tmp_path / "a.png", {"a": np.array([1.0, np.nan, 0.0])})
    plots.curves(tmp_path / "b.png", {"a": np.full(3, np.nan)})
    plots.curves(tmp_path / "c.png", {})
    plots.curves(tmp_path / "d.png", {str(i): np.ones(4) * i for i in range(1, 30)})
    assert len(os.listdir(tmp_path)) == 4


def test_histogram(tmp_path):
    rng = np.random.default_rng(0)
    plots.histogram(tmp_path / "h.png", {"a": rng.normal(size=99), "b": [np.nan]})
    plots.histogram(tmp_path / "e.png", {})
    plots.histogram(tmp_path / "s.svg", {"a": rng.normal(size=9)})
    assert b"<svg" in (tmp_path / "s.svg").read_bytes()
    assert images.read(tmp_path / "h.png").std() > 0.05


def test_errors_leave_nothing(tmp_path, monkeypatch):
    with pytest.raises(files.WriteError, match="missing"):
        plots.curves(tmp_path / "missing" / "a.png", {"a": np.ones(3)})
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'jax_encoder\[plot\]'"):
        plots.curves(tmp_path / "a.png", {"a": np.ones(3)})
    assert os.listdir(tmp_path) == []
