"""Axis orders and names: theirs to ours."""

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import numpy as np

from converters import conversion_errors

_MAX_NAME = 200


class Entries(dict[str, Any]):
    """A table of a file whose missing entries are errors with a name.

    Not changed once it is made.

    Attributes:
      around: what the wrappers around the table hold beside it.
    """

    around: Mapping[str, object] = {}

    def __missing__(self, name: object):
        shown = name[:_MAX_NAME] if isinstance(name, str) else type(name).__name__
        raise conversion_errors.ConversionError("missing", entry=shown)

    def nearby(self, name: str):
        """An entry of the table, or of what is around it; None if there is none."""
        value = self.get(name)
        return self.around.get(name) if value is None else value

    @functools.cached_property
    def is_state_dict(self) -> bool:
        """Whether it holds names and arrays and nothing else."""
        return _is_state_dict(self)


def hwio(kernel: np.ndarray) -> np.ndarray:
    """A convolution kernel `[O, I, H, W]` (torch) as `[H, W, I, O]`."""
    return np.transpose(check_rank(kernel, 4), (2, 3, 1, 0))


def oihw(kernel: np.ndarray) -> np.ndarray:
    """A convolution kernel `[H, W, I, O]` (ours, TensorFlow) as `[O, I, H, W]`."""
    return np.transpose(check_rank(kernel, 4), (3, 2, 0, 1))


def dense(weight: np.ndarray) -> np.ndarray:
    """A dense weight `[O, I]` (torch) as `[I, O]`, and back."""
    return np.transpose(check_rank(weight, 2))


def dense_from_chw(
    weight: np.ndarray, channels: int, height: int, width: int
) -> np.ndarray:
    """A dense weight behind a flattened picture, torch to ours.

    Args:
      weight: `[O, C * H * W]`; its inputs are flattened channels first.
      channels: of the features before flattening.
      height: of the features.
      width: of the features.

    Returns:
      `[H * W * C, O]`, for features flattened as `[H, W, C]`.
    """
    num_out = check_rank(weight, 2).shape[0]
    if weight.shape[1] != channels * height * width:
        raise conversion_errors.ConversionError(
            f"a dense weight {weight.shape} behind {channels}x{height}x{width} features"
        )
    blocks = weight.reshape(num_out, channels, height, width)
    return np.transpose(blocks, (2, 3, 1, 0)).reshape(-1, num_out)


def check_rank(array: np.ndarray, rank: int) -> np.ndarray:
    """The array itself.

    Raises:
      ConversionError: it has another number of axes, or is no array.
    """
    if not isinstance(array, np.ndarray) or array.ndim != rank:
        shape = getattr(array, "shape", type(array).__name__)
        raise conversion_errors.ConversionError(
            f"an array of {rank} axes was wanted, got {shape}"
        )
    return array


def table(tree: object) -> Entries:
    """The tree itself, where it is a table.

    Raises:
      ConversionError: it is none.
    """
    if isinstance(tree, Entries):
        return tree
    if not isinstance(tree, dict):
        raise conversion_errors.ConversionError(
            "not a table of named arrays (a state dict)"
        )
    return Entries(tree)


def is_state_dict(tree: object) -> TypeGuard[Entries]:
    """Whether `tree` is a dict of names to arrays (and nothing else but scalars)."""
    if isinstance(tree, Entries):
        return tree.is_state_dict
    return isinstance(tree, dict) and _is_state_dict(tree)


def _is_state_dict(tree: dict) -> bool:
    return (
        bool(tree)
        and all(isinstance(name, str) for name in tree)
        and all(isinstance(value, np.ndarray | np.generic) for value in tree.values())
    )


def texts(tree: Mapping) -> Entries:
    """The entries whose names are texts of a reasonable length."""
    return Entries(
        (name, value)
        for name, value in tree.items()
        if isinstance(name, str) and len(name) <= 1000
    )


def under(tree: Mapping[str, np.ndarray], prefix: str) -> Entries:
    """The entries whose names begin with `prefix`, without it."""
    return Entries(
        (name[len(prefix) :], value)
        for name, value in tree.items()
        if isinstance(name, str) and name.startswith(prefix)
    )


def without(tree: Mapping[str, np.ndarray], pattern: str) -> dict[str, np.ndarray]:
    """The entries whose whole names do not match the regular expression."""
    expression = re.compile(pattern)
    return {k: v for k, v in tree.items() if not expression.fullmatch(k)}


def rename(name: str, rules: Iterable[tuple[str, str]]) -> str:
    """Applies every (pattern, replacement) rule in turn.

    Args:
      name: theirs.
      rules: regular expressions that must match at the beginning of a name's part.
    """
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def count(tree: Mapping[str, object], pattern: str) -> int:
    """How many of `pattern.format(0)`, `pattern.format(1)`, ... there are in a row."""
    number = 0
    while pattern.format(number) in tree:
        number += 1
    return number
