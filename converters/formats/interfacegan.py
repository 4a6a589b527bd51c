"""StyleGAN1 generators of InterFaceGAN and of in-domain inversion (idinvert): `.pth`.

A flat state dict; the second program calls a dense layer "fc" instead of "linear".
`synthesis.layer{k}` takes row k of W+. A fused upsampling layer keeps its kernel in
TensorFlow's axis order, under a name without "conv".
"""

import re
from collections.abc import Mapping

import numpy as np

from converters import conversion_errors
from converters.formats import checkpoint_layouts, entry_names, stylegan1_layouts
from jax_encoder.nn import stylegan1 as networks

_MARK = "synthesis.layer0.first_layer"
_IN_DOMAIN_MARK = "mapping.dense0.fc.weight"
_BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16
# Computed by the code that reads the file, or used through `Settings`.
_DERIVED = r"truncation\.truncation|synthesis\.lod|synthesis\.layer\d+\.blur\.kernel"
_RULES = (
    (r"^truncation\.w_avg$", "w_avg"),
    (r"^synthesis\.layer0\.(first_layer|const)$", "synthesis.const"),
    (r"\.epilogue\.apply_noise\.noise$", ".noise_const"),
    (r"\.epilogue\.apply_noise\.weight$", ".noise_weight"),
    (r"\.epilogue\.style_mod\.dense\.", ".style_mod."),
    (r"\.epilogue\.bias$", ".bias"),
    (r"\.(linear|fc)\.weight$", ".weight"),
    (r"\.wscale\.bias$", ".bias"),
    (r"\.conv\.weight$", ".weight"),
)


def _build(
    tree: object, part: str | None, gaps: checkpoint_layouts.Gaps
) -> networks.StyleGAN1Generator:
    del part  # there is one
    tree = entry_names.table(tree)
    check_blur(tree)
    arrays = {
        entry_names.rename(name, _RULES): _our_axes(name, value)
        for name, value in entry_names.without(tree, _DERIVED).items()
    }
    is_in_domain = _IN_DOMAIN_MARK in tree
    settings = stylegan1_layouts.StyleGAN1Settings(
        fused_scale=_fused_scale(tree),
        lod=lod(tree),
        lr_multiplier=gaps.fill("lr_multiplier", 0.01),
        # All published generators of in-domain inversion end so.
        has_tanh=gaps.fill("has_tanh", True) if is_in_domain else False,
    )
    return stylegan1_layouts.generator(arrays, settings)


def _our_axes(name: str, value: np.ndarray) -> np.ndarray:
    try:
        if name in (_MARK, "synthesis.layer0.const"):
            return np.transpose(entry_names.check_rank(value, 4)[0], (1, 2, 0))
        if name.endswith(".noise"):
            return entry_names.check_rank(value, 4)[0, 0]
        if name.endswith(".conv.weight"):
            return entry_names.hwio(value)
        is_dense = name.endswith((".linear.weight", ".fc.weight"))
        return entry_names.dense(value) if is_dense else value
    except conversion_errors.ConversionError as error:
        raise error.within("", name) from None


def lod(tree: Mapping[str, np.ndarray]) -> float:
    """The stored level of detail."""
    stored = np.asarray(tree.get("synthesis.lod", 0.0))
    if stored.size != 1:
        raise conversion_errors.ConversionError(
            "a scalar was wanted", entry="synthesis.lod"
        )
    return float(stored.reshape(()))


def _fused_scale(tree: Mapping[str, np.ndarray]) -> bool | str:
    """Which upsampling layers are fused, as their names tell."""
    fused = set()
    for name in tree:
        if match := re.fullmatch(r"synthesis\.layer(\d{1,2})\.weight", name):
            fused.add(int(match[1]))
    num_layers = entry_names.count(tree, "synthesis.layer{}.epilogue.bias")
    up_layers = range(2, num_layers, 2)
    if fused == {k for k in up_layers if 4 << (k // 2) >= networks.FUSED_FROM}:
        return "auto"
    if fused in (set(up_layers), set()):
        return bool(fused)
    raise conversion_errors.ConversionError(
        f"fused upsampling in layers {sorted(fused)}: neither all, nor none, nor those"
        f" from {networks.FUSED_FROM} pixels on"
    )


def check_blur(tree: Mapping[str, np.ndarray]) -> None:
    """Refuses blurs other than the published one.

    Raises:
      ConversionError: names the entry.
    """
    for name, value in tree.items():
        if name.endswith(".blur.kernel"):
            kernel = np.asarray(value, np.float64)
            if kernel.shape[-2:] != (3, 3) or not np.allclose(kernel, _BLUR, atol=1e-4):
                raise conversion_errors.ConversionError(
                    "a blur other than [1, 2, 1] x [1, 2, 1] / 16", entry=name
                )


def _kind(name: str, description: str, mark: str) -> checkpoint_layouts.Kind:
    return checkpoint_layouts.Kind(
        name=name,
        description=description,
        recognize=lambda tree: entry_names.is_state_dict(tree) and mark in tree,
        missing=checkpoint_layouts.needs((mark,)),
        parts=lambda tree: ("G_ema",),
        build=_build,
    )


KINDS = (
    _kind("interfacegan_stylegan1", "StyleGAN1 .pth of InterFaceGAN (genforce)", _MARK),
    _kind(
        "idinvert_stylegan1",
        "StyleGAN1 .pth of in-domain inversion (genforce/idinvert_pytorch)",
        _IN_DOMAIN_MARK,
    ),
)
