"""Networks of other programs' layouts, against references made in torch."""

import jax
import numpy as np
import pytest

import converters
from converters.formats import kinds
from tests.golden import layouts


@pytest.fixture(scope="module")
def expected(request):
    path = request.config.rootpath / "tests/golden/layouts.npz"
    with np.load(path) as arrays:
        return dict(arrays)


def _inputs():
    random = np.random.default_rng(0)
    z = random.normal(size=(2, layouts.W_DIM)).astype(np.float32)
    pictures = [
        (random.integers(-32, 33, (2, side, side, 3)) / 32).astype(np.float32)
        for side in (64, 32)
    ]
    return z, *pictures


def _check(expected, name, got, limit=1e-4):
    wanted = expected[name]
    assert got.shape == wanted.shape
    error = np.max(np.abs(np.asarray(got) - wanted)) / np.max(np.abs(wanted))
    assert error <= limit, f"{name}: off by {error:.2e} of the largest value"


@jax.jit
def _draw(generator, z):
    w = generator.mapping(z)
    rows = generator.config.num_ws
    ws = w if w.ndim == 3 else w[:, None].repeat(rows, 1)
    return w, generator.synthesis(ws)


@pytest.mark.parametrize(
    "name", ["genforce_stylegan1", "genforce_stylegan2", "idinvert_generator"]
)
def test_generators_equal_their_reference(expected, name):
    state = getattr(layouts, name)()
    generator = converters.convert(state)
    w, pictures = _draw(generator, _inputs()[0])
    _check(expected, f"{name}/w", w)
    _check(expected, f"{name}/pictures", pictures)
    np.testing.assert_array_equal(generator.w_avg[...], state["truncation.w_avg"])


def test_genforce_files_hold_three_networks():
    state = layouts.genforce_stylegan2(8)
    other = {**state, "truncation.w_avg": 0 * state["truncation.w_avg"]}
    tree = {"generator": other, "generator_smooth": state, "epoch": 3}
    found = converters.convert(tree)
    np.testing.assert_array_equal(found.w_avg[...], state["truncation.w_avg"])
    assert not np.any(converters.convert(tree, part="G").w_avg[...])


def test_generators_of_classes_are_refused():
    state = layouts.genforce_stylegan2(8)
    state["mapping.label_weight"] = np.zeros((3, 8), np.float32)
    with pytest.raises(converters.ConversionError, match="label_weight: a generator"):
        converters.convert(state)


def test_a_mean_per_row_and_a_strange_mapping():
    state = layouts.idinvert_generator(8)
    state["truncation.w_avg"] = np.arange(32, dtype=np.float32)
    rows = state["truncation.w_avg"].reshape(4, 8)
    found = converters.convert(state)
    np.testing.assert_allclose(found.w_avg[...], rows.mean(axis=0))
    state["mapping.dense2.fc.weight"] = np.zeros((24, 10), np.float32)
    with pytest.raises(converters.ConversionError, match="24 outputs for 4 rows"):
        converters.convert(state)


def _encode(encoder, images):
    return jax.jit(lambda network, x: network(x))(encoder, images)


@pytest.mark.parametrize("has_norm", [True, False])
def test_in_domain_encoder(expected, has_norm):
    encoder = converters.convert(layouts.idinvert_encoder(has_norm=has_norm))
    assert encoder.config.input_size == 32
    ws = _encode(encoder, _inputs()[2])
    if has_norm:
        _check(expected, "idinvert_encoder/ws", ws)
    assert ws.shape == (2, 8, 8)


def test_w_encoder_alone_and_in_a_file(expected):
    bare = layouts.w_encoder()
    state = {f"encoder.{name}": value for name, value in bare.items()}
    found = kinds.convert_noting(state)
    assert found.assumed == {"num_ws": 18}
    _check(expected, "w_encoder/ws", _encode(found.network, _inputs()[1]))
    opts = {"encoder_type": "BackboneEncoderUsingLastLayerIntoW", "stylegan_size": 64}
    in_file = converters.convert({"state_dict": state, "opts": opts})
    assert in_file.config.num_ws == 10
    assert converters.convert(bare).config == found.network.config


def test_resnet_encoder_with_a_pyramid(expected):
    bare = layouts.resnet_pyramid()
    state = {f"encoder.{name}": value for name, value in bare.items()}
    opts = {"encoder_type": "ResNetGradualStyleEncoder"}
    encoder = converters.convert({"state_dict": state, "opts": opts})
    assert encoder.config.is_pyramid
    assert encoder.config.backbone == "resnet34"
    _check(expected, "resnet_pyramid/ws", _encode(encoder, _inputs()[1]))


def test_vgg_with_batch_normalization(expected):
    network = converters.convert(layouts.vgg_bn())
    names = ["relu1_2", "relu3_3", "relu5_3"]
    features = jax.jit(lambda f, x: f.features(x, names))(network, _inputs()[2])
    for name in names:
        _check(expected, f"vgg_bn/{name}", features[name])


@pytest.mark.torch
def test_references_are_what_torch_computes(expected):
    pytest.importorskip("torch")
    from tests.golden import make_layouts

    for name, array in make_layouts.outputs().items():
        _check(expected, name, array, 1e-5)
