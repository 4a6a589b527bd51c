"""From photographs to codes and back, with the demo set."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from scipy import ndimage

from jax_encoder.alignment import frames, masks
from jax_encoder.avatars import face_attributes, face_landmarks, face_rendering
from jax_encoder.io import codes, images
from tests.alignment import synthetic

HEIGHT, WIDTH = 320, 360


def photograph(picture, place, seed):
    """A rendering `[64, 64, 3]`, turned and enlarged into a larger picture."""
    background = synthetic.smooth_picture(HEIGHT, WIDTH, seed) / 127.5 - 1
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    u, v = np.moveaxis(
        frames.apply(np.linalg.inv(place), np.stack([x, y], axis=-1)), -1, 0
    )
    spots = [64 * v - 0.5, 64 * u - 0.5]
    drawn = np.stack(
        [
            ndimage.map_coordinates(picture[..., c], spots, order=3, mode="nearest")
            for c in range(3)
        ],
        axis=-1,
    )
    is_inside = (np.minimum(u, v) >= 0) & (np.maximum(u, v) <= 1)
    return images.to_uint8(np.where(is_inside[..., None], drawn, background))


def write_photographs(folder, num):
    """Photographs `<i>.png`, `points.json`, and the places of the renderings."""
    people = face_attributes.sample(jax.random.key(2024), num)
    pictures = np.asarray(face_rendering.render(people, 64))
    points = np.asarray(face_landmarks.points(people), np.float64) * 0.5 + 0.5
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    found, places = {}, {}
    for i, (picture, face) in enumerate(zip(pictures, points, strict=True)):
        angle, scale = rng.uniform(-40, 40), rng.uniform(100, 190)
        place = synthetic.place(angle, scale, *rng.uniform(150, 190, 2))
        images.write(folder / "photos" / f"{i}.png", photograph(picture, place, i))
        found[f"{i}.png"] = frames.apply(place, face).tolist()
        places[str(i)] = place
    (folder / "points.json").write_text(json.dumps(found))
    return places


@pytest.mark.slow
def test_a_photograph_comes_back_from_its_code(tmp_path):
    places = write_photographs(tmp_path, 10)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "experiments.encode_image"),
            f"--images={tmp_path}/photos",
            f"--output_dir={tmp_path}/out",
            f"--landmarks={tmp_path}/points.json",
            *("--align=demo", "--paste_back", "--batch_size=10"),
            *("--preset=feature", "--iterations=600", "--verdicts=none"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scores = []
    for name, place in places.items():
        frame = frames.from_metadata(codes.load(tmp_path / f"out/{name}.npz").metadata)
        assert frame is not None
        corners = frames.apply(place, [[0, 0], [0, 1], [1, 1], [1, 0]])
        np.testing.assert_allclose(frame.quad, corners, atol=0.1)
        original = images.decode(tmp_path / f"photos/{name}.png").astype(float)
        pasted = images.decode(tmp_path / f"out/{name}.pasted.png").astype(float)
        inside = masks.weights(frame, masks.Mask()) > 0
        np.testing.assert_array_equal(pasted[~inside], original[~inside])
        error = np.mean((pasted - original)[inside] ** 2)
        scores.append(10 * np.log10(255**2 / error))
    assert min(scores) > 30, scores
