import jax
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import regressors
from tests import reference

HEADS = {
    "vgg_to_latent": "vgg_to_latent",
    "celeba_regressor": "celeba",
    "landmarks_regressor": "landmarks",
    "pose_regressor": "pose",
}
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


@pytest.mark.parametrize("name", HEADS)
def test_heads_on_descriptors_equal_the_reference(golden, name):
    fixture = reference.Reference(golden / "net_ml1652")
    network = reference.convert(golden / "net_ml1652", name)
    fixture.check(HEADS[name], network(fixture["descriptor"][:, :, 0, 0]))
    with pytest.raises(ValueError, match=r"must be \[N, 2048\]"):
        network(fixture["descriptor"])


def test_landmarks_of_pictures_equal_the_reference(golden):
    fixture = reference.Reference(golden / "net_ml1652")
    network = reference.convert(golden / "net_ml1652", "image_to_landmarks")
    normalized = fixture["image64"].transpose(0, 2, 3, 1)
    images = (normalized * DEVIATION[None, None, None] + MEAN[None, None, None]) * 2 - 1
    # Compiled, since the fixture's picture leaves [-1, 1].
    got = jax.jit(lambda network, images: network(images))(network, images)
    fixture.check("image_to_landmarks", got)


LAYERS = ("conv1", "pool1", "layer1", "layer2", "layer3", "layer4")


@jax.jit
def _image_to_latent(network, images):
    return network.resnet.features(images, LAYERS), network(images)


def test_image_to_latent_equals_the_reference_layer_by_layer(golden):
    fixture = reference.Reference(golden / "net_image_to_latent")
    network = reference.convert(golden / "net_image_to_latent", kind="image_to_latent")
    found, ws = _image_to_latent(network, reference.images(fixture["image_u8"]))
    for index, layer in enumerate(LAYERS, 2):
        fixture.check_tap(f"resnet.{index}", found[layer])
    fixture.check("latent", ws)


def test_descriptors_to_z():
    config = regressors.DescriptorToLatentConfig(
        num_inputs=6, hidden_size=5, num_ws=0, w_dim=4
    )
    network = regressors.DescriptorToLatent(config, rngs=nnx.Rngs(0))
    assert network(np.ones((3, 6), np.float32)).shape == (3, 4)


def test_errors():
    with pytest.raises(ValueError, match="multiple of 32: got 100"):
        regressors.ImageToLatentConfig(input_size=100)
