"""State dicts of ordinary PyTorch networks: axis orders and renamings."""

from collections.abc import Iterable, Mapping

import numpy as np

from converters import conversion_errors
from converters.formats import entry_names

Rules = Iterable[tuple[str, str]]

# Body of IR-SE networks; ArcFace's recognizer and the encoders share it.
IRSE_RULES = (
    (r"^input_layer\.0\.", "conv."),
    (r"^input_layer\.1\.", "bn."),
    (r"^input_layer\.2\.", "prelu."),
    (r"^body\.(\d+)\.", r"body_\1."),
    (r"\.shortcut_layer\.0\.", ".shortcut."),
    (r"\.shortcut_layer\.1\.", ".shortcut_bn."),
    (r"\.res_layer\.0\.", ".bn1."),
    (r"\.res_layer\.1\.", ".conv1."),
    (r"\.res_layer\.2\.", ".prelu."),
    (r"\.res_layer\.3\.", ".conv2."),
    (r"\.res_layer\.4\.", ".bn2."),
    (r"\.res_layer\.5\.", ".se."),
)
DOWNSAMPLE_RULES = (
    (r"\.downsample\.0\.", ".downsample."),
    (r"\.downsample\.1\.", ".downsample_bn."),
)


def translate(
    tree: Mapping[str, np.ndarray], rules: Rules = ()
) -> dict[str, np.ndarray]:
    """Renames entries and turns convolutions to HWIO and dense weights to `[in, out]`.

    Counters of training steps (`num_batches_tracked`) are left out.

    Raises:
      ConversionError: two entries get the same name.
    """
    found: dict[str, np.ndarray] = {}
    for name, array in tree.items():
        if name.rpartition(".")[2] == "num_batches_tracked":
            continue
        ours = entry_names.rename(name, rules)
        if ours in found:
            raise conversion_errors.ConversionError(
                f"two entries for {ours!r}", entry=name
            )
        found[ours] = axes(array)
    return found


def axes(array: np.ndarray) -> np.ndarray:
    """Our axis order of a weight, told by its rank."""
    rank = np.ndim(array)
    if rank == 4:
        return entry_names.hwio(array)
    return entry_names.dense(array) if rank == 2 else array


def stage_depths(
    tree: Mapping[str, np.ndarray], weight: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The widths and depths of a body's stages: a stage is a run of equal widths.

    Args:
      tree: the state dict.
      weight: the name of a block's first convolution, with `{}` for its number.

    Raises:
      ConversionError: there is no such block.
    """
    widths: list[int] = []
    depths: list[int] = []
    for index in range(entry_names.count(tree, weight)):
        name = weight.format(index)
        width = entry_names.check_rank(tree[name], 4).shape[0]
        if not widths or widths[-1] != width:
            widths.append(width)
            depths.append(0)
        depths[-1] += 1
    if not widths:
        raise conversion_errors.ConversionError("missing", entry=weight.format(0))
    return tuple(widths), tuple(depths)


def side_of(inputs: int, channels: int) -> int:
    """The side of the square map behind a dense layer of so many inputs.

    Raises:
      ConversionError: there is none.
    """
    side = round((inputs / max(channels, 1)) ** 0.5)
    if side * side * channels != inputs:
        raise conversion_errors.ConversionError(
            f"a dense layer of {inputs} inputs behind {channels} channels"
        )
    return side
