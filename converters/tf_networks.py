"""Pickled `dnnlib.tflib.network.Network`s as plain tables (StyleGAN 1 and 2, TF)."""

from typing import Any

import numpy as np

from converters import errors
from converters.records import Record

KIND = "dnnlib.tflib.network.Network"
PARTS = ("G_ema", "G", "D")
_MAX_DEPTH = 8


def is_network(value: Any) -> bool:
    """Whether `value` is a pickled network."""
    return (
        isinstance(value, Record)
        and value.kind == KIND
        and isinstance(value.get("variables"), list | tuple)
    )


def is_triple(tree: Any) -> bool:
    """Whether `tree` is what both trainers write: (G, D, Gs)."""
    return (
        isinstance(tree, tuple | list)
        and len(tree) == 3
        and all(is_network(network) for network in tree)
    )


def networks(tree: Any) -> dict[str, Record]:
    """The networks of a file by part, the averaged generator (Gs) first."""
    generator, discriminator, average = tree
    return {"G_ema": average, "G": generator, "D": discriminator}


def version(network: Record) -> int:
    """The format's number: 2 and 3 are StyleGAN1's, 4 and up StyleGAN2's."""
    number = network.get("version")
    if not isinstance(number, int):
        raise errors.ConversionError("a TensorFlow network without a version")
    return number


def settings(network: Record) -> dict[str, Any]:
    """The arguments of the network's build function."""
    found = network.get("static_kwargs")
    return dict(found) if isinstance(found, dict) else {}


def variables(network: Record) -> dict[str, np.ndarray]:
    """All variables, those of components under the component's name.

    Returns:
      for instance `{"dlatent_avg": ..., "mapping/Dense0/weight": ...}`.

    Raises:
      ConversionError: a variable is no array.
    """
    return _variables(network, "", _MAX_DEPTH)


def _variables(network: Record, prefix: str, depth: int) -> dict[str, np.ndarray]:
    if depth == 0 or not is_network(network):
        raise errors.ConversionError("the components of the network are damaged")
    found: dict[str, np.ndarray] = {}
    for item in network.get("variables"):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise errors.ConversionError("the variables of the network are damaged")
        name, value = item
        if not isinstance(value, np.ndarray | np.generic):
            raise errors.ConversionError("no array", entry=f"{prefix}{name}")
        found[f"{prefix}{name}"] = np.asarray(value)
    components = network.get("components")
    for name, inner in (components if isinstance(components, dict) else {}).items():
        found |= _variables(inner, f"{prefix}{name}/", depth - 1)
    return found
