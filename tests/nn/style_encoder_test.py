import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from converters.formats import encoder_layouts
from jax_encoder.nn import style_encoder
from tests import reference

CASES = {
    "net_psp_n8": "psp",
    "net_e4e_n10": "e4e",
    "net_restyle_psp_n6": "restyle_psp",
    "net_restyle_resnet_n4": "restyle_e4e",
}
# The same code as the four above, in the one combination of them that is left.
SLOW = pytest.param("net_restyle_e4e_n8", "restyle_e4e", marks=pytest.mark.slow)


@jax.jit
def _encode(network, pictures):
    stages = {}
    if network.config.is_progressive:
        stages = {k: network(*pictures, stage=k) for k in range(network.config.num_ws)}
    maps = dict(network.backbone.stages(jnp.concatenate(pictures, axis=-1)))
    return network(*pictures), stages, maps


@pytest.mark.parametrize(("name", "kind"), [*CASES.items(), SLOW])
def test_equals_the_reference_layer_by_layer(golden, name, kind):
    fixture = reference.Reference(golden / name)
    network = reference.convert(golden / name, kind=kind)
    inputs = [k for k in ("image_u8", "avg_image_u8") if k in fixture.arrays]
    pictures = [reference.images(fixture[k]) for k in inputs]
    ws, stages, maps = _encode(network, pictures)
    fixture.check("codes", ws)
    fixture.check("codes_plus_avg", ws + fixture["latent_avg"][None])
    for key in fixture.arrays:
        if key.startswith("codes_stage"):
            fixture.check(key, stages[int(key[-2:])])
        if key.startswith("feat/"):
            tap = key.removeprefix("feat/")
            fixture.check_tap(tap, maps[_map_name(tap, network.config)])


def _map_name(tap, config):
    if config.backbone == "irse50":
        return tap.replace("body.", "body_")
    return encoder_layouts._stage_block(int(tap.removeprefix("body.")), config.depths)


@pytest.fixture(scope="module")
def small():
    config = style_encoder.StyleEncoderConfig(
        num_ws=4,
        w_dim=5,
        in_channels=6,
        is_pyramid=False,
        is_progressive=True,
        input_size=(12, 16),
        widths=(16, 16, 16),
        depths=(1, 1, 1),
    )
    return style_encoder.StyleEncoder(config, rngs=nnx.Rngs(0))


def test_pictures_of_any_size_and_oblong_inputs(small):
    images = np.zeros((2, 24, 32, 3), np.float32)
    assert jax.jit(lambda f, x: f(x, x))(small, images).shape == (2, 4, 5)


def test_errors(small):
    images = np.zeros((2, 12, 16, 3), np.float32)
    with pytest.raises(ValueError, match="takes 6 channels"):
        small(images)
    with pytest.raises(ValueError, match="One reconstruction per picture"):
        small(images, images[:1])
    with pytest.raises(ValueError, match="neither a pyramid nor"):
        style_encoder.StyleEncoderConfig(is_shared=True)
    with pytest.raises(ValueError, match="three stages or more"):
        style_encoder.StyleEncoderConfig(depths=(1, 2))
    with pytest.raises(ValueError, match="whole number from 1 to 64"):
        style_encoder.StyleEncoderConfig(in_channels=0)
    with pytest.raises(ValueError, match='"irse50" or "resnet34"'):
        style_encoder.StyleEncoderConfig(backbone="vgg")
    plain = style_encoder.StyleEncoderConfig(
        num_ws=2, w_dim=2, widths=(16, 16, 16), depths=(1, 1, 1)
    )
    network = nnx.eval_shape(
        lambda: style_encoder.StyleEncoder(plain, rngs=nnx.Rngs(0))
    )
    with pytest.raises(ValueError, match="no progressive stages"):
        network(images, stage=1)
