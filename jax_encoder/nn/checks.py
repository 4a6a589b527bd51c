"""Values that may come from anywhere: short descriptions, and configs held to limits.

A value out of a foreign file may be a list that holds itself, or a text of gigabytes;
`str` and `repr` of it need not end. `describe` looks no deeper than its first few
characters. `validate` holds every config of a network to types and bounds before any
array is made.
"""

import dataclasses
import functools
import math
import os
import types
import typing
from typing import Any

import numpy as np

from jax_encoder.errors import InputError

_MAX_TEXT = 60
_MAX_BITS = 64
_SIZED = (list, tuple, dict, set, frozenset)
_UNIONS = (types.UnionType, typing.Union)


def describe(value: object, limit: int = _MAX_TEXT) -> str:
    """Shows any value in a few printable characters.

    Args:
      value: anything, however large or deep.
      limit: of the characters of a text that are shown.

    Returns:
      The value of a scalar, the beginning of a text in quotes, the type and the size
      of anything else; ASCII.
    """
    if isinstance(value, str):
        text = value[: limit + 1]
        shown = text[:limit].encode("unicode_escape").decode("ascii")
        return f"'{shown}{'...' * (len(text) > limit)}'"
    if value is None or isinstance(value, bool | float | complex | np.number | np.bool):
        return str(value)
    if isinstance(value, int):
        bits = int.bit_length(value)
        return str(value) if bits <= _MAX_BITS else f"an integer of {bits} bits"
    if isinstance(value, np.ndarray):
        return f"an array of {str(value.dtype)[:limit]} {list(value.shape)}"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, _SIZED):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a value of the type {type(value).__name__}"


def failure(error: BaseException) -> str:
    """Says what an exception says, without the values that it may hold.

    Args:
      error: raised over foreign values, any of which may be among its arguments.

    Returns:
      Its type and, of its arguments, the first if that is a text.
    """
    first = error.args[0] if error.args else ""
    name = type(error).__name__
    if isinstance(first, str) and not isinstance(error, KeyError):
        # In one line, whatever other packages or a file put into it.
        line = " ".join(first[:200].split())
        text = line.encode("unicode_escape").decode("ascii")
        return f"{name}: {text}" if text else name
    return f"{name} of {describe(first)}"


# What every field of a network's config may be, by its name: smallest and largest. The
# bounds are those of networks that exist, with room; they keep a damaged or hostile
# file from asking for a network that no memory holds.
LIMITS: dict[str, tuple[float, float]] = {
    "resolution": (4, 16_384),
    "input_size": (4, 16_384),
    "z_dim": (1, 8192),
    "w_dim": (1, 8192),
    "c_dim": (0, 65_536),
    "cmap_dim": (0, 8192),
    "embed_dim": (1, 8192),
    "hidden_dim": (1, 8192),
    "channels": (1, 8192),
    "channel_max": (1, 8192),
    "channel_base": (1, 1 << 24),
    "image_channels": (1, 64),
    "in_channels": (1, 64),
    "num_layers": (1, 64),
    "num_mapping_layers": (0, 64),
    "num_critical": (1, 64),
    "num_ws": (0, 256),
    "num_mapped_ws": (1, 256),
    "num_steps": (1, 1000),
    "num_inputs": (1, 65_536),
    "num_outputs": (0, 65_536),
    "num_channels": (1, 8192),
    "num_group_channels": (0, 8192),
    "group_size": (1, 8192),
    "hidden_size": (1, 65_536),
    "hidden_sizes": (1, 65_536),
    "fc_sizes": (1, 65_536),
    "embedding_size": (1, 65_536),
    "pool_size": (1, 256),
    "widths": (1, 8192),
    "width": (1, 8192),
    "patch_size": (1, 1024),
    "num_heads": (1, 256),
    "depths": (0, 64),
    "reduction": (1, 8192),
    "taps": (-1e6, 1e6),
    "lr_multiplier": (1e-6, 1e3),
    "mapping_lr_multiplier": (1e-6, 1e3),
    "conv_clamp": (1e-3, 1e8),
    "lod": (0, 16),
    "first_cutoff": (1e-3, 8192),
    "first_stopband": (1e-3, 16_384),
    "last_stopband_rel": (1e-3, 64),
    "margin_size": (0, 1024),
    "output_scale": (1e-6, 1e6),
    "conv_kernel": (1, 15),
    "filter_size": (1, 64),
    "lrelu_upsampling": (1, 16),
}
_MAX_ENTRIES = 64
_MAX_WORD = 100


MAX_BYTES = 8 << 30
_CEILING = "JAX_ENCODER_MAX_NETWORK_GIB"


def ceiling() -> int:
    """The bytes that a network may take: 8 GiB, unless the environment raises it."""
    raised = os.environ.get(_CEILING, "")
    return int(raised) << 30 if raised.isdecimal() and len(raised) < 6 else MAX_BYTES


def check_size(num_bytes: int, limit: int | None = None) -> None:
    """Refuses a network that would fill the memory, before any array is made.

    Args:
      num_bytes: that its arrays will take.
      limit: None for `ceiling()`.

    Raises:
      ValueError: they exceed the limit; says how to raise it.
    """
    limit = ceiling() if limit is None else limit
    if num_bytes > limit:
        raise InputError(
            f"these settings ask for a network of {num_bytes / 2**30:.1f} GiB; at most"
            f" {limit / 2**30:.1f} GiB are allowed, unless {_CEILING} is set higher."
        )


def check_whole(value: object, name: str, *, low: int) -> None:
    """Refuses what is no whole number, or too small a one.

    Args:
      value: what a person gave.
      name: what it was given as.
      low: the smallest that makes sense, 0 or 1.

    Raises:
      ValueError: says what came.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise InputError(f"`{name}` must be a whole number, got {describe(value)}.")
    if value < low:
        rule = "must not be negative: got" if low == 0 else "must be positive, got"
        raise InputError(f"`{name}` {rule} {describe(value)}.")


def check_positive(value: object, name: str) -> None:
    """Refuses what is no positive, finite number.

    Args:
      value: what a person gave.
      name: what it was given as.

    Raises:
      ValueError: says what came.
    """
    is_number = isinstance(value, int | float | np.number)
    if not is_number or isinstance(value, bool) or not 0 < float(value) < math.inf:
        raise InputError(f"`{name}` must be a positive number, got {describe(value)}.")


def validate(config: object, *, where: str = "") -> None:
    """Checks the type, the finiteness and the bounds of every field of a config.

    Args:
      config: a dataclass whose annotations are plain: numbers, truth values, texts,
        tuples of them, None, and configs inside. Every number needs a name in `LIMITS`.
      where: precedes the fields' names in messages.

    Raises:
      ValueError: names the field, what it may be and what came.
    """
    for name, kind in _annotations(type(config)).items():
        _validate(getattr(config, name), kind, name, f"{where}{name}")
    family, own = (getattr(x, "family", None) for x in (config, type(config)))
    if family != own:
        raise InputError(
            f"`{where}family` must be {describe(own)}, got {describe(family)}."
        )


@functools.cache
def _annotations(config_class: type) -> dict[str, object]:
    hints = typing.get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class)}


def _validate(value: object, kind: object, name: str, where: str) -> None:
    options = typing.get_args(kind) if typing.get_origin(kind) in _UNIONS else (kind,)
    for option in options:
        if _is_a(value, option):
            _check_inside(value, option, name, where)
            return
    raise InputError(
        f"`{where}` must be {_allowed(kind, name)}, got {describe(value)}."
    )


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value is of the kind, not looking inside of tuples and configs."""
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple)
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)


def _check_inside(value: object, kind: object, name: str, where: str) -> None:
    is_right = True
    if isinstance(value, tuple):
        inner = typing.get_args(kind)
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        is_right = len(kinds) == len(value) <= _MAX_ENTRIES
        if is_right:
            for index, (item, item_kind) in enumerate(zip(value, kinds, strict=True)):
                _validate(item, item_kind, name, f"{where}[{index}]")
    elif isinstance(value, str):
        is_right = len(value) <= _MAX_WORD
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = LIMITS[name]
        is_right = low <= value <= high  # false for NaN
    elif dataclasses.is_dataclass(value):
        validate(value, where=f"{where}.")
    if not is_right:
        raise _refusal(value, kind, name, where)


def _refusal(value: object, kind: object, name: str, where: str) -> ValueError:
    allowed = _allowed(kind, name)
    return ValueError(f"`{where}` must be {allowed}, got {describe(value)}.")


def _allowed(kind: Any, name: str) -> str:
    """What a field may be, in words."""
    if typing.get_origin(kind) in _UNIONS:
        return " or ".join(_allowed(option, name) for option in typing.get_args(kind))
    if kind in (int, float):
        low, high = LIMITS[name]
        number = "a whole number" if kind is int else "a number"
        return f"{number} from {low:g} to {high:g}"
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        count = f"at most {_MAX_ENTRIES}" if inner[-1] is ... else str(len(inner))
        return f"a tuple of {count}, each {_allowed(inner[0], name)}"
    words = {bool: "true or false", str: f"a text of at most {_MAX_WORD} characters"}
    return words.get(kind, "None" if kind is type(None) else f"a {kind.__name__}")
