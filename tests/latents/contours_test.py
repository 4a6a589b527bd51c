import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.latents import contours, statistics


def _normal(num=4000):
    rng = np.random.default_rng(0)
    return rng.normal(size=(num, 3)) @ rng.normal(size=(3, 3)) + 2


def test_an_ellipse_lies_at_its_radius():
    covariance = np.array([[2.0, 0.6], [0.6, 1.0]])
    line = contours.ellipse(np.array([1.0, -1.0]), covariance, 1.5)
    offset = line - np.array([[1.0, -1.0]])
    squared = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
    np.testing.assert_allclose(squared, 1.5**2)


def test_the_marginal_of_two_axes_is_theirs():
    samples = _normal()
    mean, covariance = contours.marginal(statistics.fit(samples), (0, 2))
    np.testing.assert_allclose(mean, samples[:, [0, 2]].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(covariance, np.cov(samples[:, [0, 2]].T), rtol=1e-4)


def test_levels_enclose_their_share():
    points = _normal(20_000)[:, :2]
    x, y, height, levels = contours.density(points, (0.39, 0.86))
    cells = [
        np.abs(axis[None] - points[:, k, None]).argmin(axis=1)
        for k, axis in enumerate((x, y))
    ]
    inside = height[cells[1], cells[0]]
    assert (inside >= levels[1]).mean() == pytest.approx(0.39, abs=0.04)
    assert (inside >= levels[0]).mean() == pytest.approx(0.86, abs=0.04)


def test_the_gaussian_of_jax_arrays_will_do():
    gaussian = statistics.Gaussian(
        mean=jnp.zeros(3), components=jnp.eye(3), std=jnp.arange(3.0)
    )
    _, covariance = contours.marginal(gaussian, (1, 2))
    np.testing.assert_allclose(covariance, np.diag([1.0, 4.0]))
