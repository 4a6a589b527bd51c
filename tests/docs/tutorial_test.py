"""The pages of docs/ that teach: every Python cell runs, every picture is as shown."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from jax_encoder.io import images

DOCS = pathlib.Path(__file__).parents[2] / "docs"
_LEVELS = 8.0


def _cells(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def _shown(page):
    return re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (DOCS / page).read_text())


@pytest.mark.parametrize("page", ["tutorial.md", "latent_spaces.md"])
def test_every_figure_is_there_and_small(page):
    shown = _shown(page)
    assert len(shown) >= 3
    for name in shown:
        path = DOCS / name
        assert path.stat().st_size < 500_000, name
        assert images.read(path).std() > 0.02, name


def test_the_pages_have_cells():
    assert len(_cells("tutorial.md")) == 3
    assert len(_cells("latent_spaces.md")) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "side"), [("tutorial.md", "128"), ("latent_spaces.md", "64")]
)
def test_every_cell_runs_and_draws_what_is_shown(page, side, tmp_path):
    subprocess.run(
        [sys.executable, "-c", "\n".join(_cells(page))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(DOCS.parent), "JAX_ENCODER_DEMO": side},
        check=True,
    )
    drawn = {path.name: path for path in tmp_path.glob("*.png")}
    expected = {pathlib.Path(name).name: DOCS / name for name in _shown(page)}
    assert page != "tutorial.md" or set(drawn) == set(expected)
    for name in drawn.keys() & expected.keys():
        found, wanted = (
            images.to_uint8(images.read(path)).astype(float)
            for path in (drawn[name], expected[name])
        )
        assert found.shape == wanted.shape, name
        assert np.abs(found - wanted).mean() < _LEVELS, name
