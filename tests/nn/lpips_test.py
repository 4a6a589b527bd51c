import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import converters
from converters.formats import lpips_layouts as lpips_converter
from converters.readers import contents
from jax_encoder.nn import lpips, vgg
from tests import reference

TRUNKS = ("vgg", "alex", "squeeze")


@functools.lru_cache(maxsize=1)
def _states(folder, trunk):
    state = reference.state_dict(folder, f"{trunk}_trunk")
    return state, contents.read(folder / f"lpips_lin_{trunk}.pth").tree


def _pictures(fixture):
    return [reference.images(fixture[f"image{i}_u8"]) for i in (0, 1)]


@jax.jit
def _everything(network, uncalibrated, first, second):
    """All that the fixture holds, by one compiled program."""
    taps = network.trunk.features(first, network.config.taps)
    total, gradient = jax.value_and_grad(lambda a: jnp.sum(network(a, second)))(first)
    return {
        "taps": [taps[name] for name in network.config.taps],
        "distance": network.distance(network.features(first), network.features(second)),
        "distance_nolin": uncalibrated(first, second),
        "distance_raw": network(first / 2, second / 2),
        "contributions": network.contributions(first, second),
        "spatial": network.spatial(first, second),
        "total": total,
        "gradient": gradient,
    }


@pytest.mark.parametrize(
    "name", ["vgg", "alex", pytest.param("squeeze", marks=pytest.mark.slow)]
)
def test_equals_the_reference_package(golden, name):
    fixture = reference.Reference(golden / "net_lpips")
    trunk, heads = _states(golden / "net_lpips", name)
    networks = lpips_converter.join(trunk, heads), lpips_converter.join(trunk)
    got = _everything(*networks, *_pictures(fixture))
    for which in ("distance", "distance_nolin", "distance_raw"):
        expected = fixture[f"{name}/{which}"].ravel()
        np.testing.assert_allclose(got[which], expected, rtol=2e-6, atol=1e-6)
    for index, tap in enumerate(got["taps"]):
        fixture.check_tap(f"{name}.tap{index}", tap)
        fixture.check(f"chmean/{name}.norm{index}", lpips.unit_normalize(tap))
        expected = fixture[f"{name}/layer{index}"].ravel()
        np.testing.assert_allclose(got["contributions"][:, index], expected, atol=1e-6)
    fixture.check(f"{name}/spatial", got["spatial"][..., None])
    expected = fixture[f"{name}/grad_image0"]
    gradient = reference.nchw(got["gradient"])[:, :, ::2, ::2]
    error = np.abs(gradient - expected) / np.abs(expected).max()
    # In float32 a few ReLU and maximum choices fall the other way.
    assert np.mean(error > 1e-4) < 2e-3
    assert np.max(error) < 5e-3


def test_unit_vectors_have_the_gradient_of_a_division():
    features, weights = np.random.RandomState(0).randn(2, 3, 4, 5, 6)
    features[0, 0, 0] = 0

    def plain(features):
        squares = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
        lengths = jnp.sqrt(jnp.where(squares == 0, 1.0, squares))
        return features / jnp.where(squares == 0, lpips.EPSILON, lengths)

    def gradient(normalize):
        return jax.grad(lambda f: jnp.sum(normalize(f) * weights))(features)

    with jax.enable_x64(True):
        found, expected = gradient(lpips.unit_normalize), gradient(plain)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.fixture(scope="module")
def tiny():
    config = lpips.LPIPSConfig(channels=((4,), (6,)), preprocessing="none")
    return lpips.LPIPS(config, rngs=nnx.Rngs(0))


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (2, 3, 8, 8, 3)).astype(np.float32)


def test_the_distance_is_a_sum_of_squares_of_features(tiny, pair):
    first, second = tiny.features(pair[0]), tiny.features(pair[1])
    flat = [np.concatenate([f.reshape(3, -1) for f in x], 1) for x in (first, second)]
    expected = np.sum((flat[0] - flat[1]) ** 2, axis=1)
    np.testing.assert_allclose(tiny(*pair), expected, rtol=1e-5)
    single = tiny.features(pair[1][:1])
    assert tiny.distance(first, single).shape == (3,)


def test_gradient_is_finite_on_equal_and_constant_pictures(tiny, pair):
    gradient = jax.jit(jax.grad(lambda a, b: jnp.sum(tiny(a, b))))
    np.testing.assert_array_equal(gradient(pair[0], pair[0]), 0.0)
    for value in (-1.0, 0.0, 1.0):
        assert np.isfinite(gradient(jnp.full_like(pair[0], value), pair[1])).all()


def test_gradient_equals_finite_differences_in_float64(tiny, pair):
    with jax.enable_x64(True):
        network = jax.tree.map(lambda x: x.astype(jnp.float64), tiny)
        first, second = pair[:, :1].astype(np.float64)
        direction = np.random.default_rng(1).normal(size=first.shape)

        @jax.jit
        def along(step):
            return network(first * 0.9 + step * direction, second * 0.9)[0]

        step = 1e-6
        difference = (along(step) - along(-step)) / (2 * step)
        np.testing.assert_allclose(jax.grad(along)(0.0), difference, rtol=1e-6)


def test_any_vgg_is_a_trunk(pair):
    config = vgg.VGGConfig(channels=((4, 4), (8,)), num_outputs=3, preprocessing="none")
    trunk = vgg.VGG(config, rngs=nnx.Rngs(0))
    network = lpips.from_vgg(trunk)
    assert network.config.taps == ("relu1_2", "relu2_1")
    assert network(*pair).shape == (3,)
    np.testing.assert_array_equal(network(pair[0], pair[0]), 0.0)
    _, state = nnx.split(network)
    assert {path[0] for path, _ in nnx.to_flat_state(state)} == {"trunk"}


def test_errors(tiny, pair):
    with pytest.raises(ValueError, match="same shape"):
        tiny(pair[0], pair[1][:, :4])
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        tiny(pair[0], pair[1] * 255)
    with pytest.raises(ValueError, match="`trunk` must be"):
        lpips.LPIPSConfig(trunk="resnet")


def test_heads_alone_tell_their_trunk(golden):
    for trunk in TRUNKS:
        heads = converters.load(golden / f"net_lpips/lpips_lin_{trunk}.pth")
        assert isinstance(heads, lpips.Heads)
        assert heads.config.trunk == trunk


def test_trunk_and_heads_must_belong_together(golden):
    trunk, _ = _states(golden / "net_lpips", "squeeze")
    heads = contents.read(golden / "net_lpips/lpips_lin_alex.pth").tree
    with pytest.raises(converters.ConversionError, match="'squeeze'.*'alex'"):
        lpips_converter.join(trunk, heads)
    with pytest.raises(converters.ConversionError, match="trunk must be VGG16"):
        lpips_converter.join(heads)
    negative = {name: -value for name, value in heads.items()}
    with pytest.raises(converters.ConversionError, match="must not be negative"):
        converters.convert(negative, kind="lpips")
