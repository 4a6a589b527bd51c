import numpy as np
import pytest

from jax_encoder.nn import preprocessing
from jax_encoder.ops import resize
from tests import reference


@pytest.mark.parametrize(
    ("array", "side", "name"),
    [("vggproc64", 256, "imagenet"), ("vggface64", 224, "vggface2")],
)
def test_equals_the_reference_processing(golden, array, side, name):
    fixture = reference.Reference(golden / "net_ml1652")
    images = fixture["post64"].transpose(0, 2, 3, 1) / 127.5 - 1
    got = preprocessing.normalize(resize.adaptive_average(images, side), name)
    fixture.check(array, got, 1e-6)


def test_vgg16s_input_equals_the_reference(golden):
    fixture = reference.Reference(golden / "net_vgg16")
    images = reference.images(fixture["image_u8"])
    fixture.check("input", preprocessing.normalize(images, "imagenet"), 1e-6)


def test_none_changes_nothing():
    images = np.ones((1, 2, 2, 6), np.float32)
    assert preprocessing.normalize(images, "none") is images
