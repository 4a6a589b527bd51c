"""Published configurations: the numbers of the official code."""

import dataclasses

import pytest

from jax_encoder.training import gan_presets


def test_configuration_f_of_the_paper():
    preset = gan_presets.preset("stylegan2", 1024)
    assert preset.generator.channels == (512,) * 5 + (256, 128, 64, 32)
    assert preset.generator.num_mapping_layers == 8
    assert preset.discriminator.group_size == 4
    training = preset.training
    assert (training.batch_size, training.learning_rate) == (32, 0.002)
    assert (training.r1_gamma, training.ema_half_life) == (10.0, 10_000.0)
    assert (training.r1_interval, training.path_interval) == (16, 4)
    assert (training.mixing_probability, training.path_weight) == (0.9, 2.0)


@pytest.mark.parametrize(
    ("resolution", "num_devices", "batch", "gamma", "width"),
    [(256, 1, 16, 0.8192, 64), (1024, 8, 32, 6.5536, 32), (64, 2, 64, 0.0128, 256)],
)
def test_auto_follows_its_rules(resolution, num_devices, batch, gamma, width):
    preset = gan_presets.preset("auto", resolution, num_devices=num_devices)
    assert preset.training.batch_size == batch
    assert preset.training.r1_gamma == pytest.approx(gamma)
    assert preset.generator.channels[-1] == width
    assert preset.generator.num_mapping_layers == 2
    assert preset.training.ema_rampup == 0.05


def test_cifar_has_no_path_length_and_no_mixing():
    preset = gan_presets.preset("cifar", 32)
    assert preset.training.path_interval == 0
    assert preset.training.mixing_probability == 0.0
    assert preset.discriminator.architecture == "orig"
    assert preset.discriminator.group_size == 32


@pytest.mark.parametrize("name", gan_presets.NAMES)
def test_every_preset_can_be_made_and_hashed(name):
    preset = gan_presets.preset(name, 64)
    assert preset.generator.resolution == preset.discriminator.resolution == 64
    for config in (preset.generator, preset.discriminator, preset.training):
        assert hash(config) == hash(dataclasses.replace(config))


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="paper256"):
        gan_presets.preset("paper", 64)
