"""Coarse to fine at 1024 pixels: the same LPIPS in less than half the time.

    XLA_FLAGS= pytest -m slow -s tests/inversion/coarse_to_fine_test.py

Configuration F with random weights and LPIPS on a VGG16 with random weights, two
pictures of the generator's own, 48 steps each. The seconds are those of the steps,
without compilation; run it on a quiet machine.
"""

import dataclasses
import time

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarking import networks
from jax_encoder.inversion import driver, presets, projector, starts
from jax_encoder.inversion.state import Models
from jax_encoder.latents import statistics, styles
from jax_encoder.ops import resize

_NUM_STEPS, _CHUNK, _SIDE = 48, 4, 256


@pytest.fixture(scope="module")
def models():
    generator = networks.generator("stylegan2", 1024)
    return Models(
        generator=generator,
        networks={"lpips": networks.distance()},
        statistics=statistics.estimate(generator, num_samples=2000),
    )


def begin(models, config):
    values = starts.mean(models, "w+", 1)
    return projector.init(models, values, jax.random.key(0), config)


def compile_all(models, target, config):
    """Runs the program of every resolution for no steps."""
    full = models.generator.config.resolution
    for side in sorted({side for _, _, side in config.plan(full, _CHUNK)}):
        small = resize.box(target, full // side)
        projector.advance_in_place(
            models,
            projector.prepare(models, small, config),
            jax.tree.map(jnp.copy, begin(models, config)),
            jnp.asarray(0),
            config=config,
            resolution=side,
            chunk=_CHUNK,
        )


def invert(models, target, config):
    """The LPIPS at the end, and the seconds that the steps took."""
    compile_all(models, target, config)
    state, start = begin(models, config), time.perf_counter()
    for latest, _ in driver.iterate(models, target, state, config=config, chunk=_CHUNK):
        state = jax.block_until_ready(latest)
    seconds = time.perf_counter() - start
    image = jnp.clip(projector.finish(models, state, config=config).images, -1, 1)
    small = [resize.at_most(x, _SIDE) for x in (image, target)]
    return float(models.networks["lpips"](*small)[0]), seconds


@pytest.mark.slow
def test_same_lpips_in_less_than_half_the_time(models):
    preset = presets.get("default")
    full = dataclasses.replace(
        preset.config, num_steps=_NUM_STEPS, optimizer="adam", optimizer_options=()
    )
    coarse = dataclasses.replace(full, stages=preset.coarse)
    z = jax.random.normal(jax.random.key(5), (2, 512))
    ws = styles.broadcast(models.generator.mapping(z), models.generator.config.num_ws)
    targets = jnp.clip(models.generator.synthesis(ws), -1, 1)
    rows = []
    for target in targets[:, None]:
        rows.append((invert(models, target, full), invert(models, target, coarse)))
        print(rows[-1], flush=True)  # noqa: T201
    (plain, slow), (staged, quick) = (
        [sum(row[k][part] for row in rows) / len(rows) for part in (0, 1)]
        for k in (0, 1)
    )
    assert staged <= 1.02 * plain
    assert quick <= 0.5 * slow
