import jax
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import resnet
from tests import reference

LAYERS = {
    "conv1_relu_7x7_s2": "conv1",
    "pool1_3x3_s2": "pool1",
    "conv2_3_relu": "layer1",
    "conv3_4_relu": "layer2",
    "conv4_6_relu": "layer3",
    "conv5_3_relu": "layer4",
}


@jax.jit
def _features(network, images):
    return network.features(images, [*LAYERS.values(), "pool", "fc"])


def test_vggface2_equals_the_reference_layer_by_layer(golden):
    fixture = reference.Reference(golden / "net_resnet50_scratch_dag")
    network = reference.convert(golden / "net_resnet50_scratch_dag", kind="vggface2")
    found = _features(network, reference.images(fixture["image_u8"]))
    for theirs, ours in LAYERS.items():
        fixture.check_tap(theirs, found[ours])
    fixture.check("pool5_7x7_s1", found["pool"][:, None, None])
    fixture.check("returned0", found["pool"][:, None, None])
    fixture.check("classifier", found["fc"][:, None, None])


@pytest.fixture(scope="module")
def small():
    config = resnet.ResNetConfig(depths=(1, 1), width=4, input_size=16)
    return resnet.ResNet(config, rngs=nnx.Rngs(0))


def test_pictures_of_any_size_are_pooled_to_the_networks(small):
    coarse = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3))
    coarse = coarse.astype(np.float32)
    fine = np.repeat(np.repeat(coarse, 2, axis=1), 2, axis=2)
    embed = jax.jit(lambda network, images: network.embed(images))
    expected = embed(small, coarse)
    assert expected.shape == (1, 32)
    np.testing.assert_allclose(embed(small, fine), expected, rtol=1e-4, atol=1e-6)


def test_errors(small):
    images = np.zeros((1, 16, 16, 3), np.float32)
    with pytest.raises(ValueError, match="Unknown layers .'fc'."):
        small.features(images, ["fc"])
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        small.embed(images + 255)
    with pytest.raises(ValueError, match="`stem_pool` must be one of"):
        resnet.ResNetConfig(stem_pool="floor")
