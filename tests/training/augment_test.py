"""Adaptive augmentation: every transformation against what it should do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.training import augment

# Compiled as a whole: a few operations at a time are slow to compile one by one.
ada = jax.jit(augment.ada, static_argnums=3)
draw_geometry = jax.jit(augment.draw_geometry, static_argnums=(1, 2, 4))
draw_color = jax.jit(augment.draw_color, static_argnums=(1, 3))
recolor = jax.jit(augment.recolor)
warp = jax.jit(augment.warp)

OFF = augment.AugmentConfig(
    **{
        field.name: 0.0
        for field in dataclasses.fields(augment.AugmentConfig)
        if not field.name.endswith(("_std", "_max"))
    }
)
KEY = jax.random.key(0)


def _smooth(num=1, side=24):
    """Pictures without detail that resampling could lose."""
    axis = jnp.linspace(-2.0, 2.0, side)
    y, x = jnp.meshgrid(axis, axis, indexing="ij")
    planes = [jnp.sin(1.3 * x + k) * jnp.cos(0.9 * y - k) for k in (0.1, 0.5, 0.9)]
    return jnp.tile(jnp.stack(planes, axis=-1)[None], (num, 1, 1, 1))


def _matrix(*rows):
    return jnp.asarray(rows, jnp.float32)[None]


def test_probability_zero_changes_nothing():
    images = jax.random.normal(KEY, (4, 16, 16, 3))
    np.testing.assert_array_equal(
        ada(KEY, images, 0.0, augment.AugmentConfig()), images
    )


def test_everything_off_changes_nothing():
    images = jax.random.normal(KEY, (4, 16, 16, 3))
    np.testing.assert_array_equal(ada(KEY, images, 1.0, OFF), images)


def test_warp_mirrors():
    images = _smooth()
    mirrored = warp(images, _matrix((-1, 0, 0), (0, 1, 0), (0, 0, 1)))
    np.testing.assert_allclose(mirrored, images[:, :, ::-1], atol=0.04)


def test_warp_shifts_by_whole_pixels_and_reflects_at_the_border():
    images = _smooth()
    shifted = warp(images, _matrix((1, 0, 3), (0, 1, -2), (0, 0, 1)))
    wanted = np.pad(images, ((0, 0), (2, 0), (0, 3), (0, 0)), mode="symmetric")
    wanted = wanted[:, :-2, 3:]
    inside = np.s_[:, 6:-2, 2:-7]
    np.testing.assert_allclose(shifted[inside], wanted[inside], atol=1e-5)
    np.testing.assert_allclose(shifted, wanted, atol=0.2)


def test_warp_turns_and_turns_back():
    images = _smooth()
    quarter = _matrix((0, -1, 0), (1, 0, 0), (0, 0, 1))
    back = warp(warp(images, quarter), jnp.swapaxes(quarter, 1, 2))
    np.testing.assert_allclose(back, images, atol=0.07)
    turned = warp(images, quarter)
    errors = [np.abs(turned - np.rot90(images, k, (1, 2))).max() for k in (1, 3)]
    assert min(errors) < 0.04 < max(errors)


@pytest.mark.parametrize("name", ["flip", "scale", "brightness", "saturation"])
def test_a_transformation_happens_as_often_as_asked(name):
    config = dataclasses.replace(OFF, **{name: 1.0})
    if name in ("flip", "scale"):
        matrices = draw_geometry(jax.random.key(3), 1000, 8, 0.4, config)
    else:
        matrices = draw_color(jax.random.key(3), 1000, 0.4, config)
    is_changed = np.abs(matrices - np.eye(matrices.shape[1])[None]) > 1e-5
    share = float(np.mean(np.any(is_changed, axis=(1, 2))))
    # A flip that is chosen is a real one half of the time.
    wanted = 0.2 if name == "flip" else 0.4
    assert share == pytest.approx(wanted, abs=0.05)


def test_rotation_happens_as_often_as_asked_although_there_are_two():
    config = dataclasses.replace(OFF, rotate=1.0)
    matrices = draw_geometry(KEY, 1000, 64, 0.4, config)
    turned = np.any(np.abs(matrices - np.eye(3)[None]) > 1e-6, axis=(1, 2))
    assert float(turned.mean()) == pytest.approx(0.4, abs=0.05)


def test_flips_turns_and_shifts_keep_the_pixel_grid():
    config = dataclasses.replace(OFF, flip=1.0, rotate90=1.0, shift=1.0)
    matrices = np.asarray(draw_geometry(KEY, 200, 64, 1.0, config))
    np.testing.assert_allclose(matrices, np.round(matrices), atol=1e-4)
    assert np.abs(matrices[:, :2, 2]).max() < 8.01
    np.testing.assert_allclose(np.abs(np.linalg.det(matrices)), 1.0, atol=1e-5)


def test_stretching_keeps_the_area_and_scaling_does_not():
    for name, keeps in (("stretch", True), ("scale", False)):
        config = dataclasses.replace(OFF, **{name: 1.0})
        matrices = draw_geometry(KEY, 50, 64, 1.0, config)
        determinants = np.linalg.det(np.asarray(matrices))
        assert np.allclose(determinants, 1.0, atol=1e-5) == keeps


def test_saturation_and_hue_keep_the_luma_and_gray():
    config = dataclasses.replace(OFF, hue=1.0, saturation=1.0)
    matrices = draw_color(KEY, 20, 1.0, config)
    colors = jax.random.uniform(KEY, (20, 4, 4, 3))
    changed = recolor(colors, matrices)
    np.testing.assert_allclose(
        changed.mean(axis=-1), colors.mean(axis=-1), rtol=1e-4, atol=1e-5
    )
    gray = jnp.full((20, 2, 2, 3), 0.3)
    np.testing.assert_allclose(recolor(gray, matrices), gray, atol=1e-5)
    assert float(jnp.abs(changed - colors).max()) > 0.1


def test_hue_by_a_third_of_a_turn_permutes_the_channels():
    rotation = augment._around_luma(jnp.asarray([2 * jnp.pi / 3]))[0]
    color = jnp.asarray([0.1, 0.5, 0.9])
    np.testing.assert_allclose(rotation @ color, [0.9, 0.1, 0.5], atol=1e-6)


def test_luma_flip_reflects_the_lightness():
    config = dataclasses.replace(OFF, luma_flip=1.0)
    matrices = draw_color(KEY, 40, 1.0, config)
    images = jnp.full((40, 1, 1, 3), 0.4)
    values = np.unique(np.round(recolor(images, matrices), 4))
    np.testing.assert_allclose(values, [-0.4, 0.4], atol=1e-4)


def test_brightness_and_contrast_have_their_strengths():
    config = dataclasses.replace(OFF, brightness=1.0)
    matrices = draw_color(KEY, 2000, 1.0, config)
    assert float(jnp.std(matrices[:, 0, 3])) == pytest.approx(0.2, rel=0.1)
    config = dataclasses.replace(OFF, contrast=1.0)
    matrices = draw_color(KEY, 2000, 1.0, config)
    octaves = jnp.log2(matrices[:, 0, 0])
    assert float(jnp.std(octaves)) == pytest.approx(0.5, rel=0.1)


def test_gradients_flow_and_are_finite():
    images = jax.random.normal(KEY, (2, 16, 16, 3))
    gradient = jax.jit(
        jax.grad(lambda x: jnp.sum(jnp.square(augment.ada(KEY, x, 0.8))))
    )(images)
    assert bool(jnp.all(jnp.isfinite(gradient)))
    assert float(jnp.abs(gradient).min(axis=(1, 2, 3)).max()) >= 0.0
    assert float(jnp.abs(gradient).sum()) > 1.0


def test_the_probability_follows_the_sign_of_the_logits():
    p = jnp.asarray(0.5)
    higher = augment.adapt(p, jnp.asarray(0.9), 1000, speed=100_000.0)
    lower = augment.adapt(p, jnp.asarray(0.1), 1000, speed=100_000.0)
    np.testing.assert_allclose([higher, lower], [0.51, 0.49], atol=1e-6)
    assert float(augment.adapt(jnp.asarray(0.0), jnp.asarray(0.0), 1000)) == 0.0
    assert float(augment.adapt(jnp.asarray(1.0), jnp.asarray(1.0), 1000)) == 1.0


def test_diff_augment_cuts_a_hole_and_keeps_the_shape():
    images = jnp.ones((8, 16, 16, 3)) + 0.01 * jax.random.normal(KEY, (8, 16, 16, 3))
    changed = augment.diff_augment(KEY, images)
    assert changed.shape == images.shape
    holes = np.mean(np.all(changed == 0.0, axis=-1), axis=(1, 2))
    assert (holes > 0.05).all()
    assert (holes < 0.6).all()


def test_tiny_or_oblong_images_are_refused():
    with pytest.raises(ValueError, match="square"):
        augment.warp(jnp.zeros((1, 8, 16, 3)), jnp.eye(3)[None])
