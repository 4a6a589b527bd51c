"""What a page sends is checked before anything is done with it."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from experiments.studio_page import (
    exploring,
    picture_files,
    safety,
    slider_edits,
    tray_morphs,
    workshop,
)

LIMITS = safety.VisitorLimits()
FILM = {
    "kind": "gif",
    "seconds": 2,
    "side": 64,
    "easing": "cosine",
    "schedule": "together",
}


def test_sliders_at_rest_are_left_out():
    setting = slider_edits.check({"strengths": {"smile": 0, "age": 1.5}, "psi": 0.7})
    assert setting.strengths == {"age": 1.5}
    assert setting.psi == 0.7


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9, "2", None, True, [1]])
def test_amounts_are_numbers_within_bounds(value):
    with pytest.raises(safety.Refusal):
        slider_edits.check({"strengths": {"smile": value}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "exe"),
        ("seconds", 0),
        ("seconds", 1e4),
        ("side", 8),
        ("side", 5000),
        ("easing", "sudden"),
        ("schedule", None),
    ],
)
def test_films_within_bounds(name, value):
    assert tray_morphs.check_film(FILM, LIMITS).num_frames == 50
    with pytest.raises(safety.Refusal):
        tray_morphs.check_film({**FILM, name: value}, LIMITS)


@pytest.mark.parametrize("steps", [0, -1, 10**6, "5", 2.5])
def test_steps_within_bounds(steps):
    with pytest.raises(safety.Refusal, match="steps"):
        workshop.check_method("default", None, steps)


def test_methods_by_name():
    assert workshop.check_method("fast", "", None) == workshop.InversionMethod(
        preset="fast"
    )
    with pytest.raises(safety.Refusal, match="no preset"):
        workshop.check_method("best", None, None)
    with pytest.raises(safety.Refusal, match="no space"):
        workshop.check_method("fast", "everywhere", None)


def test_seeds_within_bounds():
    assert exploring.parse_seeds("0-2,9") == [0, 1, 2, 9]
    for text in ("", "a", "0-99", "5-1"):
        with pytest.raises(safety.Refusal):
            exploring.parse_seeds(text)


def test_strangers_name_no_generators():
    shops = workshop.Workshops(["models/ffhq"], {}, is_open=False)
    assert list(shops.paths) == ["ffhq", "demo"]
    for name in ("/etc/passwd", "../secret", "stylegan2-ffhq"):
        with pytest.raises(safety.Refusal, match="only who runs it"):
            shops.add(name)
        with pytest.raises(safety.Refusal, match="No generator"):
            shops.get(name)


def test_small_pictures_travel_bit_by_bit():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content, kind = picture_files.encode(picture)
    assert kind == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), picture)
    large, kind = picture_files.encode(np.zeros((600, 600, 3), np.uint8))
    assert kind == "image/webp"
    assert len(large) < 10_000
