"""VGG, AlexNet and SqueezeNet of torchvision, and VGG-Face.

VGGs of 11 to 19 layers, with batch normalization or without; the normalization is
folded into the convolutions before it.

torchvision numbers its layers (`features.0.weight`), VGG-Face names them
(`conv1_1.weight`). Dense weights behind the last feature map are flattened channels
first in all of them.
"""

import dataclasses
import itertools
import re
from collections.abc import Mapping

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import assign, checkpoint_layouts, entry_names
from jax_encoder.nn import alexnet, squeezenet, vgg

State = Mapping[str, np.ndarray]

_ALEX = {0: "conv1", 3: "conv2", 6: "conv3", 8: "conv4", 10: "conv5"}
_SQUEEZE = {
    0: "conv1",
    **{3: "fire2", 4: "fire3", 6: "fire4", 7: "fire5"},
    **{9: "fire6", 10: "fire7", 11: "fire8", 12: "fire9"},
}
_DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
_VGGS = {
    f"{name}{'_bn' * has_norms}": (depths, has_norms)
    for name, depths in _DEPTHS.items()
    for has_norms in (False, True)
}
_EPSILON = 1e-5
# Layers of the classifiers that the convolutional parts do not have.
_CLASSIFIER = r"classifier\..*"


def trunk_name(tree: object) -> str | None:
    """Which of "vgg", "alex" and "squeeze" a torchvision state dict is, or None."""
    if not entry_names.is_state_dict(tree):
        return None
    if "features.3.squeeze.weight" in tree:
        return "squeeze"
    first = tree.get("features.0.weight")
    if first is None or first.ndim != 4:
        return None
    if first.shape[2:] == (11, 11) and "features.10.weight" in tree:
        return "alex"
    return "vgg" if vgg_name(tree) == "vgg16" else None


def vgg_name(tree: State) -> str | None:
    """Which VGG of torchvision a state dict is, such as "vgg19_bn", or None.

    The indices of its convolutions tell: a block ends where one is left out.
    """
    convolutions = _convolutions(tree)
    for name, (widths, has_norms) in _VGGS.items():
        if convolutions == _indices(widths, has_norms):
            return name
    return None


def _convolutions(tree: State) -> list[int]:
    found = []
    for name, value in tree.items():
        match = re.fullmatch(r"features\.(\d{1,2})\.weight", name)
        if match and np.ndim(value) == 4:
            found.append(int(match[1]))
    return sorted(found)


def _indices(depths: tuple[int, ...], has_norms: bool) -> list[int]:
    """Where torchvision's `features` has the convolutions."""
    step, found, index = (3 if has_norms else 2), [], 0
    for depth in depths:
        found += [index + step * k for k in range(depth)]
        index += step * depth + 1
    return found


def features(tree: State, trunk: str) -> dict[str, np.ndarray]:
    """The convolutions of a torchvision state dict, in our names and axis orders.

    Args:
      tree: the state dict; its classifier is left out.
      trunk: "vgg", "alex" or "squeeze".

    Raises:
      ConversionError: an entry belongs to no layer of the network.
    """
    return _named(tree, _numbered(trunk), f"torchvision's {trunk}")


def _named(
    tree: State, numbered: Mapping[int, str], network: str
) -> dict[str, np.ndarray]:
    arrays = {}
    for name, array in entry_names.without(tree, _CLASSIFIER).items():
        prefix, _, rest = name.partition(".")
        index, _, rest = rest.partition(".")
        if prefix != "features" or not index.isdigit() or int(index) not in numbered:
            raise conversion_errors.ConversionError(
                f"{name!r} is no layer of {network}", entry=name
            )
        arrays[f"{numbered[int(index)]}.{rest}"] = _convolution(array)
    return arrays


def _numbered(trunk: str) -> dict[int, str]:
    if trunk == "vgg":
        all_names = vgg.vgg16_config().layer_names
        return {i: n for i, n in enumerate(all_names) if n.startswith("conv")}
    return _ALEX if trunk == "alex" else _SQUEEZE


def _convolution(array: np.ndarray) -> np.ndarray:
    return entry_names.hwio(array) if array.ndim == 4 else array


def _build_torchvision(tree: entry_names.Entries) -> vgg.VGG:
    name = vgg_name(tree)
    if name is None:
        raise conversion_errors.ConversionError(
            "no VGG of torchvision: its convolutions stand at the indices"
            f" {_convolutions(tree)[:32]}"
        )
    depths, has_norms = _VGGS[name]
    indices = _indices(depths, has_norms)
    every = iter([len(tree[f"features.{index}.weight"]) for index in indices])
    widths = tuple(tuple(itertools.islice(every, depth)) for depth in depths)
    plain = vgg.vgg16_config(classifier="classifier.0.weight" in tree)
    config = dataclasses.replace(plain, channels=widths)
    layers = [layer for layer in config.layer_names if layer.startswith("conv")]
    numbered = dict(zip(indices, layers, strict=True))
    state = _fold(tree, numbered) if has_norms else tree
    arrays = _named(state, numbered, name)
    dense = {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"}
    for rest, array in entry_names.under(tree, "classifier.").items():
        layer, _, leaf = f"classifier.{rest}".rpartition(".")
        if layer not in dense:
            raise conversion_errors.ConversionError(
                f"{name} has no layer {layer!r}", entry=layer
            )
        arrays[f"{dense[layer]}.{leaf}"] = _dense(dense[layer], array)
    return assign.build(lambda: vgg.VGG(config, rngs=nnx.Rngs(0)), arrays)


def _fold(tree: State, numbered: Mapping[int, str]) -> dict[str, np.ndarray]:
    """The state dict with every batch normalization inside the layer before it."""
    state = entry_names.Entries(
        (name, value)
        for name, value in tree.items()
        if not re.fullmatch(r"features\.\d+\..*(running|num_batches).*", name)
    )
    for index in numbered:
        norm, conv = f"features.{index + 1}", f"features.{index}"
        parts = ("weight", "bias", "running_mean", "running_var")
        gain, shift, mean, variance = (
            np.asarray(
                entry_names.check_rank(entry_names.Entries(tree)[f"{norm}.{part}"], 1),
                float,
            )
            for part in parts
        )
        scale = gain / np.sqrt(variance + _EPSILON)
        kernel, bias = state[f"{conv}.weight"], state[f"{conv}.bias"]
        state[f"{conv}.weight"] = (kernel * scale[:, None, None, None]).astype(
            np.float32
        )
        state[f"{conv}.bias"] = ((bias - mean) * scale + shift).astype(np.float32)
        del state[f"{norm}.weight"], state[f"{norm}.bias"]
    return state


def _dense(layer: str, array: np.ndarray) -> np.ndarray:
    if array.ndim != 2:
        return array
    if layer == "fc6":
        return entry_names.dense_from_chw(array, 512, 7, 7)
    return entry_names.dense(array)


def _build_vgg_face(tree: entry_names.Entries) -> vgg.VGG:
    config = vgg.vgg_face_config(classifier="fc6.weight" in tree)
    arrays = {}
    for name, array in tree.items():
        layer = name.partition(".")[0]
        is_dense = layer.startswith("fc")
        arrays[name] = _dense(layer, array) if is_dense else _convolution(array)
    return assign.build(lambda: vgg.VGG(config, rngs=nnx.Rngs(0)), arrays)


def _build_alexnet(tree: entry_names.Entries) -> alexnet.AlexNet:
    config = alexnet.AlexNetConfig()
    arrays = features(tree, "alex")
    return assign.build(lambda: alexnet.AlexNet(config, rngs=nnx.Rngs(0)), arrays)


def _build_squeezenet(tree: entry_names.Entries) -> squeezenet.SqueezeNet:
    config = squeezenet.SqueezeNetConfig()
    arrays = features(tree, "squeeze")
    return assign.build(lambda: squeezenet.SqueezeNet(config, rngs=nnx.Rngs(0)), arrays)


def _is_vgg_face(tree: object) -> bool:
    return (
        entry_names.is_state_dict(tree)
        and {"conv1_1.weight", "conv3_1.weight", "conv5_3.bias"} <= tree.keys()
    )


def _vgg_kind(name: str) -> checkpoint_layouts.Kind:
    depths, has_norms = _VGGS[name]
    title = name.removesuffix("_bn").upper() + " with batch normalization" * has_norms

    def recognize(tree: object) -> bool:
        return entry_names.is_state_dict(tree) and vgg_name(tree) == name

    last = _indices(depths, has_norms)[-1]
    marks = ("features.0.weight", f"features.{last}.weight")
    description = f"{title} of torchvision, with or without its classifier"
    return checkpoint_layouts.single(
        name, description, "vgg", marks, _build_torchvision, recognize=recognize
    )


KINDS = (
    *(_vgg_kind(name) for name in _VGGS),
    checkpoint_layouts.single(
        "vgg_face",
        "VGG-Face (vgg_face_dag)",
        "vgg",
        ("conv1_1.weight", "conv3_1.weight", "conv5_3.weight"),
        _build_vgg_face,
        recognize=_is_vgg_face,
    ),
    checkpoint_layouts.single(
        "alexnet",
        "AlexNet of torchvision: its convolutions",
        "features",
        ("features.0.weight", "features.10.weight"),
        _build_alexnet,
        recognize=lambda tree: trunk_name(tree) == "alex",
    ),
    checkpoint_layouts.single(
        "squeezenet",
        "SqueezeNet 1.1 of torchvision: its convolutions",
        "features",
        ("features.0.weight", "features.3.squeeze.weight"),
        _build_squeezenet,
        recognize=lambda tree: trunk_name(tree) == "squeeze",
    ),
)
