"""Exports are read back bit for bit, by us and by other programs' readers."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors import numpy as safetensors_numpy

import converters
from converters.formats import persistence
from converters.readers import contents
from converters.writers import export
from jax_encoder.nn import stylegan2


def equal(left, right):
    assert left.config == right.config
    trees = (nnx.to_pure_dict(nnx.state(module)) for module in (left, right))
    jax.tree.map(np.testing.assert_array_equal, *trees)


def test_rosinality(golden, tmp_path):
    source = golden / "sg2_rosinality_r32" / "checkpoint.pt"
    generator = converters.load(source)
    with pytest.warns(UserWarning, match=r"cannot have the channels \{4: "):
        export.rosinality(generator, tmp_path / "x.pt")
    equal(converters.load(tmp_path / "x.pt"), generator)
    ours = contents.read(tmp_path / "x.pt").tree
    theirs = contents.read(source).tree
    assert ours["g_ema"].keys() == theirs["g_ema"].keys()
    for name, array in theirs["g_ema"].items():
        # Their blur kernels were computed in float32.
        np.testing.assert_allclose(ours["g_ema"][name], array, rtol=1e-6, err_msg=name)
        assert ours["g_ema"][name].shape == array.shape


@pytest.mark.parametrize(
    "name", ["sg2ada_resnet_cond_r16", "sg2ada_skip_cond_r64_nhwc", "sg2ada_skip_r32"]
)
def test_nvidia(golden, tmp_path, name):
    source = golden / name / "network.pkl"
    generator = converters.load(source)
    path = tmp_path / "x.safetensors"
    export.nvidia(generator, path)
    equal(converters.load(path), generator)
    ours = safetensors_numpy.load_file(path)
    theirs = persistence.state_dict(contents.read(source).tree["G_ema"])
    assert ours.keys() == theirs.keys()
    for key, array in theirs.items():
        np.testing.assert_array_equal(ours[key], array)


def make(**options):
    config = stylegan2.StyleGAN2Config(
        **{
            "resolution": 8,
            "z_dim": 6,
            "w_dim": 6,
            "channels": (4, 4),
            "num_mapping_layers": 1,
            **options,
        }
    )
    module = nnx.eval_shape(
        lambda: stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))
    )
    graphdef, state = nnx.split(module)
    state = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), state)
    return nnx.merge(graphdef, state)


def test_what_rosinality_cannot_do_is_refused(tmp_path):
    with pytest.raises(converters.ConversionError, match="output skips, no labels"):
        export.rosinality(make(architecture="resnet", c_dim=2), tmp_path / "x.pt")
    with pytest.raises(converters.ConversionError, match="only StyleGAN2"):
        export.nvidia(object(), tmp_path / "x.safetensors")
    with pytest.warns(UserWarning, match="channels|clamp") as warned:
        export.rosinality(make(conv_clamp=256.0), tmp_path / "x.pt")
    texts = [str(warning.message) for warning in warned]
    assert "cannot have the channels {4: 4, 8: 4}" in texts[0]
    assert "does not clamp activations at 256.0" in texts[1]
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]


def test_other_shapes_return(tmp_path):
    generator = make(
        z_dim=5,
        hidden_dim=7,
        num_mapping_layers=3,
        image_channels=1,
        conv_clamp=2.0,
        lr_multiplier=0.1,
        taps=(1.0, 2.0, 1.0),
        architecture="orig",
    )
    export.nvidia(generator, tmp_path / "x.safetensors")
    found = converters.load(tmp_path / "x.safetensors")
    taps = found.config.taps
    np.testing.assert_allclose(taps, (0.25, 0.5, 0.25), rtol=1e-6)
    config = dataclasses.replace(found.config, taps=generator.config.taps)
    assert config == generator.config


@pytest.mark.torch
def test_torch_reads_both(golden, tmp_path):
    import torch
    from safetensors import torch as safetensors_torch

    source = golden / "sg2_rosinality_r32" / "checkpoint.pt"
    generator = converters.load(source)
    with pytest.warns(UserWarning, match="cannot have the channels"):
        export.rosinality(generator, tmp_path / "x.pt")
    export.nvidia(generator, tmp_path / "x.safetensors")
    ours = torch.load(tmp_path / "x.pt", weights_only=True)
    theirs = torch.load(source, weights_only=True)
    for name, tensor in theirs["g_ema"].items():
        torch.testing.assert_close(ours["g_ema"][name], tensor, rtol=1e-6, atol=0)
    torch.testing.assert_close(ours["latent_avg"], theirs["latent_avg"])
    state = safetensors_torch.load_file(tmp_path / "x.safetensors")
    torch.testing.assert_close(
        state["mapping.fc0.weight"], theirs["g_ema"]["style.1.weight"]
    )
