"""Configs of the networks survive JSON, as bundles need, and are hashable."""

import dataclasses
import json

import pytest

from jax_encoder.nn import (
    alexnet,
    encoder_decoder,
    inception,
    irse,
    latent_discriminator,
    lpips,
    regressors,
    resnet,
    squeezenet,
    style_encoder,
    stylegan2,
    vgg,
)

CONFIGS = [
    alexnet.AlexNetConfig(),
    inception.InceptionConfig(),
    irse.IRSEConfig(),
    latent_discriminator.LatentDiscriminatorConfig(),
    lpips.LPIPSConfig(trunk="squeeze"),
    regressors.DescriptorHeadConfig(),
    regressors.DescriptorToLatentConfig(),
    regressors.ImageToLandmarksConfig(),
    regressors.ImageToLatentConfig(),
    resnet.vggface2_config(),
    squeezenet.SqueezeNetConfig(),
    style_encoder.StyleEncoderConfig(is_progressive=True),
    vgg.vgg_face_config(),
    encoder_decoder.EncoderDecoderConfig(
        encoder=style_encoder.StyleEncoderConfig(num_ws=4, w_dim=16),
        decoder=stylegan2.StyleGAN2Config(resolution=8, w_dim=16, channels=(4, 4)),
    ),
]


def _tuples(value):
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_configs_survive_json(config):
    fields = json.loads(json.dumps(dataclasses.asdict(config)))
    again = type(config)(**_tuples(fields))
    assert again == config
    assert hash(again) == hash(config)


def test_an_inverters_encoder_must_fit_its_generator():
    with pytest.raises(ValueError, match=r"it gives \(18, 512\), not \(4, 512\)"):
        encoder_decoder.EncoderDecoderConfig(
            encoder=style_encoder.StyleEncoderConfig(),
            decoder=stylegan2.StyleGAN2Config(resolution=8, channels=(4, 4)),
        )
