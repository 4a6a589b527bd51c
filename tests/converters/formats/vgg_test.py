"""State dicts of the wrong network are refused with what differs."""

import numpy as np
import pytest

import converters
from tests import reference


@pytest.fixture(scope="module")
def alexnet(request):
    folder = request.config.rootpath / "tests/golden/net_lpips"
    return reference.state_dict(folder, "alex_trunk")


def test_trunks_are_recognized(alexnet):
    assert converters.convert(alexnet).config.family == "alexnet"


def test_the_wrong_network(alexnet):
    with pytest.raises(converters.ConversionError, match="no layer of torchvision's"):
        converters.convert(alexnet, kind="vgg16")
    with pytest.raises(converters.ConversionError) as error:
        converters.convert(alexnet, kind="vgg_face")
    assert "missing: conv1_1.weight (3, 3, 3, 64)" in str(error.value)
    assert "unused: features.0.weight" in str(error.value)


def test_missing_and_misshapen_entries(alexnet):
    broken = dict(alexnet)
    del broken["features.8.bias"]
    broken["features.3.bias"] = np.zeros(3, np.float32)
    with pytest.raises(converters.ConversionError) as error:
        converters.convert(broken)
    assert "missing: conv4.bias (256,)" in str(error.value)
    assert "shape: conv2.bias must be (192,), got (3,)" in str(error.value)


def test_classifiers_are_left_out(alexnet):
    whole = {**alexnet, "classifier.6.weight": np.zeros((1000, 4096), np.float32)}
    assert converters.convert(whole).config.family == "alexnet"
