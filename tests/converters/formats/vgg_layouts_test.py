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
    with pytest.raises(
        converters.ConversionError, match="lacks the entry 'features.28"
    ):
        converters.convert(alexnet, kind="vgg16")
    with pytest.raises(converters.ConversionError) as error:
        converters.convert(alexnet, kind="vgg_face")
    assert "it lacks the entry 'conv1_1.weight'" in str(error.value)
    assert "By its content it is 'alexnet'" in str(error.value)


def test_entries_of_no_layer(alexnet):
    odd = {**alexnet, "features.2.weight": np.zeros(3, np.float32)}
    with pytest.raises(converters.ConversionError, match="no layer of torchvision's"):
        converters.convert(odd)


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
