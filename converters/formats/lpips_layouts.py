"""LPIPS: the published heads, and the trunks of torchvision they sit on."""

import os
import re

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import (
    assign,
    checkpoint_layouts,
    entry_names,
    vgg_layouts,
    views,
)
from converters.readers import contents
from jax_encoder.nn import lpips


def load_lpips(
    trunk_path: str | os.PathLike[str],
    heads_path: str | os.PathLike[str] | None = None,
) -> lpips.LPIPS:
    """Joins a trunk and its heads into the distance.

    Args:
      trunk_path: VGG16, AlexNet or SqueezeNet 1.1 of torchvision.
      heads_path: the heads of LPIPS v0.1 for the same trunk (`vgg.pth`, `alex.pth`,
        `squeeze.pth`); None for the uncalibrated distance.

    Returns:
      The distance.

    Raises:
      ConversionError: a file is something else, or the two do not belong together.
    """
    trunk = contents.read(trunk_path)
    try:
        if heads_path is None:
            return join(trunk.tree)
        heads = contents.read(heads_path)
        return join(trunk.tree, heads.tree)
    except conversion_errors.ConversionError as error:
        where = trunk_path if heads_path is None else f"{trunk_path} + {heads_path}"
        raise error.within(str(where)) from None


def join(trunk_tree: object, heads_tree: object = None) -> lpips.LPIPS:
    """`load_lpips` for state dicts in memory.

    Raises:
      ConversionError: a tree is something else, or the two do not belong together.
    """
    trunk_table = views.plain(trunk_tree)
    trunk = vgg_layouts.trunk_name(trunk_table)
    if trunk is None or not isinstance(trunk_table, dict):
        raise conversion_errors.ConversionError(
            "the trunk must be VGG16, AlexNet or SqueezeNet 1.1 of torchvision"
            " (entries like 'features.0.weight')"
        )
    arrays = {
        f"trunk.{k}": v for k, v in vgg_layouts.features(trunk_table, trunk).items()
    }
    if heads_tree is not None:
        heads = entry_names.table(views.plain(heads_tree))
        if heads_name(heads) != trunk:
            raise conversion_errors.ConversionError(
                f"the trunk is {trunk!r}, the heads are for"
                f" {heads_name(heads)!r}: take the file of the same name"
            )
        arrays |= {f"heads.{k}": v for k, v in _heads(heads).items()}
    config = lpips.LPIPSConfig(trunk=trunk, is_calibrated=heads_tree is not None)
    return assign.build(lambda: lpips.LPIPS(config, rngs=nnx.Rngs(0)), arrays)


def heads_name(tree: object) -> str | None:
    """The trunk that a tree of heads is for: "vgg", "alex" or "squeeze"; or None."""
    if not entry_names.is_state_dict(tree):
        return None
    number = entry_names.count(tree, "lin{}.model.1.weight")
    widths = tuple(tree[f"lin{index}.model.1.weight"].size for index in range(number))
    known = {lpips.LPIPSConfig(trunk=t).widths: t for t in ("vgg", *lpips.WIDTHS)}
    return known.get(widths)


def _heads(tree: entry_names.Entries) -> dict[str, np.ndarray]:
    arrays = {}
    for name, array in tree.items():
        layer, _, rest = name.partition(".")
        if rest != "model.1.weight":
            raise conversion_errors.ConversionError(
                "LPIPS heads have no such entry", entry=name
            )
        if np.any(array < 0):
            raise conversion_errors.ConversionError(
                "LPIPS heads must not be negative: the distance is a sum of squares",
                entry=name,
            )
        arrays[layer] = array.reshape(-1)
    return arrays


def _build_heads(tree: entry_names.Entries) -> lpips.Heads:
    trunk = heads_name(tree)
    if trunk is None:
        raise conversion_errors.ConversionError(
            "LPIPS heads are entries 'lin0.model.1.weight' [1, C, 1, 1] of the channels"
            f" {lpips.LPIPSConfig().widths} (vgg) or {lpips.WIDTHS}"
        )
    config = lpips.LPIPSConfig(trunk=trunk)
    return assign.build(lambda: lpips.Heads(config, rngs=nnx.Rngs(0)), _heads(tree))


def _parts_of_whole(
    tree: entry_names.Entries,
) -> tuple[entry_names.Entries, entry_names.Entries]:
    """The trunk and the heads in a whole `LPIPS().state_dict()`, each in its own names.

    richzhang's class numbers its trunk as torchvision does, in slices
    (`net.slice2.5.weight`); pSp's and e4e's counts on (`net.layers.5.weight`) and has
    `lin.0.1.weight`. Some versions list the heads twice (`lins.0...`).
    """
    trunk, heads = entry_names.Entries(), entry_names.Entries()
    for name, value in tree.items():
        if match := re.fullmatch(r"net\.(?:slice\d+|layers)\.(\d{1,2}\..+)", name):
            trunk[f"features.{match[1]}"] = value
        elif match := re.fullmatch(r"lin(\d|\.\d\.1)(\.model\.1)?\.weight", name):
            heads[f"lin{match[1].strip('.')[0]}.model.1.weight"] = value
        elif not re.match(r"scaling_layer\.|lins\.|net\.(mean|std)$", name):
            raise conversion_errors.ConversionError(
                "a whole LPIPS has no such entry", entry=name
            )
    return trunk, heads


def _is_whole(tree: object) -> bool:
    return entry_names.is_state_dict(tree) and any(
        {f"net.{first}.weight", head} <= tree.keys()
        for first in ("slice1.0", "layers.0")
        for head in ("lin0.model.1.weight", "lin.0.1.weight")
    )


def _missing_of_whole(tree: object) -> str:
    return "" if _is_whole(tree) else "the entry 'net.slice1.0.weight'"


KINDS = (
    checkpoint_layouts.Kind(
        name="lpips",
        description="LPIPS heads, which a trunk makes a distance of (load_lpips)",
        recognize=lambda tree: not _is_whole(tree) and heads_name(tree) is not None,
        missing=checkpoint_layouts.needs(("lin0.model.1.weight",)),
        parts=lambda tree: ("heads",),
        build=checkpoint_layouts.whole(_build_heads),
    ),
    checkpoint_layouts.Kind(
        name="lpips_whole",
        description="LPIPS, trunk and heads (the state dict of the whole module)",
        recognize=_is_whole,
        missing=_missing_of_whole,
        parts=lambda tree: ("lpips",),
        build=checkpoint_layouts.whole(lambda tree: join(*_parts_of_whole(tree))),
    ),
)
