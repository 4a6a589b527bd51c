"""What the demo generator made itself comes back: a hundred pictures in W+ and in Z.

    XLA_FLAGS= pytest -m slow -s tests/experiments/own_pictures_test.py

Some eight minutes for each of the two.
"""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.runs import encoding, jobs
from jax_encoder.inversion import driver, presets, starts
from jax_encoder.metrics import pairs

_NUM, _BATCH = 100, 10


@pytest.fixture(scope="module")
def models():
    job = jobs.InversionJob(paths=(), output=pathlib.Path())
    return encoding.make_engine(job).models


def invert(models, space, start):
    """PSNR of every picture, and its LPIPS over that of its start."""
    config = dataclasses.replace(presets.get("default").config, space=space)
    lpips, synthesis = models.networks["lpips"], models.generator.synthesis
    psnr, ratios = [], []
    for first in range(0, _NUM, _BATCH):
        keys = [jax.random.key(5000 + first + k) for k in range(_BATCH)]
        shape = (models.generator.config.z_dim,)
        z = jnp.stack([jax.random.normal(key, shape) for key in keys])
        targets = jnp.clip(synthesis(starts.from_z(models, "w+", z)), -1, 1)
        values = start(targets, config)
        projection, _ = driver.project(
            models, targets, values, jax.random.key(0), config=config
        )
        images = jnp.clip(projection.images, -1, 1)
        psnr += np.asarray(pairs.psnr(images, targets)).tolist()
        mean = jnp.clip(synthesis(starts.mean(models, "w+", _BATCH)), -1, 1)
        ratio = lpips(images, targets) / lpips(mean, targets)
        ratios += np.asarray(ratio).tolist()
        print(space, len(psnr), f"{min(psnr):.1f} {np.median(psnr):.1f}", flush=True)  # noqa: T201
    return np.array(psnr), np.array(ratios)


@pytest.mark.slow
def test_in_w_plus_from_the_mean(models):
    psnr, ratios = invert(
        models, "w+", lambda targets, _: starts.mean(models, "w+", len(targets))
    )
    assert np.sum((psnr >= 30) & (ratios <= 0.1)) >= 0.95 * _NUM


@pytest.mark.slow
def test_in_z_from_the_best_of_256_seeds(models):
    def start(targets, config):
        return starts.nearest(models, pool, targets, config)[0]

    config = dataclasses.replace(presets.get("default").config, space="z")
    pool = starts.make_pool(models, config, num_seeds=256)
    psnr, _ = invert(models, "z", start)
    assert np.sum(psnr >= 25) >= 0.8 * _NUM
