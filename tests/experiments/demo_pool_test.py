"""The seed pool of the demo set: found, and what a computed one would be."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.demo_set import demo_assets
from experiments.networks import pool_files, resources
from jax_encoder.inversion import starts

NUM = demo_assets.POOL_SIZE


@pytest.fixture(scope="module")
def parts():
    return demo_assets.pool_parts(resources.ASSETS)


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Calls of `make_pool`, which is replaced; the cache is elsewhere and empty."""
    calls = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def make(*_, **options):
        calls.append(options)
        return starts.SeedPool(z=np.zeros((1, 1)), prepared=(), side=1)

    monkeypatch.setattr(starts, "make_pool", make)
    return calls


def test_it_is_found_without_computing(parts, made):
    models, config, key = parts
    pool = resources.seed_pool(models, config, key, NUM, 0)
    assert made == []
    assert pool.side == demo_assets.POOL_SIDE
    assert pool.z.shape == (NUM, models.generator.config.z_dim)
    # The command line comes to the same key.
    assert key == resources.pool_key(resources.generator(None), {"lpips": None})


def test_others_are_computed(parts, made):
    models, config, key = parts
    heavier = tuple(dataclasses.replace(term, weight=2.0) for term in config.terms)
    lpips = models.networks["lpips"]
    other = jax.tree.map(lambda x: x + 1.0, lpips)
    cases = [
        (models, config, key, NUM, 1),
        (models, config, key, NUM - 1, 0),
        (models, config, key + " ", NUM, 0),
        (models, dataclasses.replace(config, terms=heavier), key, NUM, 0),
        (dataclasses.replace(models, networks={"lpips": other}), config, key, NUM, 0),
    ]
    for count, case in enumerate(cases, 1):
        resources.seed_pool(*case)
        assert len(made) == count


def test_it_is_what_would_be_computed(parts):
    models, config, _ = parts
    embedded = pool_files.load(demo_assets.pool_path(resources.ASSETS), models, config)
    z = jax.random.normal(jax.random.key(0), embedded.z.shape)
    np.testing.assert_allclose(embedded.z, z, atol=1e-6)
    again = starts._prepare_pool(
        models, z[:16], None, config=config, side=demo_assets.POOL_SIDE
    )
    for ours, theirs in zip(
        jax.tree.leaves(embedded.prepared), jax.tree.leaves(again), strict=True
    ):
        assert ours.dtype == np.float16
        np.testing.assert_allclose(
            np.float32(ours[:16]), np.float32(theirs), rtol=4e-3, atol=4e-3
        )


def test_the_demo_set_stays_small():
    files = [path for path in resources.ASSETS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 24_000_000
    assert demo_assets.pool_path(resources.ASSETS).stat().st_size < 4_000_000
