"""`draw_latents` and `walk`, end to end, on a generator that costs nothing."""

import json

import numpy as np
import pytest

from experiments.drawing import drawing_run, inversion_paths, walking, walks
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.io import codes, images
from tests.experiments import tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawing")
    tiny.save(root)
    tiny.write_pictures(root / "photos", "ab")
    (root / "codes").mkdir()
    rows = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
    for name, row in zip("cd", rows, strict=True):
        codes.save(root / "codes" / name, row, space="w+")
    return root


@pytest.fixture(scope="module")
def drawn(place):
    """A run with everything."""
    task = drawing_run.DrawingTask(
        generator=str(place / "generator"),
        methods=("pca", "pair"),
        num_samples=200,
        num_fitted=2000,
        color="cluster",
        num_thumbnails=9,
        codes=str(place / "codes"),
        images=str(place / "photos"),
        lpips=str(place / "lpips"),
        searches=tuple(inversion_paths.parse("z,p_n:0.01")),
        num_steps=4,
        every=2,
        film=".webp",
        formats=("png",),
    )
    assert drawing_run.run(task, str(place / "out")) == 0
    return place / "out"


@pytest.mark.slow
def test_writes_every_figure(drawn):
    names = {path.name for path in drawn.iterdir()}
    assert names == {
        *("pca.png", "pair.png", "histograms.png", "variance.png", "summary.json"),
        *("thumbnails_pca.png", "inversion_paths.png"),
        *("inversion_z.webp", "inversion_p_n_0.01.webp"),
    }
    assert all(images.read(drawn / n).std() > 0.05 for n in names if n.endswith("png"))


@pytest.mark.slow
def test_the_summary_has_the_numbers(drawn):
    summary = json.loads((drawn / "summary.json").read_text())
    assert summary["num_samples"] == 200
    assert set(summary["normality"]) == {"z", "w", "p", "p_n"}
    assert abs(summary["normality"]["z"]["kurtosis"]) < 0.5
    assert all(0 < k <= 8 for k in summary["components_of_95_percent"].values())
    assert set(summary["inversions"]) == {"z", "p_n:0.01"}


def test_a_search_is_read_and_a_wrong_one_refused():
    z, w, p = inversion_paths.parse("z, w+, p_n:0.001")
    assert (z.space, z.prior, z.drawn_in) == ("z", 0.0, "z")
    assert (w.space, w.drawn_in) == ("w+", "w")
    assert (p.space, p.prior, p.title) == ("p_n+", 0.001, "P_N, lambda 0.001")
    for text in ("q", "w:x", "w:-1", "w_n"):
        with pytest.raises(command_line.UsageError, match="none of"):
            inversion_paths.parse(text)


@pytest.mark.slow
def test_a_trail_starts_at_the_start_and_gets_nearer(place):
    source = resources.generator(str(place / "generator"))
    lpips = resources.load(place / "lpips", "lpips").network
    found = drawing_run.statistics.estimate(
        source.network, num_samples=2000, with_p=True
    )
    targets = np.stack([images.read(place / "photos" / "a.png")])
    (search,) = inversion_paths.parse("w+")
    trail = inversion_paths.follow(
        search, source.network, lpips, found, targets, num_steps=6, every=2
    )
    assert trail.steps.tolist() == [0, 2, 4, 6]
    assert trail.places.shape == (4, 1, 4, 8)
    np.testing.assert_allclose(trail.places[0, 0, 0], found.w_avg, atol=1e-5)
    assert trail.psnr[-1, 0] > trail.psnr[0, 0]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"color": "age"}, "--scorer"),
        ({"color": "class"}, "no classes"),
        ({"axes": "0,8"}, "0 to 7"),
        ({"axes": "1"}, "two different"),
    ],
)
def test_refusals(place, changes, match):
    task = drawing_run.DrawingTask(
        generator=str(place / "generator"), num_samples=64, num_fitted=64, **changes
    )
    with pytest.raises(command_line.UsageError, match=match):
        drawing_run.run(task, str(place / "refused"))


@pytest.mark.slow
def test_walk_shows_everything(place):
    renderer = Renderer(source=resources.generator(str(place / "generator")))
    task = walking.WalkTask(
        show=walking.KINDS,
        seeds=(1, 2, 3),
        num_frames=5,
        is_loop=True,
        psis=(0.0, 1.0),
        data=str(place / "photos"),
        lpips=str(place / "lpips"),
        film=".webp",
        formats=("png",),
    )
    output = place / "walk"
    output.mkdir()
    walking.run(task, renderer, output)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["truncation"]["diversity"][0] == pytest.approx(0, abs=1e-5)
    assert summary["truncation"]["diversity"][1] > 0
    assert all(length > 0 for length in summary["interpolate"].values())
    assert len(summary["mixing"]) == 4
    assert {len(row) for row in summary["neighbors"]} == {2}
    assert {path.name for path in output.iterdir()} == {
        *("walk.png", "walk.webp", "truncation.png", "truncation_sheet.png"),
        *("mixing.png", "neighbors.png", "summary.json"),
    }


def test_the_walk_in_w_is_straight_and_passes_its_seeds(place):
    renderer = Renderer(source=resources.generator(str(place / "generator")))
    lpips = resources.load(place / "lpips", "lpips").network
    walk = walks.take(renderer, lpips, [1, 2], 5, is_loop=False)
    w, z = walk.ws["w"], walk.ws["z"]
    np.testing.assert_allclose(w[2], (w[0] + w[4]) / 2, atol=1e-5)
    np.testing.assert_allclose(w[[0, 4]], z[[0, 4]], atol=1e-4)
    assert np.abs(w[2] - z[2]).max() > 1e-5


@pytest.mark.parametrize("text", ["x", "nan", "1,inf", "20"])
def test_psis_are_checked(text):
    with pytest.raises(command_line.UsageError, match="psis"):
        walking.parse_psis(text)
