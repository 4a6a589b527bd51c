"""Photographs that stay as they are, while StyleGAN3 moves to the face."""

import json

import numpy as np
import pytest
from flax import nnx

import jax_encoder
from experiments.aligning import photographs
from experiments.editing import code_sets, edit_rendering
from experiments.launch import command_line
from experiments.networks import resources
from experiments.runs import batches, encoding, jobs
from jax_encoder.alignment import frames, masks, transforms
from jax_encoder.io import codes, images
from jax_encoder.nn import lpips, stylegan3
from tests.alignment import synthetic, transforms_test
from tests.experiments import tiny

pytestmark = pytest.mark.slow
SIZE = (72, 60)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("unaligned")
    generator = stylegan3.StyleGAN3Generator(transforms_test.CONFIG, rngs=nnx.Rngs(0))
    distance = tiny.make(lpips.LPIPS, tiny.LPIPS, 1)
    for name, module in {"generator": generator, "lpips": distance}.items():
        jax_encoder.io.save(module, root / name, provenance={"sha256": f"{name:0>64}"})
    (root / "photos").mkdir()
    points = {}
    for index, name in enumerate(("a", "b")):
        picture = synthetic.smooth_picture(SIZE[1], SIZE[0], index)
        images.write(root / "photos" / f"{name}.png", np.asarray(picture))
        matrix = synthetic.place(25.0 * index - 10, 24, 36 + 2 * index, 31)
        points[f"{name}.png"] = frames.apply(matrix, synthetic.FOUR).tolist()
    (root / "points.json").write_text(json.dumps(points))
    return root


def _job(place, output, **changes):
    settings = photographs.AlignmentSettings(
        method="quick", landmarks=str(place / "points.json"), is_unaligned=True
    )
    options = {
        "paths": images.find(place / "photos"),
        "output": place / output,
        "overrides": {"num_steps": 3},
        "generator": str(place / "generator"),
        "networks": {"lpips": str(place / "lpips")},
        "alignment": settings,
        "verdicts": "none",
        "has_reports": False,
    }
    return jobs.InversionJob(**options | changes)


@pytest.fixture(scope="module")
def rows(place):
    return encoding.run(_job(place, "out"))


def test_every_picture_has_its_own_transform(place, rows):
    assert [row["status"] for row in rows] == ["ok", "ok"]
    generator = jax_encoder.load(place / "generator")
    seen = []
    for row in rows:
        found = codes.load(place / "out" / f"{row['name']}.npz")
        frame = frames.from_metadata(found.metadata)
        assert frame is not None
        # The view is the whole centered square, and the face lies in it, turned.
        corners = np.array([[6, 0], [6, 60], [66, 60], [66, 0]]) - 0.5
        np.testing.assert_allclose(frame.quad, corners)
        matrix = transforms.of_frame(frame)
        drawn = np.asarray(generator.synthesis(found.values, transform=matrix))[0]
        shown = images.read(place / "out" / f"{row['name']}.png")
        np.testing.assert_allclose(np.clip(drawn, -1, 1), shown, atol=1.5 / 127.5)
        seen.append(matrix)
    assert np.abs(seen[0] - seen[1]).max() > 0.1


def test_saved_codes_are_drawn_where_they_were_found(place, rows):
    source = resources.load(place / "generator")
    renderer = edit_rendering.Renderer(source=source)
    found, refused = code_sets.read(str(place / "out"), source)
    assert not refused
    for code, row in zip(found, rows, strict=True):
        assert not code.is_plain
        (picture,) = renderer.pictures(renderer.ws(code), code)
        shown = images.read(place / "out" / f"{row['name']}.png")
        np.testing.assert_allclose(picture, shown, atol=1.5 / 127.5)


def test_masks_lie_on_the_face(place, rows):
    metadata = codes.load(place / "out" / "a.npz").metadata
    frame = frames.from_metadata(metadata)
    assert frame is not None
    weights = masks.weights(frame, masks.Mask())
    center = frame.of_face.to_photograph(np.array([[7.5, 8.3]]))[0]
    middle = center.round().astype(int)
    assert weights[middle[1], middle[0]] == 1.0
    assert 0.1 < (weights > 0).sum() / frame.of_face.side**2 < 0.6


def test_resumed_pictures_are_the_same(place, rows):
    again = encoding.run(_job(place, "out", options=batches.BatchOptions(resume=True)))
    assert again == rows


def test_other_generators_cannot_move(place):
    tiny.save(place / "other")
    job = _job(place, "refused", generator=str(place / "other/generator"))
    with pytest.raises(command_line.UsageError, match="only StyleGAN3 can move"):
        encoding.run(job)
