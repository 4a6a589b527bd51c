"""Generators of gray and of RGBA pictures: drawn, inverted, tuned, measured."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.comparing import evaluation
from experiments.networks import seed_pictures
from jax_encoder.inversion import config as configs
from jax_encoder.inversion import inverter as inverters
from jax_encoder.inversion import pivotal, presets, state, terms
from jax_encoder.io import contact_sheet, films, images
from jax_encoder.latents import statistics
from jax_encoder.nn import lpips, stylegan2
from jax_encoder.ops import image_checks as image_ops
from jax_encoder.training import augment, sources
from tests.experiments import tiny

KINDS = {1: "L", 4: "RGBA"}


@pytest.fixture(scope="module", params=[1, 4], ids=["gray", "rgba"])
def models(request):
    config = dataclasses.replace(tiny.GENERATOR, image_channels=request.param)
    generator = tiny.make(stylegan2.StyleGAN2Generator, config, 0)
    return state.Models(
        generator=generator,
        networks={"lpips": tiny.make(lpips.LPIPS, tiny.LPIPS, 1)},
        statistics=statistics.estimate(generator, num_samples=64),
    )


def _draw(models, folder):
    sampler = seed_pictures.Sampler(generator=models.generator, batch_size=2)
    seed_pictures.write_seeds(sampler, [0, 1], folder)
    return sorted(folder.glob("seed*.png"))


def test_drawn_and_read_back(models, tmp_path):
    channels = models.generator.config.image_channels
    path = _draw(models, tmp_path)[0]
    assert images._open(path).mode == KINDS[channels]
    picture = images.read(path, channels)
    assert picture.shape == (8, 8, channels)
    assert images.read(path).shape == (8, 8, 3)
    np.testing.assert_array_equal(images.fit(picture, 8), picture)
    assert images.fit(picture, 4).shape == (4, 4, channels)
    images.write(tmp_path / "x.jpg", picture)
    assert images.read(tmp_path / "x.jpg", 1).shape == (8, 8, 1)
    films.write(tmp_path / "x.gif", [picture, picture])
    assert contact_sheet.draw([[picture]]).shape[-1] == 3


def test_inverted_and_tuned(models, tmp_path):
    channels = models.generator.config.image_channels
    targets = [images.read(path, channels) for path in _draw(models, tmp_path)]
    options = configs.ProjectorConfig(
        space="w+", num_steps=4, terms=(terms.Pixel(), terms.Perceptual(size=None))
    )
    preset = presets.Preset(
        name="short",
        source="this test",
        config=options,
        start="mean",
        pivotal=pivotal.PivotalConfig(num_steps=2),
    )
    inverter = inverters.Inverter(
        models.generator,
        preset,
        models.networks,
        statistics=models.statistics,
        batch_size=2,
    )
    found = inverter.invert(targets)
    assert found.images.shape == (2, 8, 8, channels)
    assert np.all(np.isfinite(found.measures["psnr"]))
    assert np.all(np.isfinite(found.measures["lpips"]))


def test_read_by_the_binary(models, tmp_path):
    channels = models.generator.config.image_channels
    path = _draw(models, tmp_path)[0]
    pixels = images.with_channels(images.read(path, channels), 3)
    images.write(tmp_path / "rgb.png", pixels)
    assert images.decode(tmp_path / "rgb.png", channels).shape == (8, 8, channels)


def test_measured(models, tmp_path):
    _draw(models, tmp_path / "drawn")
    options = evaluation.EvaluationOptions(
        references=str(tmp_path / "drawn/seed*.png"), num_samples=4, batch_size=2
    )
    report = evaluation.run(options, models.networks, models.generator)
    assert report.sets
    assert all(np.isfinite(value) for value in report.sets.values())


def test_sources_of_training(models, tmp_path):
    channels = models.generator.config.image_channels
    _draw(models, tmp_path)
    source = sources.folder(tmp_path / "seed*.png", 8, channels=channels)
    drawn = source(0, 3)
    assert drawn.shape == (3, 8, 8, channels)
    changed = augment.recolor(drawn, jnp.tile(2 * jnp.eye(4)[None], (3, 1, 1)))
    kept = slice(0, min(channels, 3))
    np.testing.assert_allclose(changed[..., kept], 2 * drawn[..., kept], rtol=1e-6)
    np.testing.assert_array_equal(changed[..., 3:], drawn[..., 3:])


def test_networks_see_gray_and_transparency_on_white():
    gray = jnp.full((1, 2, 2, 1), 0.5)
    np.testing.assert_array_equal(
        image_ops.check_rgb(gray), jnp.full((1, 2, 2, 3), 0.5)
    )
    clear = jnp.full((1, 2, 2, 4), -1.0)
    np.testing.assert_array_equal(image_ops.check_rgb(clear), jnp.ones((1, 2, 2, 3)))
    with pytest.raises(ValueError, match="channels last"):
        image_ops.check_rgb(jnp.zeros((1, 2, 2, 2)))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channels_of_pictures_on_disk(dtype):
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    picture = levels if dtype == np.uint8 else images.from_uint8(levels)
    for channels in (1, 3, 4):
        changed = images.with_channels(picture, channels)
        assert changed.dtype == dtype
        assert changed.shape == (5, 6, channels)
    opaque = images.with_channels(picture, 4)
    np.testing.assert_allclose(images.with_channels(opaque, 3), picture, atol=1e-5)
    luma = levels @ np.array([0.299, 0.587, 0.114])
    gray = images.to_uint8(images.with_channels(picture, 1))[..., 0]
    assert np.max(np.abs(gray - luma)) <= 1
