"""The library without its special formulations, to tell what each of them brings."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import jax

from jax_encoder.ops import backends

SPECIAL = {
    "strips": "strip_side",
    "tiles": "tile_channels",
    "phases": "lrelu_tile",
    "filling": "filled_channels",
}
"""Names of special formulations, and the limits whose defaults choose none of them."""


@contextlib.contextmanager
def without(names: Sequence[str] = tuple(SPECIAL)) -> Iterator[None]:
    """Traces what is inside without some of the special formulations.

    Args:
      names: of `SPECIAL`; default: all.
    """
    defaults = {
        SPECIAL[name]: getattr(backends.Choices(), SPECIAL[name]) for name in names
    }
    saved = dict(backends.BACKENDS)
    jax.clear_caches()  # What was traced before has its formulations already.
    for backend, choices in saved.items():
        backends.BACKENDS[backend] = dataclasses.replace(choices, **defaults)
    try:
        yield
    finally:
        backends.BACKENDS.update(saved)
        jax.clear_caches()


@contextlib.contextmanager
def as_on(backend: str) -> Iterator[None]:
    """Traces what is inside with the formulations of another backend.

    Args:
      backend: as `jax.default_backend()` would name it there: "gpu", "tpu", "cpu".
    """
    here = jax.default_backend()
    saved = dict(backends.BACKENDS)
    jax.clear_caches()
    backends.BACKENDS[here] = saved.get(backend, backends.Choices())
    try:
        yield
    finally:
        backends.BACKENDS.clear()
        backends.BACKENDS.update(saved)
        jax.clear_caches()
