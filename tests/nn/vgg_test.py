import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import vgg
from tests import reference

SMALL = vgg.VGGConfig(
    channels=((4, 4), (8,)), fc_sizes=(6,), num_outputs=5, pool_size=2
)


@pytest.fixture(scope="module")
def small():
    return vgg.VGG(SMALL, rngs=nnx.Rngs(0))


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (2, 9, 8, 3)).astype(np.float32)


@jax.jit
def _all_features(network, pictures):
    return network.features(pictures, network.config.layer_names)


def test_vgg16_equals_torchvision_layer_by_layer(golden):
    fixture = reference.Reference(golden / "net_vgg16")
    network = reference.convert(golden / "net_vgg16", kind="vgg16")
    pictures = reference.images(fixture["image_u8"])
    indices = (3, 4, 8, 11, 15, 22, 29, 30)
    found = _all_features(network, pictures)
    for index in indices:
        name = network.config.layer_name(index)
        fixture.check_tap(f"features.{index}", found[name])
    assert network.config.layer_name(11) == "relu3_1"
    assert network.config.layer_name(29) == "relu5_3"
    fixture.check("logits", found["fc8"])


def test_vgg_face_equals_the_reference_layer_by_layer(golden):
    fixture = reference.Reference(golden / "net_vgg_face_dag")
    network = reference.convert(golden / "net_vgg_face_dag", kind="vgg_face")
    pictures = reference.images(fixture["image_u8"])
    found = _all_features(network, pictures)
    for name in ("relu1_2", "pool2", "relu3_1", "relu3_3", "relu4_3", "relu5_3"):
        fixture.check_tap(name, found[name])
    fixture.check_tap("pool5", found["pool5"])
    fixture.check("returned", found["relu3_1"])
    for name in ("fc6", "fc7", "fc8"):
        fixture.check(name, found[name])


def test_a_network_pools_pictures_to_its_own_size(small):
    config = vgg.VGGConfig(channels=((4,),), input_size=4, preprocessing="none")
    network = vgg.VGG(config, rngs=nnx.Rngs(0))
    pictures = np.zeros((1, 8, 8, 3), np.float32)
    pictures[:, ::2] = 1
    flat = np.full((1, 4, 4, 3), 0.5, np.float32)
    got = network.feature(pictures, "relu1_1")
    np.testing.assert_allclose(got, network.feature(flat, 1), rtol=1e-6)


def test_default_features_are_the_relus_and_the_dense_layers(small, pictures):
    found = small.features(pictures)
    assert list(found) == ["relu1_1", "relu1_2", "relu2_1", "fc3", "fc4"]
    assert found["fc4"].shape == (2, 5)
    assert small.config.layer_names[-3:] == ("fc3", "relu3", "fc4")


def test_only_the_layers_needed_are_run(small, pictures):
    program = jax.make_jaxpr(lambda x: small.features(x, ["relu1_1"]))(pictures)
    assert str(program).count("conv_general_dilated[") == 1


def test_compiled_and_eager_agree(small, pictures):
    compiled = jax.jit(lambda network, x: network(x))(small, pictures)
    np.testing.assert_allclose(compiled, small(pictures), rtol=1e-5, atol=1e-6)


def test_gradient_is_finite_on_constant_pictures(small):
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(small(x)))))
    for value in (-1.0, 0.0, 1.0):
        assert np.isfinite(gradient(jnp.full((1, 8, 8, 3), value))).all()


def test_errors(small, pictures):
    with pytest.raises(ValueError, match="Unknown layers .'relu9_1'."):
        small.features(pictures, ["relu9_1"])
    with pytest.raises(ValueError, match="below 8: got 31"):
        small.feature(pictures, 31)
    with pytest.raises(ValueError, match="too small: pool2"):
        small.features(pictures[:, :2, :2])
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        small(pictures * 255)
    with pytest.raises(ValueError, match="no dense layers"):
        vgg.VGG(vgg.VGGConfig(channels=((4,),)), rngs=nnx.Rngs(0))(pictures)
    with pytest.raises(ValueError, match="`preprocessing` must be one of"):
        vgg.VGGConfig(preprocessing="imagnet")
    with pytest.raises(ValueError, match="at least one convolution"):
        vgg.VGGConfig(channels=((4,), ()))
    with pytest.raises(ValueError, match="headless"):
        vgg.VGGConfig(fc_sizes=(4,))
