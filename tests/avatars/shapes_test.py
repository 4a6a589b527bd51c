"""Signed distances and compositing."""

import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.avatars import shapes


def test_grid_is_centered_and_covers_the_picture():
    x, y = shapes.grid(4)
    np.testing.assert_allclose(x[2], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(y[:, 2], [-0.75, -0.25, 0.25, 0.75])


@pytest.mark.parametrize("resolution", [32, 128])
def test_coverage_adds_up_to_the_area(resolution):
    x, y = shapes.grid(resolution)
    pixel = 2.0 / resolution
    circle = shapes.coverage(shapes.ellipse(x - 0.013, y, 0.5, 0.5), pixel)
    oval = shapes.coverage(shapes.ellipse(x - 0.013, y, 0.7, 0.3), pixel)
    box = shapes.coverage(shapes.rounded_box(x, y - 0.017, 0.6, 0.3, 0.1), pixel)
    cell = pixel**2
    np.testing.assert_allclose(cell * circle.sum(), np.pi * 0.25, rtol=4e-3)
    np.testing.assert_allclose(cell * oval.sum(), np.pi * 0.21, rtol=4e-3)
    area = 1.2 * 0.6 - (4 - np.pi) * 0.01
    np.testing.assert_allclose(cell * box.sum(), area, rtol=4e-3)


def test_distances_of_a_circle_are_exact():
    x, y = shapes.grid(16)
    expected = np.hypot(x, y) - 0.5
    np.testing.assert_allclose(shapes.ellipse(x, y, 0.5, 0.5), expected, atol=1e-5)
    box = shapes.rounded_box(x, y, 0.5, 0.5, 0.5)
    np.testing.assert_allclose(box, expected, atol=1e-4)


def test_union_and_intersection_are_sharp_far_from_the_seam():
    a = jnp.array([-1.0, 0.5, 0.2])
    b = jnp.array([1.0, -0.5, 0.2])
    union = shapes.union(a, b, 0.1)
    np.testing.assert_allclose(union, [-1.0, -0.5, 0.2 - 0.025], atol=1e-6)
    both = shapes.intersection(a, b, 0.1)
    np.testing.assert_allclose(both, [1.0, 0.5, 0.2 + 0.025], atol=1e-6)


def test_wave_is_nearly_a_sine():
    phase = jnp.linspace(-2.0, 2.0, 101)
    expected = -np.sin(2 * np.pi * (np.asarray(phase) % 1.0 - 0.0))
    error = np.abs(np.abs(shapes.wave(phase)) - np.abs(expected))
    assert error.max() < 0.06
    np.testing.assert_allclose(shapes.wave(phase + 1.0), shapes.wave(phase), atol=1e-5)


def test_steps_go_from_zero_to_one():
    value = jnp.linspace(-1.0, 1.0, 21)
    ramp = shapes.ramp(value, -0.5, 0.5)
    assert (np.diff(ramp) >= 0).all()
    np.testing.assert_allclose(ramp[jnp.array([0, 10, 20])], [0.0, 0.5, 1.0], atol=1e-6)
    np.testing.assert_allclose(shapes.soft(value, 1.0), 1.0 - ramp, atol=1e-6)
    zero = jnp.zeros(())
    assert shapes.blob(zero, zero, 0.5, 0.2) == 1.0
    assert shapes.blob(zero + 0.51, zero, 0.5, 0.2) == 0.0


def test_painting():
    plane = jnp.full((2, 2), 0.5)
    canvas = (plane, plane, plane)
    alpha = jnp.array([[0.0, 1.0], [0.5, 1.0]])
    red, green, _ = shapes.blend(canvas, (1.0, 0.0, 0.5), alpha)
    np.testing.assert_allclose(red, [[0.5, 1.0], [0.75, 1.0]])
    np.testing.assert_allclose(green, [[0.5, 0.0], [0.25, 0.0]])
    red, green, _ = shapes.shade(canvas, (0.5, 1.0, 1.0), alpha)
    np.testing.assert_allclose(red, [[0.5, 0.25], [0.375, 0.25]])
    np.testing.assert_allclose(green, plane)
    assert shapes.mix((0.0, 0.0, 0.0), (1.0, 0.5, 0.0), 0.5) == (0.5, 0.25, 0.0)
    assert shapes.scale((1.0, 0.5, 0.0), (0.5, 2.0, 1.0)) == (0.5, 1.0, 0.0)
    assert shapes.lit((1.0, 0.5, 0.0), 0.5, 0.25) == (0.75, 0.5, 0.25)
