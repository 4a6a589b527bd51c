"""Foreign checkpoints to Flax modules, and back. Nothing in a file is ever run."""

import os
from collections.abc import Mapping

from converters.conversion_errors import ConversionError as ConversionError
from converters.formats import kinds
from converters.formats.direction_layouts import load as load_directions  # noqa: F401
from converters.formats.kinds import Conversion as Conversion
from converters.formats.kinds import convert as convert
from converters.formats.latent_codes import load as load_codes  # noqa: F401
from converters.formats.lpips_layouts import load_lpips as load_lpips
from converters.inspection import inspect as inspect
from converters.readers import contents
from jax_encoder.nn import base


def load(
    path: str | os.PathLike[str], kind: str | None = None, part: str | None = None
) -> base.Network:
    """Makes a network out of a checkpoint file.

    Args:
      path: the file.
      kind: the layout, such as "vgg_face"; recognized by content if None.
      part: the network among several in the file, such as "D"; by default the averaged
        generator.

    Returns:
      The network, an `nnx.Module` in float32.

    Raises:
      ConversionError: says what is wrong, in which file, at which entry.
    """
    return load_noting(path, kind, part).network


def load_noting(
    path: str | os.PathLike[str],
    kind: str | None = None,
    part: str | None = None,
    *,
    given: Mapping[str, object] | None = None,
) -> Conversion:
    """Does what `load` does, and notes the values that the file lacks.

    Args:
      path: the file.
      kind: as of `load`.
      part: as of `load`.
      given: values that the file lacks, by the names of `Conversion.assumed`, instead
        of the usual ones.

    Returns:
      The network and how it was made.

    Raises:
      ConversionError: says what is wrong, in which file, at which entry.
    """
    found = contents.read(path)
    return kinds.convert_noting(found.tree, kind, part, given=given, source=found.path)
