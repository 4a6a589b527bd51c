"""Whole published files of pSp, e4e and ReStyle, in small."""

import jax
import numpy as np
import pytest

import converters
from converters.readers import contents
from jax_encoder import io
from jax_encoder.nn import encoder_decoder, stylegan2
from jax_encoder.nn import latent_discriminator as discriminators

WIDTHS = (16, 32, 48, 64)
NUM_WS = 8


def _block(arrays, prefix, num_in, width):
    shapes = {
        "res_layer.1.weight": (width, num_in, 3, 3),
        "res_layer.2.weight": (width,),
        "res_layer.3.weight": (width, width, 3, 3),
        "res_layer.5.fc1.weight": (width // 16, width, 1, 1),
        "res_layer.5.fc2.weight": (width, width // 16, 1, 1),
    }
    norms = {"res_layer.0": num_in, "res_layer.4": width}
    if num_in != width:
        shapes["shortcut_layer.0.weight"] = (width, num_in, 1, 1)
        norms["shortcut_layer.1"] = width
    _add(arrays, prefix, shapes, norms)


def _add(arrays, prefix, shapes, norms):
    rng = np.random.default_rng(len(arrays))
    for name, shape in shapes.items():
        scale = 0.5 / np.sqrt(np.prod(shape[1:]))
        arrays[f"{prefix}{name}"] = rng.normal(size=shape).astype(np.float32) * scale
    for name, width in norms.items():
        for rest in ("weight", "bias", "running_mean", "running_var"):
            value = rng.uniform(0.5, 1, width).astype(np.float32)
            arrays[f"{prefix}{name}.{rest}"] = value
        arrays[f"{prefix}{name}.num_batches_tracked"] = np.array(3)


def _encoder(w_dim, in_channels, is_pyramid):
    arrays, num_in = {}, WIDTHS[0]
    stem = {"0.weight": (num_in, in_channels, 3, 3), "2.weight": (num_in,)}
    _add(arrays, "input_layer.", stem, {"1": num_in})
    for index, width in enumerate(WIDTHS):
        _block(arrays, f"body.{index}.", num_in, width)
        num_in = width
    for row in range(NUM_WS):
        level = (0 if row < 3 else 1 if row < 7 else 2) if is_pyramid else 0
        shapes = {"linear.weight": (w_dim, w_dim), "linear.bias": (w_dim,)}
        for index in range(4 + level):
            num = w_dim if index else num_in
            shapes[f"convs.{2 * index}.weight"] = (w_dim, num, 3, 3)
            shapes[f"convs.{2 * index}.bias"] = (w_dim,)
        _add(arrays, f"styles.{row}.", shapes, {})
    for index in (1, 2) if is_pyramid else ():
        shapes = {"weight": (num_in, WIDTHS[-1 - index], 1, 1), "bias": (num_in,)}
        _add(arrays, f"latlayer{index}.", shapes, {})
    return {f"encoder.{name}": value for name, value in arrays.items()}


@pytest.fixture(scope="module")
def decoder_state(request):
    folder = request.config.rootpath / "tests/golden/sg2_rosinality_r32"
    return contents.read(folder / "checkpoint.pt").tree["g_ema"]


def _file(decoder_state, encoder_type, in_channels=3, **options):
    w_dim = decoder_state["convs.0.conv.modulation.weight"].shape[1]
    state = _encoder(w_dim, in_channels, is_pyramid=in_channels == 3)
    state |= {f"decoder.{name}": value for name, value in decoder_state.items()}
    rng = np.random.default_rng(1)
    return {
        "state_dict": state,
        "latent_avg": rng.normal(size=(NUM_WS, w_dim)).astype(np.float32),
        "opts": {"encoder_type": encoder_type, **options},
    }


@pytest.fixture
def images():
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3))
    return pictures.astype(np.float32)


def test_e4e_file_maps_pictures_to_ws_of_its_generator(decoder_state, images, tmp_path):
    tree = _file(decoder_state, "Encoder4Editing", start_from_latent_avg=True)
    network = converters.convert(tree)
    assert isinstance(network, encoder_decoder.EncoderDecoder)
    assert network.config.encoder.is_progressive
    ws = jax.jit(lambda network, x: network(x))(network, images)
    assert ws.shape == (2, NUM_WS, network.config.decoder.w_dim)
    encoder = converters.convert(tree, part="encoder")
    relative = jax.jit(lambda network, x: network(x))(encoder, images)
    expected = relative + tree["latent_avg"][None]
    np.testing.assert_allclose(ws, expected, rtol=1e-5, atol=1e-6)
    assert network.decoder.synthesis(ws).shape == (2, 32, 32, 3)
    with pytest.raises(ValueError, match="in a single step, not in 3"):
        network(images, num_steps=3)
    io.bundles.save(network, tmp_path / "bundle")
    again = io.bundles.load(tmp_path / "bundle")
    assert again.config == network.config
    np.testing.assert_array_equal(again.latent_avg[...], tree["latent_avg"])


def test_restyle_file_refines_from_the_average_picture(decoder_state, images):
    tree = _file(decoder_state, "BackboneEncoder", 6, n_iters_per_batch=2)
    network = converters.convert(tree)
    assert network.config.num_steps == 2
    steps = jax.jit(lambda network, x: network.steps(x))(network, images)
    one = jax.jit(lambda network, *x: network.encoder(*x))
    ws = np.broadcast_to(tree["latent_avg"][None], steps.shape[1:])
    for step in steps:
        ws = ws + one(network, images, network.reconstruct(ws))
        np.testing.assert_allclose(step, ws, rtol=1e-3, atol=1e-4)


def test_restyle_file_runs_as_it_is_called_too(decoder_state, images):
    tree = _file(decoder_state, "BackboneEncoder", 6, n_iters_per_batch=1)
    network = converters.convert(tree)
    compiled = jax.jit(lambda network, x: network(x))(network, images)
    np.testing.assert_allclose(network(images), compiled, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        network(jax.numpy.asarray(images)), compiled, rtol=1e-3, atol=1e-4
    )
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        network(images * 255)
    with pytest.raises(ValueError, match="must be positive"):
        network(images, num_steps=0)


def test_parts_of_a_file(decoder_state):
    tree = _file(decoder_state, "GradualStyleEncoder")
    rng = np.random.default_rng(0)
    tree["discriminator_state_dict"] = {
        "mlp.0.weight": rng.normal(size=(4, 4)).astype(np.float32),
        "mlp.0.bias": np.zeros(4, np.float32),
        "mlp.2.weight": rng.normal(size=(1, 4)).astype(np.float32),
        "mlp.2.bias": np.zeros(1, np.float32),
    }
    assert not converters.convert(tree, part="encoder").config.is_progressive
    assert isinstance(
        converters.convert(tree, part="G_ema"), stylegan2.StyleGAN2Generator
    )
    judge = converters.convert(tree, part="latent_discriminator")
    assert isinstance(judge, discriminators.LatentDiscriminator)
    # Without a mean latent the generator's own is used, which is estimated.
    tree["latent_avg"] = None
    network = converters.convert(tree)
    assert network.config.decoder.w_avg_source == "estimated"
    rows = network.latent_avg[...]
    np.testing.assert_array_equal(rows, np.broadcast_to(rows[:1], rows.shape))
    assert np.any(rows != 0)


def test_content_cannot_tell_psp_from_e4e(decoder_state):
    tree = _file(decoder_state, "GradualStyleEncoder")
    bare = {k: v for k, v in tree["state_dict"].items() if k.startswith("encoder.")}
    with pytest.raises(converters.ConversionError, match="'psp', 'e4e'"):
        converters.convert(bare)
    assert converters.convert(bare, kind="e4e").config.is_progressive


def test_a_wrong_file_is_refused_with_what_differs(decoder_state):
    tree = _file(decoder_state, "GradualStyleEncoder")
    state = tree["state_dict"]
    state["encoder.body.1.res_layer.9.weight"] = np.zeros(3, np.float32)
    del state["encoder.styles.2.linear.bias"]
    with pytest.raises(converters.ConversionError) as error:
        converters.convert(tree)
    assert "missing: styles_2.linear.bias (" in str(error.value)
    assert "unused: backbone.body_1.res_layer.9.weight (3,)" in str(error.value)
    tree = _file(decoder_state, "GradualStyleEncoder")
    tree["latent_avg"] = np.zeros((3, tree["latent_avg"].shape[1]), np.float32)
    with pytest.raises(converters.ConversionError, match="3 rows"):
        converters.convert(tree)
