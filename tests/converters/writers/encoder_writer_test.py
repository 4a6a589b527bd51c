"""What is written is what was read: names, shapes, values, options."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import converters
from converters.writers import encoder_writer, export
from jax_encoder.nn import encoder_decoder, small_encoder, style_encoder, stylegan2
from tests.golden import recipe

FIXTURES = ("net_e4e_n10", "net_psp_n8", "net_restyle_resnet_n4")
GENERATOR = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(512, 512), num_mapping_layers=2
)
ENCODER = style_encoder.StyleEncoderConfig(
    num_ws=4, w_dim=8, widths=(16, 32, 48, 64), depths=(1, 1, 1, 1)
)


@pytest.mark.parametrize("name", FIXTURES)
def test_the_state_dict_is_the_published_one(golden, name):
    state = recipe.state_dict(golden / name)
    kind = {"e4e": "e4e", "psp": "psp"}.get(name.split("_")[1], "restyle_psp")
    found = encoder_writer.encoder_state(converters.convert(state, kind=kind))
    found = {f"encoder.{key}": value for key, value in found.items()}
    assert found.keys() == state.keys()
    for key, value in state.items():
        assert found[key].shape == np.shape(value), key
        if not key.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(found[key], value, err_msg=key)


def _pair(**changes):
    config = dataclasses.replace(ENCODER, **changes)

    def make():
        encoder = style_encoder.StyleEncoder(config, rngs=nnx.Rngs(0))
        generator = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(1))
        return encoder_decoder.join(encoder, generator, num_steps=3)

    network = nnx.eval_shape(make)
    rng = np.random.default_rng(0)
    graphdef, state = nnx.split(network)
    state = jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), state)
    network = nnx.merge(graphdef, state)
    # The layout holds one mean for both.
    mean = jnp.mean(network.latent_avg[...], axis=0)
    network.latent_avg.set_value(jnp.broadcast_to(mean, network.latent_avg.shape))
    network.decoder.w_avg.set_value(mean)
    return network


CASES = {
    "psp": {},
    "e4e": {"is_progressive": True},
    "restyle": {"in_channels": 6, "is_pyramid": False, "is_progressive": True},
    "resnet": {
        "in_channels": 6,
        "is_pyramid": False,
        "backbone": "resnet34",
        "widths": (16, 32, 64, 128),
    },
}


@pytest.mark.filterwarnings("ignore:rosinality's generator cannot have the channels")
@pytest.mark.parametrize("case", CASES)
def test_a_whole_file_comes_back(case, tmp_path):
    network = _pair(**CASES[case])
    encoder_writer.whole(network, tmp_path / "x.pt")
    again = converters.load(tmp_path / "x.pt")
    assert again.config.encoder == network.config.encoder
    steps = 3 if "in_channels" in CASES[case] else 1
    assert again.config.num_steps == steps
    wanted = dict(nnx.to_flat_state(nnx.state(network)))
    found = dict(nnx.to_flat_state(nnx.state(again)))
    assert found.keys() == wanted.keys()
    for path, leaf in found.items():
        np.testing.assert_array_equal(leaf[...], wanted[path][...], err_msg=str(path))


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:rosinality's generator cannot have the channels")
def test_torch_reads_it(tmp_path):
    torch = pytest.importorskip("torch")
    network = _pair()
    encoder_writer.whole(network, tmp_path / "x.pt")
    tree = torch.load(tmp_path / "x.pt", weights_only=True)
    state, wanted = tree["state_dict"], encoder_writer.encoder_state(network.encoder)
    decoder = export.rosinality_state(network.decoder)
    assert len(state) == len(wanted) + len(decoder)
    for key, value in wanted.items():
        np.testing.assert_array_equal(state[f"encoder.{key}"].numpy(), value)
    head = torch.nn.Sequential()
    head.convs = torch.nn.Sequential(torch.nn.Conv2d(64, 8, 3, 2, 1))
    part = {k: v for k, v in state.items() if k.startswith("encoder.styles.0.convs.0.")}
    renamed = {k.removeprefix("encoder.styles.0."): v for k, v in part.items()}
    head.load_state_dict(renamed, strict=True)
    assert tree["opts"]["encoder_type"] == "GradualStyleEncoder"


def test_what_they_do_not_have_is_refused(tmp_path):
    config = small_encoder.SmallEncoderConfig(num_ws=4, w_dim=8, input_size=(16, 16))
    small = small_encoder.SmallEncoder(config, rngs=nnx.Rngs(0))
    with pytest.raises(converters.ConversionError, match="have no such encoder"):
        encoder_writer.encoder_state(small)
    with pytest.raises(converters.ConversionError, match="encoder_decoder.join"):
        encoder_writer.whole(small, tmp_path / "x.pt")
    assert not list(tmp_path.iterdir())
