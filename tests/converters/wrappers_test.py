"""Whatever a program wraps around a network, it is found and named; or told why not."""

import jax
import numpy as np
import pytest
from flax import nnx

import converters
from converters.formats import kinds, persistence, unsupported
from converters.readers import contents
from tests.golden import layouts, recipe


@pytest.fixture(scope="module")
def rosinality(golden_path):
    """A generator's state dict, and its mean latent."""
    tree = contents.read(golden_path / "sg2_rosinality_r32/checkpoint.pt").tree
    return dict(tree["g_ema"]), tree["latent_avg"]


def _prefixed(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


WRAPPED = {
    "plain": lambda g, avg: {"g_ema": g, "latent_avg": avg},
    "state_dict": lambda g, avg: {"state_dict": g, "latent_avg": avg},
    "generator": lambda g, avg: {"generator": g, "latent_avg": avg},
    "params_ema": lambda g, avg: {"params_ema": g, "latent_avg": avg},
    "models": lambda g, avg: {"models": {"g_ema": g, "latent_avg": avg}, "epoch": 3},
    "model": lambda g, avg: {"model": {"generator": g}, "latent_avg": avg},
    "G_ema": lambda g, avg: {"G_ema": g, "latent_avg": avg, "iteration": 5},
    "bare": lambda g, avg: {**g, "latent_avg": avg},
    "module.": lambda g, avg: {**_prefixed(g, "module."), "latent_avg": avg},
    "module. in g_ema": lambda g, avg: {
        "g_ema": _prefixed(g, "module."),
        "latent_avg": avg,
    },
    "compiled": lambda g, avg: {"g": _prefixed(g, "_orig_mod."), "latent_avg": avg},
    "generator.": lambda g, avg: {
        "state_dict": _prefixed(g, "generator."),
        "latent_avg": avg,
    },
    "decoder beside an unknown network": lambda g, avg: {
        "state_dict": _prefixed(g, "decoder.") | {"hypernet.a.weight": np.ones((2, 2))},
        "latent_avg": avg,
    },
}


def _equal(left, right):
    assert left.config == right.config
    trees = (nnx.to_pure_dict(nnx.state(module)) for module in (left, right))
    jax.tree.map(np.testing.assert_array_equal, *trees)


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_generators(rosinality, name):
    tree = WRAPPED[name](*rosinality)
    assert [kind.name for kind in kinds.recognize(tree)] == ["rosinality"]
    found = converters.convert(tree)
    _equal(found, converters.convert(WRAPPED["plain"](*rosinality)))
    assert found.config.w_avg_source == "file"


def test_several_networks_are_told_apart(rosinality):
    g, avg = rosinality
    other = dict(g)
    other["to_rgb1.bias"] = other["to_rgb1.bias"] + 1
    tree = {"generator": other, "generator_ema": g, "latent_avg": avg}
    finding = kinds.find(tree)
    assert finding.parts == ("G_ema", "G")
    default = converters.convert(tree)
    _equal(default, converters.convert({"g_ema": g, "latent_avg": avg}))
    trained = converters.convert(tree, part="generator")
    assert np.any(
        trained.synthesis.b4.torgb.bias[...] != default.synthesis.b4.torgb.bias[...]
    )
    with pytest.raises(converters.ConversionError, match="the parts: 'G_ema', 'G'"):
        converters.convert(tree, part="D")


@pytest.fixture(scope="module")
def nvidia(golden_path):
    return contents.read(golden_path / "sg2ada_skip_r32/network.pkl").tree["G_ema"]


NVIDIA = {
    "bare": lambda state: state,
    "under NVIDIA's key": lambda state: {"G_ema": state, "D": None},
    "data-parallel": lambda state: _prefixed(state, "module."),
    "data-parallel parts": lambda state: {
        name.replace("synthesis.", "synthesis.module."): value
        for name, value in state.items()
    },
}


@pytest.mark.parametrize("name", NVIDIA)
def test_state_dicts_of_nvidia(nvidia, name):
    state = persistence.state_dict(nvidia)
    tree = NVIDIA[name](state)
    assert [kind.name for kind in kinds.recognize(tree)] == ["nvidia_state_dict"]
    found = kinds.convert_noting(tree)
    _equal(found.network, converters.convert({"G_ema": nvidia}))
    assert found.assumed == {"conv_clamp": None, "lr_multiplier": 0.01}


def test_a_synthesis_network_alone(nvidia):
    state = persistence.state_dict(nvidia)
    alone = {
        name.removeprefix("synthesis."): value
        for name, value in state.items()
        if name.startswith("synthesis.")
    }
    whole = converters.convert({"G_ema": nvidia})
    ws = np.ones((1, whole.config.num_ws, whole.config.w_dim), np.float32)
    pictures = jax.jit(lambda g, ws: g.synthesis(ws))(whole, ws)
    record = persistence.submodule(nvidia, "synthesis")
    for tree in (alone, _prefixed(alone, "synthesis."), {"G": record}):
        found = kinds.convert_noting(tree)
        got = jax.jit(lambda g, ws: g.synthesis(ws))(found.network, ws)
        np.testing.assert_allclose(got, pictures, rtol=1e-5, atol=1e-5)
        assert found.assumed["mapping"].startswith("none: the file has the synthesis")


@pytest.mark.parametrize("name", ["sg3_t_r32", "sg3_r_r32_cond"])
def test_state_dicts_of_stylegan3(golden, name):
    record = contents.read(golden / name / "network.pkl").tree["G_ema"]
    state = persistence.state_dict(record)
    assert [kind.name for kind in kinds.recognize(state)] == [
        "nvidia_stylegan3_state_dict"
    ]
    whole = converters.convert({"G_ema": record})
    given = {"conv_clamp": whole.config.conv_clamp}
    found = kinds.convert_noting({"g_ema": state}, given=given)
    assert found.assumed == {"lr_multiplier": 0.01}
    names = [spec.name for spec in whole.config.layers]
    assert [spec.name for spec in found.network.config.layers] == names


def test_an_unknown_encoder_leaves_the_generator(rosinality):
    g, avg = rosinality
    state = _prefixed(g, "decoder.") | {"encoder.odd.weight": np.ones((2, 2))}
    tree = {"state_dict": state, "latent_avg": avg, "opts": {"encoder_type": "Odd"}}
    with pytest.raises(converters.ConversionError, match="part='G_ema'"):
        converters.convert(tree)
    _equal(
        converters.convert(tree, part="G_ema"),
        converters.convert({"g_ema": g} | {"latent_avg": avg}),
    )


def test_encoders_of_sketches_and_segmentations():
    state = {
        f"encoder.{name}": value
        for name, value in layouts.w_encoder().items()
        if "linear" not in name
    }
    for row in range(4):
        for k in range(5 + (row == 3)):
            num_in = 8 if k else 48
            name = f"encoder.styles.{row}.convs.{2 * k}"
            state[f"{name}.weight"] = np.ones((8, num_in, 3, 3), np.float32)
            state[f"{name}.bias"] = np.ones(8, np.float32)
        state[f"encoder.styles.{row}.linear.weight"] = np.ones((8, 8), np.float32)
        state[f"encoder.styles.{row}.linear.bias"] = np.ones(8, np.float32)
    for index, width in ((1, 32), (2, 16)):
        state[f"encoder.latlayer{index}.weight"] = np.ones(
            (48, width, 1, 1), np.float32
        )
        state[f"encoder.latlayer{index}.bias"] = np.ones(48, np.float32)
    for channels in (1, 19):
        stem = np.ones((16, channels, 3, 3), np.float32)
        tree = {"state_dict": {**state, "encoder.input_layer.0.weight": stem}}
        encoder = converters.convert(tree)
        assert encoder.config.picture_channels == channels
        with pytest.raises(ValueError, match=f"H, W, {channels}"):
            encoder(np.zeros((1, 64, 64, 3), np.float32))


def test_vggs_are_told_apart(golden):
    state = recipe.state_dict(golden / "net_lpips", "vgg_trunk")
    assert [k.name for k in kinds.recognize(state)] == ["vgg16"]
    kernel, bias = np.zeros((2, 2, 3, 3), np.float32), np.zeros(2, np.float32)
    for name, indices in {
        "vgg11": (0, 3, 6, 8, 11, 13, 16, 18),
        "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
    }.items():
        tree = {f"features.{k}.weight": kernel for k in indices}
        tree["features.0.weight"] = np.zeros((2, 3, 3, 3), np.float32)
        tree |= {f"features.{k}.bias": bias for k in indices}
        assert [k.name for k in kinds.recognize(tree)] == [name]
        network = converters.convert(tree)
        assert sum(map(len, network.config.channels)) == len(indices)
        with pytest.raises(converters.ConversionError, match="the trunk must be VGG16"):
            kinds.lpips_layouts.join(tree)
    assert [k.name for k in kinds.recognize(layouts.vgg_bn())] == ["vgg16_bn"]


def test_whole_lpips_modules(golden):
    trunk = recipe.state_dict(golden / "net_lpips", "alex_trunk")
    heads = contents.read(golden / "net_lpips/lpips_lin_alex.pth").tree
    expected = kinds.lpips_layouts.join(trunk, heads)
    slices = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    whole = {"scaling_layer.shift": np.zeros((1, 3, 1, 1)), **heads}
    inner = {"net.mean": np.zeros((1, 3, 1, 1))}
    for name, value in trunk.items():
        index = name.split(".")[1]
        if name.startswith("features"):
            rest = name.removeprefix("features.")
            whole[f"net.slice{slices[int(index)]}.{rest}"] = value
            inner[f"net.layers.{rest}"] = value
    for k in range(5):
        whole[f"lins.{k}.model.1.weight"] = heads[f"lin{k}.model.1.weight"]
        inner[f"lin.{k}.1.weight"] = heads[f"lin{k}.model.1.weight"]
    for tree in (whole, {"state_dict": _prefixed(whole, "model.")}, inner):
        assert [k.name for k in kinds.recognize(tree)] == ["lpips_whole"]
        _equal(converters.convert(tree), expected)


@pytest.mark.parametrize("kind", [kind.name for kind in kinds.KINDS])
@pytest.mark.parametrize(
    "tree",
    [
        {"encoder.a.weight": np.ones((2, 2))},
        {"a": {"b": np.ones(2)}, "c": 3},
        {},
        [1, 2],
        np.ones(3),
        {"lin0.model.1.weight": np.ones(3), 5: "x"},
    ],
    ids=["state dict", "nested", "empty", "list", "array", "odd keys"],
)
def test_a_named_kind_says_what_is_missing(tree, kind):
    with pytest.raises(converters.ConversionError) as error:
        converters.convert(tree, kind=kind)
    text = str(error.value)
    assert "it lacks" in text or "LPIPS heads" in text
    assert not any(name in text for name in ("KeyError", "IndexError", "StopIteration"))


def test_a_wrong_kind_names_the_right_one(rosinality):
    tree = WRAPPED["state_dict"](*rosinality)
    with pytest.raises(converters.ConversionError, match="it is 'rosinality'"):
        converters.convert(tree, kind="psp")


UNSUPPORTED = [
    (layout.name, entries)
    for layout in unsupported.LAYOUTS
    for entries in layout.entries
]


@pytest.mark.parametrize(("name", "entries"), UNSUPPORTED)
def test_known_layouts_are_answered_in_a_sentence(name, entries):
    array = np.ones((2, 2), np.float32)
    tree = dict.fromkeys(entries, array)
    for wrapped in (tree, {"params_ema": tree}, _prefixed(tree, "module.")):
        with pytest.raises(converters.ConversionError) as error:
            converters.convert(wrapped)
        assert f"this is {name}, known and not supported: " in str(error.value)
        assert str(error.value).count("; ") >= 1  # what to do


def test_pictures_that_are_not_square(rosinality):
    g, _ = rosinality
    tree = {"g_ema": {**g, "input.input": g["input.input"][..., :2]}}
    with pytest.raises(converters.ConversionError, match="not square"):
        converters.convert(tree)


def test_the_first_line_names_the_network(golden, tmp_path):
    found = converters.inspect(golden / "sg2_rosinality_r32/checkpoint.pt")
    assert "StyleGAN2 of rosinality" in str(found).splitlines()[0]
    path = tmp_path / "x.npz"
    for tree, expected in {
        "idinvert_generator": "StyleGAN1 .pth of in-domain inversion",
        "genforce_stylegan2": "StyleGAN2 .pth of genforce/genforce",
        "w_encoder": "W encoder of e4e and HyperStyle",
        "vgg_bn": "VGG16 with batch normalization",
    }.items():
        np.savez(path, **getattr(layouts, tree)())
        assert expected in str(converters.inspect(path)).splitlines()[0]
    np.savez(path, **{"condition_scale.0.0.weight": np.ones(2)})  # pyright: ignore
    lines = str(converters.inspect(path)).splitlines()
    assert "GFPGAN (known, not supported)" in lines[0]
    assert "take an FFHQ generator" in lines[1]


def test_values_that_the_file_lacks_can_be_given(rosinality):
    g, avg = rosinality
    silent = {name: v for name, v in g.items() if not name.startswith("noises")}
    tree = {"g_ema": silent, "latent_avg": avg}
    found = kinds.convert_noting(tree)
    assert found.assumed == {"lr_multiplier": 0.01, "noise_seed": 0}
    given = kinds.convert_noting(tree, given={"lr_multiplier": 0.1, "noise_seed": 4})
    assert not given.assumed
    assert given.network.config.lr_multiplier == 0.1
    planes = [x.network.synthesis.b8.conv0.noise_const[...] for x in (found, given)]
    assert np.any(planes[0] != planes[1])
    with pytest.raises(converters.ConversionError, match="nothing is assumed about"):
        kinds.convert_noting(tree, given={"group_size": 4})


def test_shared_and_endless_trees_are_looked_through_once():
    tree = {}
    tree["a"] = tree
    assert kinds.recognize(tree) == ()
    table = {f"x{k}.y.weight": np.ones(1) for k in range(50)}
    for _ in range(6):
        table = {f"k{k}": table for k in range(50)}
    assert kinds.recognize(table) == ()
