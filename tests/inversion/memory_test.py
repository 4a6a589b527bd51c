"""Memory is estimated without computing, and slices are chosen to fit."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from jax_encoder.inversion import memory, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.latents import statistics
from jax_encoder.nn import lpips, stylegan2, vgg

CONFIG = ProjectorConfig(terms=(terms.Perceptual(), terms.LatentPrior()))


@pytest.fixture(scope="module")
def models():
    """Shapes only, in the published widths up to 256 pixels."""
    widths = tuple(min(32768 >> side, 512) for side in range(2, 9))
    generator_config = stylegan2.StyleGAN2Config(resolution=256, channels=widths)
    lpips_config = lpips.LPIPSConfig(channels=vgg.VGG16_CHANNELS)
    return Models(
        generator=nnx.eval_shape(
            lambda: stylegan2.StyleGAN2Generator(generator_config, rngs=nnx.Rngs(0))
        ),
        networks={
            "lpips": nnx.eval_shape(lambda: lpips.LPIPS(lpips_config, rngs=nnx.Rngs(0)))
        },
        statistics=statistics.LatentStatistics(
            w_avg=jnp.zeros(512), w_std=jnp.ones(())
        ),
    )


def test_estimates_what_the_compiler_was_seen_to_need(models):
    assert memory.estimate(models, CONFIG, 1) == pytest.approx(0.64e9, rel=0.2)


def test_grows_with_the_batch_and_the_resolution(models):
    single = memory.estimate(models, CONFIG, 1)
    assert memory.estimate(models, CONFIG, 4) == pytest.approx(4 * single, rel=0.01)
    assert memory.estimate(models, CONFIG, 1, resolution=64) < single / 4


def test_chooses_the_largest_slice_that_fits(models, monkeypatch):
    single = memory.estimate(models, CONFIG, 1)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert memory.choose_micro_batch(models, CONFIG, 8, limit=5 * single) == 4
    assert memory.choose_micro_batch(models, CONFIG, 7, limit=5 * single) == 1
    assert memory.choose_micro_batch(models, CONFIG, 4, limit=5 * single) is None


def test_on_a_cpu_pictures_go_one_by_one(models, monkeypatch):
    single = memory.estimate(models, CONFIG, 1)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert memory.choose_micro_batch(models, CONFIG, 8, limit=100 * single) == 1
    assert memory.choose_micro_batch(models, CONFIG, 1, limit=100 * single) == 1
    asked = dataclasses.replace(CONFIG, micro_batch=8)
    assert memory.choose_micro_batch(models, asked, 8, limit=100 * single) == 8


def test_says_what_would_fit(models):
    single = memory.estimate(models, CONFIG, 1)
    with pytest.raises(ValueError, match=r"MiB are free.*128 pixels.*bfloat16"):
        memory.choose_micro_batch(models, CONFIG, 8, limit=single // 2)


def test_the_size_asked_for_is_an_upper_limit(models, monkeypatch):
    single = memory.estimate(models, CONFIG, 1)
    monkeypatch.setattr(memory, "available_bytes", lambda: 5 * single)
    asked = dataclasses.replace(CONFIG, micro_batch=4)
    assert memory.choose_micro_batch(models, asked, 8) == 4
    assert memory.choose_micro_batch(models, asked, 6) == 3
    with pytest.raises(ValueError, match=r"8 pictures .* a micro-batch of 4 fits"):
        memory.choose_micro_batch(
            models, dataclasses.replace(CONFIG, micro_batch=8), 16
        )


def test_devices_say_what_is_free(monkeypatch):
    stats = {"bytes_limit": 100, "bytes_in_use": 40}
    device = types.SimpleNamespace(memory_stats=lambda: stats)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert memory.available_bytes() == 60
    device.memory_stats = lambda: None
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert memory.available_bytes() is None


def test_counts_maps_that_are_computed_again(models):
    # The compiler needs 516 MiB instead of 472 for the generator's gradient on a CPU.
    again = dataclasses.replace(CONFIG, remat_from=128)
    kept = memory.estimate(models, CONFIG, 1)
    assert memory.estimate(models, again, 1) == pytest.approx(1.09 * kept, rel=0.1)
