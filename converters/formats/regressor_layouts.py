"""Image-to-latent regressors and the heads on face descriptors."""

import re

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import assign, checkpoint_layouts, entry_names, torch_layers
from jax_encoder.nn import regressors

_TRUNK_RULES = (
    (r"^resnet\.0\.", "resnet.conv1."),
    (r"^resnet\.1\.", "resnet.bn1."),
    *((rf"^resnet\.{k + 3}\.(\d+)\.", rf"resnet.layer{k}_\1.") for k in range(1, 5)),
    *torch_layers.DOWNSAMPLE_RULES,
)
_W_DIM = 512


def _build_image_to_latent(tree: entry_names.Entries) -> regressors.ImageToLatent:
    weight = entry_names.check_rank(tree["dense1.weight"], 2)
    channels = entry_names.check_rank(tree["conv2d.weight"], 4).shape[0]
    side = torch_layers.side_of(weight.shape[1], channels)
    config = regressors.ImageToLatentConfig(
        num_ws=_rows(tree["dense2.weight"]),
        w_dim=_W_DIM,
        input_size=side * 32,
        num_channels=channels,
        hidden_size=weight.shape[0],
    )
    arrays = torch_layers.translate(tree, _TRUNK_RULES)
    arrays["dense1.weight"] = entry_names.dense_from_chw(weight, channels, side, side)
    return assign.build(
        lambda: regressors.ImageToLatent(config, rngs=nnx.Rngs(0)), arrays
    )


def _rows(weight: np.ndarray) -> int:
    outputs = entry_names.check_rank(weight, 2).shape[0]
    if outputs % _W_DIM:
        raise conversion_errors.ConversionError(
            f"{outputs} outputs are no rows of {_W_DIM}"
        )
    return outputs // _W_DIM


def _build_descriptor_to_latent(
    tree: entry_names.Entries,
) -> regressors.DescriptorToLatent:
    hidden, inputs = entry_names.check_rank(tree["dense1.weight"], 2).shape
    rows = _rows(tree["dense3.weight"])
    config = regressors.DescriptorToLatentConfig(
        num_inputs=inputs,
        hidden_size=hidden,
        num_ws=0 if rows == 1 else rows,
        w_dim=_W_DIM,
    )
    arrays = torch_layers.translate(tree)
    return assign.build(
        lambda: regressors.DescriptorToLatent(config, rngs=nnx.Rngs(0)), arrays
    )


def _build_head(tree: entry_names.Entries) -> regressors.DescriptorHead:
    if "dense4.weight" in tree:
        tree = entry_names.Entries(_pose_layers(tree))
    number = entry_names.count({**tree, "dense0.weight": 0}, "dense{}.weight")
    sizes = [
        entry_names.check_rank(tree[f"dense{k}.weight"], 2).shape
        for k in range(1, number)
    ]
    if not sizes:
        raise conversion_errors.ConversionError("missing", entry="dense1.weight")
    num_outputs = sizes[-1][0]
    config = regressors.DescriptorHeadConfig(
        num_inputs=sizes[0][1],
        hidden_sizes=tuple(shape[0] for shape in sizes[:-1]),
        num_outputs=num_outputs,
        has_output_norm=f"bn{number - 1}.weight" in tree,
        has_sigmoid=num_outputs == 1,
    )
    arrays = torch_layers.translate(tree)
    return assign.build(
        lambda: regressors.DescriptorHead(config, rngs=nnx.Rngs(0)), arrays
    )


def _pose_layers(tree: entry_names.Entries) -> dict[str, np.ndarray]:
    """The layers that the pose head runs: the first and the fourth.

    The second one is stored but its `forward` passes it by.
    """
    used = entry_names.without(tree, r"(dense2|bn2)\..*")
    return {re.sub(r"^dense4\.", "dense2.", name): v for name, v in used.items()}


def _build_landmarks(tree: entry_names.Entries) -> regressors.ImageToLandmarks:
    number = entry_names.count({**tree, "conv0.weight": 0}, "conv{}.weight")
    channels = tuple(
        entry_names.check_rank(tree[f"conv{k}.weight"], 4).shape[0]
        for k in range(1, number)
    )
    weight = entry_names.check_rank(tree["dense1.weight"], 2)
    side = torch_layers.side_of(weight.shape[1], channels[-1])
    config = regressors.ImageToLandmarksConfig(
        channels=channels,
        hidden_size=weight.shape[0],
        num_outputs=entry_names.check_rank(tree["dense2.weight"], 2).shape[0],
        input_size=side * 2 ** len(channels),
        has_norm="bn1.weight" in tree,
    )
    arrays = torch_layers.translate(tree)
    arrays["dense1.weight"] = entry_names.dense_from_chw(
        weight, channels[-1], side, side
    )
    return assign.build(
        lambda: regressors.ImageToLandmarks(config, rngs=nnx.Rngs(0)), arrays
    )


KINDS = (
    checkpoint_layouts.single(
        "image_to_latent",
        "ImageToLatent: ResNet-50 to W+",
        "regressor",
        ("resnet.0.weight", "conv2d.weight", "dense1.weight", "dense2.weight"),
        _build_image_to_latent,
    ),
    checkpoint_layouts.single(
        "vgg_to_latent",
        "VGGToLatent: face descriptors to W+ or z",
        "regressor",
        ("dense1.weight", "dense3.weight"),
        _build_descriptor_to_latent,
        absent=("bn1.weight", "conv1.weight"),
    ),
    checkpoint_layouts.single(
        "descriptor_head",
        "attribute, landmark or pose head on face descriptors",
        "head",
        ("dense1.weight", "bn1.weight", "dense2.weight"),
        _build_head,
        absent=("conv1.weight",),
    ),
    checkpoint_layouts.single(
        "image_to_landmarks",
        "ImageToLandmarks: pictures to 68 landmarks",
        "landmarks",
        ("conv1.weight", "conv5.weight", "dense1.weight", "dense2.weight"),
        _build_landmarks,
    ),
)
