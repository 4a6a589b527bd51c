"""Strict and total assignment of named arrays onto a module."""

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax import nnx

from converters import conversion_errors
from jax_encoder.nn import checks

Module = TypeVar("Module", bound=nnx.Module)

_MAX_LISTED = 40
_MAX_NAME = 200
_MAX_SHARING = 8
_SPARE_BYTES = 256 << 20


def build(
    make_module: Callable[[], Module],
    arrays: Mapping[str, object],
    *,
    source: str = "",
) -> Module:
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
    check_sharing(arrays)
    graphdef, abstract = nnx.split(nnx.eval_shape(make_module))
    wanted = {".".join(map(str, path)): v for path, v in nnx.to_flat_state(abstract)}
    sizes = [math.prod(v.shape) * v.dtype.itemsize for v in wanted.values()]
    try:
        checks.check_size(sum(sizes))
    except ValueError as error:
        raise conversion_errors.ConversionError(str(error), source=source) from None
    problems = _misfits(wanted, arrays)
    if not problems:  # one array at a time: there may be no room for all of them twice
        for name, variable in wanted.items():
            array = _cast(np.asarray(arrays[name]), variable.dtype)
            if not np.all(np.isfinite(array)):
                problems.append(f"not finite: {name} holds NaN or infinity")
            variable.set_value(jnp.asarray(array))
    if problems:
        more = len(problems) - _MAX_LISTED
        if more > 0:
            problems = [*problems[:_MAX_LISTED], f"... and {more} more"]
        raise conversion_errors.ConversionError(
            "the weights do not fit the network:\n  " + "\n  ".join(problems),
            source=source,
        )
    return nnx.merge(graphdef, abstract)


def check_sharing(arrays: Mapping[str, object]) -> None:
    """Refuses a small file in which many entries share one large array.

    A network has every entry for itself, in float32, so that such a file would take
    far more memory than it is large.

    Args:
      arrays: by name; what is no array is left out.

    Raises:
      ConversionError: they would take more than `_MAX_SHARING` times their bytes.
    """
    found = [x for x in arrays.values() if isinstance(x, np.ndarray) and x.size]
    wanted = sum(4 * array.size for array in found)
    if wanted <= _SPARE_BYTES:
        return
    held, end = 0, 0
    for low, high in sorted(map(np.lib.array_utils.byte_bounds, found)):
        held += max(0, high - max(low, end))
        end = max(end, high)
    if wanted > _SPARE_BYTES + _MAX_SHARING * held:
        raise conversion_errors.ConversionError(
            f"its entries share {held} bytes, of which a network of {wanted} would be"
            " made; no checkpoint does so"
        )


def _misfits(
    wanted: Mapping[str, nnx.Variable], arrays: Mapping[str, object]
) -> list[str]:
    """What is missing, unused, misshapen or of another type."""
    missing = sorted(wanted.keys() - arrays.keys())
    problems = [f"missing: {name} {tuple(wanted[name].shape)}" for name in missing]
    for name in sorted(arrays.keys() - wanted.keys()):
        problems.append(f"unused: {name[:_MAX_NAME]} {_kind(arrays[name])}")
    for name in sorted(wanted.keys() & arrays.keys()):
        shape, array = tuple(wanted[name].shape), arrays[name]
        if not isinstance(array, np.ndarray | np.generic):
            problems.append(f"no array: {name} is a {_kind(array)}")
        elif array.shape != shape:
            problems.append(f"shape: {name} must be {shape}, got {array.shape}")
        elif not _fits(array.dtype, wanted[name].dtype):
            problems.append(f"type: {name} cannot be {array.dtype}")
    return problems


def _kind(value: object) -> str:
    # Other foreign values are not shown: their text may be endless.
    is_array = isinstance(value, np.ndarray | np.generic)
    return str(value.shape) if is_array else type(value).__name__


def _fits(given: np.dtype, wanted: np.dtype) -> bool:
    is_bfloat16 = given == ml_dtypes.bfloat16
    return is_bfloat16 or np.can_cast(given, wanted, "same_kind")


def _cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):  # becomes infinite, which is reported
        return np.ascontiguousarray(array, dtype).reshape(array.shape)
