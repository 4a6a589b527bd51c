"""Networks that describe faces and pictures: ArcFace, VGGFace2, FID's Inception."""

import re

import numpy as np
from flax import nnx

from converters.formats import assign, checkpoint_layouts, entry_names, torch_layers
from jax_encoder.nn import inception, irse, resnet

_ARCFACE_RULES = (
    *torch_layers.IRSE_RULES,
    (r"^(conv|bn|prelu|body_\d+)\.", r"body.\1."),
    (r"^output_layer\.0\.", "bn1."),
    (r"^output_layer\.3\.", "fc."),
    (r"^output_layer\.4\.", "bn2."),
)
_VGGFACE2_LAYERS = {
    "1x1_reduce": "conv1",
    "3x3": "conv2",
    "1x1_increase": "conv3",
    "1x1_proj": "downsample",
    "1x1_reduce_bn": "bn1",
    "3x3_bn": "bn2",
    "1x1_increase_bn": "bn3",
    "1x1_proj_bn": "downsample_bn",
}
_VGGFACE2_STEM = {
    "conv1_7x7_s2": "conv1",
    "conv1_7x7_s2_bn": "bn1",
    "classifier": "fc",
}


def _build_arcface(tree: entry_names.Entries) -> irse.IRSE:
    widths, depths = torch_layers.stage_depths(tree, "body.{}.res_layer.1.weight")
    weight = entry_names.check_rank(tree["output_layer.3.weight"], 2)
    side = torch_layers.side_of(weight.shape[1], widths[-1])
    config = irse.IRSEConfig(
        widths=widths,
        depths=depths,
        reduction=widths[0] // tree["body.0.res_layer.5.fc1.weight"].shape[0],
        input_size=side * 2 ** len(widths),
        embedding_size=weight.shape[0],
    )
    arrays = torch_layers.translate(tree, _ARCFACE_RULES)
    arrays["fc.weight"] = entry_names.dense_from_chw(weight, widths[-1], side, side)
    return assign.build(lambda: irse.IRSE(config, rngs=nnx.Rngs(0)), arrays)


def _vggface2_name(name: str) -> str:
    layer, _, rest = name.rpartition(".")
    if layer in _VGGFACE2_STEM:
        return f"{_VGGFACE2_STEM[layer]}.{rest}"
    match = re.fullmatch(r"conv(\d)_(\d)_(.*)", layer)
    if match and match[3] in _VGGFACE2_LAYERS:
        block = f"layer{int(match[1]) - 1}_{int(match[2]) - 1}"
        return f"{block}.{_VGGFACE2_LAYERS[match[3]]}.{rest}"
    return name


def _build_vggface2(tree: entry_names.Entries) -> resnet.ResNet:
    renamed = {_vggface2_name(name): array for name, array in tree.items()}
    classes = 0
    if "fc.weight" in renamed:  # stored as a 1x1 convolution
        weight = renamed["fc.weight"]
        renamed["fc.weight"] = weight.reshape(weight.shape[0], -1)
        classes = weight.shape[0]
    config = resnet.vggface2_config(num_classes=classes)
    arrays = torch_layers.translate(renamed)
    return assign.build(lambda: resnet.ResNet(config, rngs=nnx.Rngs(0)), arrays)


def _build_inception(tree: entry_names.Entries) -> inception.Inception:
    outputs = np.shape(tree["fc.weight"])[0]
    config = inception.InceptionConfig(num_outputs=outputs)
    arrays = torch_layers.translate(tree)
    return assign.build(lambda: inception.Inception(config, rngs=nnx.Rngs(0)), arrays)


KINDS = (
    checkpoint_layouts.single(
        "arcface",
        "IR-SE50 of ArcFace (model_ir_se50.pth)",
        "identity",
        (
            "input_layer.0.weight",
            "output_layer.3.weight",
            "body.0.res_layer.5.fc1.weight",
        ),
        _build_arcface,
    ),
    checkpoint_layouts.single(
        "vggface2",
        "ResNet-50 of VGGFace2 (resnet50_scratch_dag)",
        "identity",
        ("conv1_7x7_s2.weight", "conv5_3_1x1_increase.weight"),
        _build_vggface2,
    ),
    checkpoint_layouts.single(
        "fid_inception",
        "Inception of FID in the layout of pytorch-fid",
        "features",
        (
            "Conv2d_1a_3x3.conv.weight",
            "Mixed_7c.branch1x1.conv.weight",
            "fc.weight",
        ),
        _build_inception,
    ),
)
