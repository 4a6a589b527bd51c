import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.latents import maps, statistics


def _groups(num=60, dim=6):
    """Two groups, far apart."""
    rows = np.random.default_rng(0).normal(size=(num, dim))
    rows[: num // 2, 0] += 40
    return rows


@pytest.mark.parametrize("method", ["pca", "tsne", "lle"])
def test_maps_keep_groups_apart_and_place_others(method):
    samples = _groups()
    found = maps.draw(samples, method, others=samples[:3] + 1e-3)
    assert found.points.shape == (60, 2)
    assert found.others.shape == (3, 2)
    near = np.linalg.norm(found.points[:3] - found.others, axis=1)
    assert (near < np.linalg.norm(found.points.std(axis=0))).all()
    assert found.about
    if method != "lle":
        gap = found.points[:30].mean(axis=0) - found.points[30:].mean(axis=0)
        assert np.linalg.norm(gap) > 2 * found.points[:30].std()


def test_pca_agrees_with_the_streamed_components():
    samples = _groups() * np.arange(1, 7)
    of_moments = statistics.fit(samples)
    expected = (samples - samples.mean(axis=0)) @ np.asarray(of_moments.components)[
        :2
    ].T
    found = maps.draw(samples, "pca").points
    np.testing.assert_allclose(abs(found), abs(expected), rtol=1e-3, atol=1e-3)


def test_the_same_seed_gives_the_same_map():
    one, two = (maps.draw(_groups(), "tsne", seed=3).points for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_explained_variance():
    shares = maps.explained_variance(np.array([2.0, 1.0, 0.0]))
    np.testing.assert_allclose(shares, [0.8, 1.0, 1.0])


@given(st.integers(0, 1000), st.floats(0.02, 0.5))
def test_squares_around_chosen_points_do_not_overlap(seed, side):
    points = np.random.default_rng(seed).uniform(size=(80, 2))
    chosen = maps.apart(points, side)
    taken = points[chosen]
    apart = np.abs(taken[:, None] - taken[None]).max(axis=-1)
    assert (apart[~np.eye(len(taken), dtype=bool)] >= side).all()
    others = np.delete(points, chosen, axis=0)
    blocked = np.abs(others[:, None] - taken[None]).max(axis=-1).min(axis=1)
    assert (blocked < side).all()
    assert len(maps.apart(points, side, num=3)) <= 3


def test_a_map_of_ones_own(monkeypatch):
    monkeypatch.setattr(maps, "_METHODS", dict(maps._METHODS))

    def first_two(samples, others, seed):
        del seed
        axes = ("0", "1")
        return maps.Map(points=samples[:, :2], others=others[:, :2], axes=axes)

    maps.register("first", first_two)
    assert maps.draw(_groups(), "first").points.shape == (60, 2)
    with pytest.raises(ValueError, match="another map"):
        maps.register("pca", first_two)


@pytest.mark.parametrize(
    ("samples", "options", "match"),
    [
        (np.ones((60, 3)), {"method": "umap"}, "one of"),
        (np.ones((8, 3)), {}, "at least 16"),
        (np.ones((60, 3)), {"others": np.ones((2, 4))}, "others"),
        (np.full((60, 3), np.nan), {}, "finite"),
    ],
)
def test_refusals(samples, options, match):
    with pytest.raises(ValueError, match=match):
        maps.draw(samples, **options)


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"jax_encoder\[analysis\]"):
        maps.draw(_groups())
