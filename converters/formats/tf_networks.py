"""Pickled `dnnlib.tflib.network.Network`s as plain tables (StyleGAN 1 and 2, TF)."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from converters import conversion_errors
from converters.readers.records import Record

KIND = "dnnlib.tflib.network.Network"
PARTS = ("G_ema", "G", "D")
_MAX_NETWORKS = 64
_MAX_VARIABLES = 10_000
_MAX_NAME = 500


def is_network(value: object) -> TypeGuard[Record]:
    """Whether `value` is a pickled network."""
    return (
        isinstance(value, Record)
        and value.kind == KIND
        and isinstance(value.get("variables"), list | tuple)
    )


def is_triple(tree: object) -> TypeGuard[Sequence[Record]]:
    """Whether `tree` is what both trainers write: (G, D, Gs)."""
    return (
        isinstance(tree, tuple | list)
        and len(tree) == 3
        and all(is_network(network) for network in tree)
    )


def missing(tree: object) -> str:
    """What the tree lacks to be such a file; for `base.Kind`."""
    return "" if is_triple(tree) else "the pickled networks (G, D, Gs) of TensorFlow"


def networks(tree: Sequence[Record]) -> dict[str, Record]:
    """The networks of a file by part, the averaged generator (Gs) first."""
    generator, discriminator, average = tree
    return {"G_ema": average, "G": generator, "D": discriminator}


def version(network: Record) -> int:
    """The format's number: 2 and 3 are StyleGAN1's, 4 and up StyleGAN2's."""
    number = network.get("version")
    if not isinstance(number, int):
        raise conversion_errors.ConversionError(
            "a TensorFlow network without a version"
        )
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
    found: dict[str, np.ndarray] = {}
    waiting = [("", network)]
    for _ in range(_MAX_NETWORKS):
        if not waiting:
            return found
        prefix, inner = waiting.pop()
        found |= _own_variables(inner, prefix)
        components = inner.get("components")
        components = components if isinstance(components, dict) else {}
        if len(components) > _MAX_NETWORKS or len(prefix) > _MAX_NAME:
            break
        waiting += [(f"{prefix}{name}/", c) for name, c in components.items()]
    raise conversion_errors.ConversionError(
        "the components of the network hold each other"
    )


def _own_variables(network: Record, prefix: str) -> dict[str, np.ndarray]:
    if not is_network(network) or len(network.get("variables")) > _MAX_VARIABLES:
        raise conversion_errors.ConversionError(
            "the components of the network are damaged"
        )
    found: dict[str, np.ndarray] = {}
    for item in network.get("variables"):
        if not _is_variable(item):
            raise conversion_errors.ConversionError("a variable that is no named array")
        found[f"{prefix}{item[0]}"] = np.asarray(item[1])
    return found


def _is_variable(item: object) -> bool:
    return (
        isinstance(item, tuple | list)
        and len(item) == 2
        and isinstance(item[0], str)
        and len(item[0]) <= _MAX_NAME
        and isinstance(item[1], np.ndarray | np.generic)
    )
