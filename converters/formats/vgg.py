"""VGG16, AlexNet and SqueezeNet of torchvision, and VGG-Face.

torchvision numbers its layers (`features.0.weight`), VGG-Face names them
(`conv1_1.weight`). Dense weights behind the last feature map are flattened channels
first in all of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import nnx

from converters import errors
from converters.formats import assign, base, names
from jax_encoder.nn import alexnet, squeezenet, vgg

State = Mapping[str, np.ndarray]

_ALEX = {0: "conv1", 3: "conv2", 6: "conv3", 8: "conv4", 10: "conv5"}
_SQUEEZE = {
    0: "conv1",
    **{3: "fire2", 4: "fire3", 6: "fire4", 7: "fire5"},
    **{9: "fire6", 10: "fire7", 11: "fire8", 12: "fire9"},
}
# Layers of the classifiers that the convolutional parts do not have.
_CLASSIFIER = r"classifier\..*"


def trunk_name(tree: Any) -> str | None:
    """Which of "vgg", "alex" and "squeeze" a torchvision state dict is, or None."""
    if not names.is_state_dict(tree):
        return None
    if "features.3.squeeze.weight" in tree:
        return "squeeze"
    first = tree.get("features.0.weight")
    if first is None or first.ndim != 4:
        return None
    if first.shape[2:] == (11, 11) and "features.10.weight" in tree:
        return "alex"
    is_vgg = first.shape[2:] == (3, 3) and "features.28.weight" in tree
    return "vgg" if is_vgg and tree["features.28.weight"].ndim == 4 else None


def features(tree: State, trunk: str) -> dict[str, np.ndarray]:
    """The convolutions of a torchvision state dict, in our names and axis orders.

    Args:
      tree: the state dict; its classifier is left out.
      trunk: "vgg", "alex" or "squeeze".

    Raises:
      ConversionError: an entry belongs to no layer of the network.
    """
    numbered = _numbered(trunk)
    arrays = {}
    for name, array in names.without(tree, _CLASSIFIER).items():
        prefix, _, rest = name.partition(".")
        index, _, rest = rest.partition(".")
        if prefix != "features" or not index.isdigit() or int(index) not in numbered:
            raise errors.ConversionError(
                f"{name!r} is no layer of torchvision's {trunk}", entry=name
            )
        arrays[f"{numbered[int(index)]}.{rest}"] = _convolution(array)
    return arrays


def _numbered(trunk: str) -> dict[int, str]:
    if trunk == "vgg":
        all_names = vgg.vgg16_config().layer_names
        return {i: n for i, n in enumerate(all_names) if n.startswith("conv")}
    return _ALEX if trunk == "alex" else _SQUEEZE


def _convolution(array: np.ndarray) -> np.ndarray:
    return names.hwio(array) if array.ndim == 4 else array


def _build_torchvision(tree: Any, part: str | None) -> vgg.VGG:
    del part
    config = vgg.vgg16_config(classifier="classifier.0.weight" in tree)
    arrays = features(tree, "vgg")
    dense = {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"}
    for name, array in names.under(tree, "classifier.").items():
        layer, _, rest = f"classifier.{name}".rpartition(".")
        if layer not in dense:
            raise errors.ConversionError(f"VGG16 has no layer {layer!r}", entry=layer)
        arrays[f"{dense[layer]}.{rest}"] = _dense(dense[layer], array)
    return assign.build(lambda: vgg.VGG(config, rngs=nnx.Rngs(0)), arrays)


def _dense(layer: str, array: np.ndarray) -> np.ndarray:
    if array.ndim != 2:
        return array
    if layer == "fc6":
        return names.dense_from_chw(array, 512, 7, 7)
    return names.dense(array)


def _build_vgg_face(tree: Any, part: str | None) -> vgg.VGG:
    del part
    config = vgg.vgg_face_config(classifier="fc6.weight" in tree)
    arrays = {}
    for name, array in tree.items():
        layer = name.partition(".")[0]
        is_dense = layer.startswith("fc")
        arrays[name] = _dense(layer, array) if is_dense else _convolution(array)
    return assign.build(lambda: vgg.VGG(config, rngs=nnx.Rngs(0)), arrays)


def _build_alexnet(tree: Any, part: str | None) -> alexnet.AlexNet:
    del part
    config = alexnet.AlexNetConfig()
    arrays = features(tree, "alex")
    return assign.build(lambda: alexnet.AlexNet(config, rngs=nnx.Rngs(0)), arrays)


def _build_squeezenet(tree: Any, part: str | None) -> squeezenet.SqueezeNet:
    del part
    config = squeezenet.SqueezeNetConfig()
    arrays = features(tree, "squeeze")
    return assign.build(lambda: squeezenet.SqueezeNet(config, rngs=nnx.Rngs(0)), arrays)


def _is_vgg_face(tree: Any) -> bool:
    return (
        names.is_state_dict(tree)
        and {"conv1_1.weight", "conv3_1.weight", "conv5_3.bias"} <= tree.keys()
    )


KINDS = (
    base.Kind(
        name="vgg16",
        description="VGG16 of torchvision, with or without its classifier",
        recognize=lambda tree: trunk_name(tree) == "vgg",
        parts=lambda tree: ("vgg",),
        build=_build_torchvision,
    ),
    base.Kind(
        name="vgg_face",
        description="VGG-Face (vgg_face_dag)",
        recognize=_is_vgg_face,
        parts=lambda tree: ("vgg",),
        build=_build_vgg_face,
    ),
    base.Kind(
        name="alexnet",
        description="AlexNet of torchvision: its convolutions",
        recognize=lambda tree: trunk_name(tree) == "alex",
        parts=lambda tree: ("features",),
        build=_build_alexnet,
    ),
    base.Kind(
        name="squeezenet",
        description="SqueezeNet 1.1 of torchvision: its convolutions",
        recognize=lambda tree: trunk_name(tree) == "squeeze",
        parts=lambda tree: ("features",),
        build=_build_squeezenet,
    ),
)
