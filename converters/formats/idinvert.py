"""The encoder of genforce/idinvert_pytorch (`styleganinv_*_encoder.pth`).

`block0` is a convolution, `block1` to `block{n-2}` are residual, `block{n-1}` is dense.
A convolution's scale and the one in its `wscale` layer cancel in the published files.
"""

import re

from flax import nnx

from converters import conversion_errors
from converters.formats import assign, checkpoint_layouts, entry_names, torch_layers
from jax_encoder.nn import in_domain_encoder

_MARKS = ("block0.conv.weight", "block1.conv1.weight", "block1.wscale1.bias")
_RULES = (
    (r"^block0\.bn\.bn\.", "bn."),
    (r"^block0\.", ""),
    (r"\.(bn[12]?)\.bn\.", r".\1."),
    (r"\.wscale([12])\.bias$", r".conv\1.bias"),
)


def _build(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> in_domain_encoder.InDomainEncoder:
    del part  # there is one
    tree = entry_names.table(tree)
    num_blocks = 1 + entry_names.count(
        {"block0.conv1.weight": 0, **tree}, "block{}.conv1.weight"
    )
    last = f"block{num_blocks - 1}"
    weight = entry_names.check_rank(tree[f"{last}.fc.weight"], 2)
    channels = [entry_names.check_rank(tree["block0.conv.weight"], 4).shape[0]]
    for index in range(1, num_blocks - 1):
        kernel = entry_names.check_rank(tree[f"block{index}.conv2.weight"], 4)
        channels.append(kernel.shape[0])
    config = in_domain_encoder.InDomainEncoderConfig(
        num_ws=2 * (num_blocks - 1),
        w_dim=_w_dim(weight.shape[0], 2 * (num_blocks - 1)),
        channels=tuple(channels),
        has_norm="block0.bn.bn.weight" in tree,
        image_channels=tree["block0.conv.weight"].shape[1],
    )
    if gaps.fill("use_wscale", False):
        raise conversion_errors.ConversionError(
            "an encoder with scaled weights (use_wscale), which none was published with"
        )
    arrays = torch_layers.translate(
        {k: v for k, v in tree.items() if not k.startswith(f"{last}.")}, _RULES
    )
    arrays["fc"] = entry_names.dense_from_chw(weight, channels[-1], 4, 4)
    for name, value in entry_names.under(tree, f"{last}.bn.bn.").items():
        if name != "num_batches_tracked":
            arrays[f"bn_fc.{name}"] = value
    for name in entry_names.under(tree, f"{last}."):
        if not re.match(r"fc\.weight$|bn\.bn\.", name):
            raise conversion_errors.ConversionError(
                "no such entry is known", entry=name
            )
    return assign.build(
        lambda: in_domain_encoder.InDomainEncoder(config, rngs=nnx.Rngs(0)), arrays
    )


def _w_dim(num_outputs: int, num_ws: int) -> int:
    if num_outputs % num_ws:
        raise conversion_errors.ConversionError(
            f"{num_outputs} outputs are no {num_ws} rows of w"
        )
    return num_outputs // num_ws


def _recognize(tree: object) -> bool:
    return entry_names.is_state_dict(tree) and all(mark in tree for mark in _MARKS)


KIND = checkpoint_layouts.Kind(
    name="idinvert_encoder",
    description="encoder of in-domain inversion (genforce/idinvert_pytorch)",
    recognize=_recognize,
    missing=checkpoint_layouts.needs(_MARKS),
    parts=lambda tree: ("encoder",),
    build=_build,
)
