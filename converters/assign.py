"""Strict and total assignment of named arrays onto a module."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax import nnx

from converters import errors

_MAX_LISTED = 40
_MAX_NAME = 200


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
    ours, problems = _match(wanted, arrays)
    if problems:
        more = len(problems) - _MAX_LISTED
        if more > 0:
            problems = [*problems[:_MAX_LISTED], f"... and {more} more"]
        raise errors.ConversionError(
            "the weights do not fit the network:\n  " + "\n  ".join(problems),
            source=source,
        )
    for name, variable in wanted.items():
        variable.set_value(jnp.asarray(ours[name]))
    return nnx.merge(graphdef, abstract)


def _match(
    wanted: Mapping[str, Any], arrays: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays in the module's types, and what is wrong with them."""
    missing = sorted(wanted.keys() - arrays.keys())
    problems = [f"missing: {name} {tuple(wanted[name].shape)}" for name in missing]
    for name in sorted(arrays.keys() - wanted.keys()):
        problems.append(f"unused: {name[:_MAX_NAME]} {_kind(arrays[name])}")
    ours = {}
    for name in sorted(wanted.keys() & arrays.keys()):
        shape, dtype = tuple(wanted[name].shape), wanted[name].dtype
        if not isinstance(arrays[name], np.ndarray | np.generic):
            problems.append(f"no array: {name} is a {_kind(arrays[name])}")
        elif arrays[name].shape != shape:
            problems.append(f"shape: {name} must be {shape}, got {arrays[name].shape}")
        elif not _fits(arrays[name].dtype, dtype):
            problems.append(f"type: {name} cannot be {arrays[name].dtype}")
        else:
            ours[name] = _cast(arrays[name], dtype)
            if not np.all(np.isfinite(ours[name])):
                problems.append(f"not finite: {name} holds NaN or infinity")
    return ours, problems


def _kind(value: Any) -> str:
    # Other foreign values are not shown: their text may be endless.
    is_array = isinstance(value, np.ndarray | np.generic)
    return str(value.shape) if is_array else type(value).__name__


def _fits(given: np.dtype, wanted: Any) -> bool:
    is_bfloat16 = given == ml_dtypes.bfloat16
    return is_bfloat16 or np.can_cast(given, wanted, "same_kind")


def _cast(array: Any, dtype: Any) -> np.ndarray:
    with np.errstate(over="ignore"):  # becomes infinite, which is reported
        return np.ascontiguousarray(array, dtype).reshape(array.shape)
