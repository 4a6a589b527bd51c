"""The renderer: pictures change with every attribute, where they should, and how."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.avatars import (
    face_attributes,
    face_geometry,
    face_parts,
    face_rendering,
    shapes,
)

# Every test draws this many faces at 64 pixels: one compilation serves them all.
NUM = 2 * face_attributes.NUM_ATTRIBUTES
BEARDED = {"beard": 1.0, "glasses": 1.0}


def _render(rows):
    rows = jnp.concatenate([rows, face_attributes.default(NUM - len(rows))])
    return np.asarray(face_rendering.render(rows, 64))


@functools.cache
def _people():
    people = face_attributes.sample(jax.random.key(5), NUM)
    return people, _render(people)


@functools.cache
def _extremes():
    """Pictures `[K, 2, H, W, 3]`: the default with each attribute low and high."""
    rows = []
    for attribute in face_attributes.ATTRIBUTES:
        others = BEARDED if attribute.needs else {}
        # Half the circle apart, where 0 and 1 are the same.
        high = 0.5 if attribute.name.endswith("_hue") else attribute.high
        for value in (attribute.low, high):
            rows.append(face_attributes.named(**others, **{attribute.name: value}))
    return _render(jnp.concatenate(rows)).reshape(-1, 2, 64, 64, 3)


def _change(name):
    low, high = _extremes()[face_attributes.index(name)]
    return np.abs(high - low).mean(axis=-1)


def _centroid(change):
    axis = (np.arange(64) + 0.5) / 32 - 1
    total = change.sum()
    return (change * axis).sum() / total, (change * axis[:, None]).sum() / total


def test_pictures_keep_the_convention():
    _, pictures = _people()
    assert pictures.shape == (NUM, 64, 64, 3)
    assert pictures.dtype == np.float32
    assert np.isfinite(pictures).all()
    assert pictures.min() >= -1.0
    assert pictures.max() <= 1.0
    assert (pictures.reshape(NUM, -1).std(axis=1) > 0.15).all()


def test_drawing_is_deterministic_and_independent_of_the_batch():
    people, pictures = _people()
    np.testing.assert_array_equal(_render(people), pictures)
    np.testing.assert_array_equal(_render(people[::-1])[::-1], pictures)


@pytest.mark.parametrize("name", face_attributes.NAMES)
def test_every_attribute_shows(name):
    change = _change(name)
    assert (change > 0.04).sum() >= 8, "fewer than eight pixels change"


@pytest.mark.parametrize(
    ("name", "left", "top", "right", "bottom"),
    [
        ("eye_color", -0.5, -0.25, 0.5, 0.15),
        ("eye_size", -0.55, -0.35, 0.55, 0.2),
        ("lashes", -0.55, -0.3, 0.55, 0.1),
        ("brow_thickness", -0.6, -0.45, 0.6, -0.1),
        ("brow_height", -0.6, -0.45, 0.6, -0.1),
        ("nose_width", -0.35, 0.0, 0.35, 0.45),
        ("smile", -0.6, -0.25, 0.6, 0.8),
        ("mouth_opening", -0.4, 0.3, 0.4, 0.8),
        ("lip_color", -0.4, 0.3, 0.4, 0.7),
        ("beard", -0.75, -0.1, 0.75, 1.0),
        ("glasses", -0.8, -0.4, 0.8, 0.3),
        ("glasses_shape", -0.8, -0.4, 0.8, 0.3),
        ("fringe", -0.8, -0.8, 0.8, 0.2),
        ("clothes_hue", -1.0, 0.6, 1.0, 1.0),
    ],
)
def test_attributes_change_only_their_place(name, left, top, right, bottom):
    change = _change(name)
    axis = (np.arange(64) + 0.5) / 32 - 1
    inside = (axis > left) & (axis < right)
    inside = inside[None] & ((axis > top) & (axis < bottom))[:, None]
    assert change[~inside].max() < 0.02
    assert change[inside].max() > 0.1


@pytest.mark.parametrize(
    "name", ["background_hue", "background_lightness", "background_gradient"]
)
def test_the_background_leaves_the_face_alone(name):
    change = _change(name)
    assert change[20:50, 22:42].max() < 1e-5
    assert change[:3].mean() > 0.1


def test_a_frontal_evenly_lit_face_is_nearly_symmetric():
    face = _render(face_attributes.default())[0]
    difference = np.abs(face - face[:, ::-1]).mean(axis=-1)
    # Catchlights in the eyes and strands of hair are not.
    assert difference.mean() < 0.01
    assert np.mean(difference > 0.1) < 0.01


@pytest.mark.parametrize("name", ["light", "parting", "yaw"])
def test_mirrored_attributes_mirror_the_picture(name):
    low, high = _extremes()[face_attributes.index(name)]
    mirrored = np.abs(high - low[:, ::-1]).mean()
    assert mirrored < 0.25 * np.abs(high - low).mean()


@pytest.mark.parametrize("yaw", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("pitch", [-0.2, 0.2])
def test_eyes_and_mouth_stay_where_ffhq_has_them(yaw, pitch):
    pose = {"yaw": yaw, "pitch": pitch}
    rows = [
        face_attributes.named(**pose),
        face_attributes.named(**pose, eye_color=0.0),
        face_attributes.named(**pose, lip_color=1.0),
    ]
    plain, eyes, mouth = _render(jnp.concatenate(rows))[:3]
    x, y = _centroid(np.abs(eyes - plain).mean(axis=-1))
    assert abs(x) < 0.08
    assert abs(y + 0.05) < 0.04
    x, y = _centroid(np.abs(mouth - plain).mean(axis=-1))
    assert abs(x) < 0.08
    assert abs(y - 0.47) < 0.08


def test_hidden_attributes_do_not_show():
    rows = [
        face_attributes.named(),
        face_attributes.named(beard_length=1.0, glasses_shape=1.0, glasses_color=1.0),
    ]
    plain, other = _render(jnp.concatenate(rows))[:2]
    np.testing.assert_array_equal(plain, other)


def test_resolutions_agree():
    people, pictures = _people()
    large = np.asarray(face_rendering.render(people, 128))
    small = large.reshape(NUM, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    difference = np.abs(small - pictures)
    assert difference.mean() < 0.01
    assert np.quantile(difference, 0.99) < 0.2


def test_all_at_once_equals_one_by_one():
    people, pictures = _people()
    drawn = face_rendering.render(people[:3], 64, batch_size=3)
    np.testing.assert_allclose(drawn, pictures[:3], atol=1e-5)


@jax.jit
def _brightness_of_the_mouth(row):
    face = face_geometry.make(row)
    x, y = shapes.grid(16)
    canvas = face_parts.mouth((x * 0.0 + 0.5,) * 3, face, x, y, 0.125)
    return jnp.stack(canvas).sum()


def test_pictures_have_gradients():
    # Of one layer: compiling those of a whole face takes a minute.
    gradient = jax.grad(_brightness_of_the_mouth)(face_attributes.default()[0])
    assert np.isfinite(gradient).all()
    for name in ("smile", "mouth_opening", "lip_fullness", "lip_color", "pitch"):
        assert gradient[face_attributes.index(name)] != 0.0
    assert gradient[face_attributes.index("background_hue")] == 0.0


def test_errors():
    with pytest.raises(ValueError, match=r"attributes.shape=\(3, 2\)"):
        face_rendering.render(jnp.zeros((3, 2)))
    with pytest.raises(ValueError, match="resolution"):
        face_rendering.render(face_attributes.default(), 0)
