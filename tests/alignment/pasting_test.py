import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.alignment import frames, masks, methods, pasting
from jax_encoder.io import images
from tests.alignment import synthetic


def _psnr(a, b, where):
    error = (a.astype(float) - b.astype(float))[where]
    return 10 * np.log10(255**2 / np.mean(error**2))


@pytest.mark.parametrize("shape", ["ellipse", "frame"])
@pytest.mark.parametrize("method", ["quick", "vggface", "center"])
@pytest.mark.parametrize("size", [64, 256])
def test_what_was_aligned_goes_back_to_its_place(shape, method, size):
    photograph = synthetic.smooth_picture(300, 400)
    points = frames.apply(synthetic.place(-35, 150, 220, 140), synthetic.FOUR)
    aligned = methods.align(photograph, points, method=method, output_size=size)
    options = pasting.PastingOptions(mask=masks.Mask(shape=shape), color="none")
    pasted = pasting.paste(photograph, aligned.picture, aligned.frame, options)
    inside = masks.weights(aligned.frame, options.mask) > 0
    assert inside.mean() > 0.03
    np.testing.assert_array_equal(pasted[~inside], photograph[~inside])
    assert _psnr(pasted, photograph, inside) > 40


@given(
    angle=st.floats(-180, 180),
    scale=st.floats(3, 300),
    x=st.floats(-200, 300),
    y=st.floats(-200, 300),
    shape=st.sampled_from(["ellipse", "frame"]),
    color=st.sampled_from(pasting.COLORS),
)
def test_outside_the_mask_nothing_changes(angle, scale, x, y, shape, color):
    photograph = synthetic.smooth_picture(90, 110)
    frame = synthetic.frame(synthetic.place(angle, scale, x, y), 16, (110, 90))
    options = pasting.PastingOptions(mask=masks.Mask(shape=shape), color=color)
    rendering = np.random.default_rng(0).uniform(-1, 1, (16, 16, 3))
    pasted = pasting.paste(photograph, rendering, frame, options)
    weights = masks.weights(frame, options.mask)
    assert pasted.dtype == np.uint8
    np.testing.assert_array_equal(pasted[weights == 0], photograph[weights == 0])
    # The window that `paste` works in holds all of the mask.
    part = np.zeros_like(weights)
    part[masks.window(frame)] = 1
    assert not (weights * (1 - part)).any()


def test_a_rendering_of_any_side_lands_at_the_same_place():
    photograph = np.zeros((200, 200, 3), np.uint8)
    frame = synthetic.frame(synthetic.place(30, 120, 100, 90), 64, (200, 200))
    options = pasting.PastingOptions(mask=masks.Mask(shape="frame"), color="none")
    y, x = np.mgrid[:512, :512] / 512
    large = np.stack([np.exp(-((x - 0.3) ** 2 + (y - 0.6) ** 2) * 60)] * 3, axis=-1)
    centers = []
    for step in (1, 4, 16):
        small = large.reshape(512 // step, step, 512 // step, step, 3).mean(axis=(1, 3))
        pasted = pasting.paste(photograph, small * 2 - 1, frame, options)[..., 0]
        grid = np.mgrid[:200, :200] * pasted / pasted.sum()
        centers.append(grid.sum(axis=(1, 2))[::-1])
    expected = frame.to_photograph([0.3 * 64 - 0.5, 0.6 * 64 - 0.5])
    np.testing.assert_allclose(centers, [expected] * 3, atol=0.25)


@pytest.mark.parametrize("color", ["smooth", "shift"])
def test_a_tint_of_the_rendering_is_taken_back(color):
    photograph = synthetic.smooth_picture(300, 300) // 2 + 60
    points = frames.apply(synthetic.place(10, 150, 150, 150), synthetic.FOUR)
    aligned = methods.align(photograph, points, method="quick", output_size=128)
    tinted = aligned.picture + np.array([25, -20, 10])
    tinted = np.uint8(np.clip(tinted, 0, 255))
    inside = masks.weights(aligned.frame, masks.Mask()) > 0
    plain = pasting.paste(
        photograph, tinted, aligned.frame, pasting.PastingOptions(color="none")
    )
    matched = pasting.paste(
        photograph, tinted, aligned.frame, pasting.PastingOptions(color=color)
    )
    assert _psnr(plain, photograph, inside) < 25
    assert _psnr(matched, photograph, inside) > 40


def test_smooth_colors_follow_the_seam():
    photograph = synthetic.smooth_picture(300, 300) // 2 + 60
    points = frames.apply(synthetic.place(0, 150, 150, 150), synthetic.FOUR)
    aligned = methods.align(photograph, points, method="quick", output_size=128)
    light = np.linspace(-40, 40, 128)[None, :, None]  # from the other side
    lit = np.uint8(np.clip(aligned.picture + light, 0, 255))
    inside = masks.weights(aligned.frame, masks.Mask()) > 0
    scores = {
        color: _psnr(
            pasting.paste(
                photograph, lit, aligned.frame, pasting.PastingOptions(color=color)
            ),
            photograph,
            inside,
        )
        for color in pasting.COLORS
    }
    assert scores["smooth"] > scores["shift"] + 4


def test_the_hull_of_the_landmarks():
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    ring = np.stack([100 + 40 * np.cos(angle), 90 + 50 * np.sin(angle)], axis=-1)
    frame = synthetic.frame(
        synthetic.place(0, 160, 100, 100),
        64,
        (200, 200),
        points=tuple(map(tuple, ring.tolist())),
    )
    weights = masks.weights(frame, masks.Mask(shape="hull", grow=0.0))
    y, x = np.mgrid[:200, :200]
    radius = np.hypot((x - 100) / 40, (y - 90) / 50)
    assert (weights[radius < 0.6] == 1).all()
    assert (weights[radius > 1.05] == 0).all()
    grown = masks.weights(frame, masks.Mask(shape="hull", grow=0.1))
    assert (grown >= weights).all()
    assert grown.sum() > 1.2 * weights.sum()
    few = dataclasses.replace(frame, points=frame.points[:5])
    with pytest.raises(ValueError, match="has 5: take the ellipse"):
        masks.weights(few, masks.Mask(shape="hull"))


def test_the_photograph_is_found_again(tmp_path):
    photograph = synthetic.smooth_picture(60, 80)
    images.write(tmp_path / "a.png", photograph)
    frame = synthetic.frame(
        synthetic.place(0, 30, 40, 30), 16, (80, 60), photograph="elsewhere/a.png"
    )
    np.testing.assert_array_equal(pasting.photograph(frame, tmp_path), photograph)
    with pytest.raises(images.PictureError, match="no such file"):
        pasting.photograph(frame)
    with pytest.raises(ValueError, match="does not know"):
        pasting.photograph(dataclasses.replace(frame, photograph=None))
    with pytest.raises(ValueError, match="80x60 pixels, but .* had 10x10"):
        pasting.photograph(
            dataclasses.replace(frame, photograph_size=(10, 10)), tmp_path
        )


def test_what_cannot_be_pasted():
    frame = synthetic.frame(synthetic.place(), 64, (512, 512))
    photograph = np.zeros((512, 512, 3), np.uint8)
    with pytest.raises(ValueError, match=r"512x512 pixels, got shape \(512, 511, 3\)"):
        pasting.paste(photograph[:, 1:], np.zeros((8, 8, 3)), frame)
    with pytest.raises(ValueError, match=r"\[S, S, 3\], got \(8, 9, 3\)"):
        pasting.paste(photograph, np.zeros((8, 9, 3)), frame)
    with pytest.raises(ValueError, match="must be one of"):
        pasting.PastingOptions(color="purple")
    with pytest.raises(ValueError, match="feather"):
        masks.Mask(feather=0.0)
