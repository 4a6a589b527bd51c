"""Strict and total assignment of named arrays onto a module."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from converters import errors

_MAX_LISTED = 40


def build(
    make_module: Callable[[], Any], arrays: Mapping[str, Any], *, source: str = ""
) -> Any:
    """Makes a module and gives it the arrays.

    Args:
      make_module: makes the module; it is only traced, so that no random weights are
        drawn.
      arrays: `{"mapping.fc0.weight": array}`; exactly one array for every variable of
        the module, in its shape. Floating-point arrays are cast to the module's type.
      source: the file, for the message.

    Returns:
      The module.

    Raises:
      ConversionError: lists everything missing, unused, misshapen, or not finite.
    """
    graphdef, abstract = nnx.split(nnx.eval_shape(make_module))
    wanted = {".".join(map(str, path)): v for path, v in nnx.to_flat_state(abstract)}
    problems = _problems(wanted, arrays)
    if problems:
        more = len(problems) - _MAX_LISTED
        if more > 0:
            problems = [*problems[:_MAX_LISTED], f"... and {more} more"]
        raise errors.ConversionError(
            "the weights do not fit the network:\n  " + "\n  ".join(problems),
            source=source,
        )
    for name, variable in wanted.items():
        variable.set_value(jnp.asarray(_cast(arrays[name], variable.dtype)))
    return nnx.merge(graphdef, abstract)


def _problems(wanted: Mapping[str, Any], arrays: Mapping[str, Any]) -> list[str]:
    missing = sorted(wanted.keys() - arrays.keys())
    problems = [f"missing: {name} {tuple(wanted[name].shape)}" for name in missing]
    for name in sorted(arrays.keys() - wanted.keys()):
        problems.append(f"unused: {name} {np.shape(arrays[name])}")
    for name in sorted(wanted.keys() & arrays.keys()):
        shape, array = tuple(wanted[name].shape), arrays[name]
        if not isinstance(array, np.ndarray | np.generic):
            problems.append(f"no array: {name} is a {type(array).__name__}")
        elif array.shape != shape:
            problems.append(f"shape: {name} must be {shape}, got {array.shape}")
        elif not np.can_cast(array.dtype, wanted[name].dtype, "same_kind") and (
            array.dtype.kind not in "biuV"
        ):
            problems.append(f"type: {name} cannot be {array.dtype}")
        elif not np.all(np.isfinite(array)):
            problems.append(f"not finite: {name} holds NaN or infinity")
    return problems


def _cast(array: np.ndarray, dtype: Any) -> np.ndarray:
    return np.ascontiguousarray(array, dtype).reshape(array.shape)
