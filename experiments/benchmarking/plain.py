"""The library without its special formulations, to tell what each of them brings."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import jax

from jax_encoder.ops import formulations

SPECIAL: dict[str, dict[str, Any]] = {
    "strips": {"strip_side": sys.maxsize},
    "tiles": {"tile_channels": sys.maxsize},
    "phases": {"lrelu_tile": None},
}
"""Names of special formulations, and the limits under which none is chosen."""


@contextlib.contextmanager
def without(names: Sequence[str] = tuple(SPECIAL)) -> Iterator[None]:
    """Traces what is inside without some of the special formulations.

    Args:
      names: of `SPECIAL`; default: all.
    """
    limits: dict[str, Any] = {}
    for name in names:
        limits |= SPECIAL[name]
    saved = dict(formulations.BACKENDS)
    jax.clear_caches()  # What was traced before has its formulations already.
    for backend, choices in saved.items():
        formulations.BACKENDS[backend] = dataclasses.replace(choices, **limits)
    try:
        yield
    finally:
        formulations.BACKENDS.update(saved)
        jax.clear_caches()
