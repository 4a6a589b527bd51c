"""Trading time for memory: large maps computed again instead of kept."""

from collections.abc import Callable
from typing import TypeVar

import jax

T = TypeVar("T")


def from_side(
    block: Callable[..., T], side: int, threshold: int | None
) -> Callable[..., T]:
    """Returns a block that keeps none of its maps for the backward pass.

    Args:
      block: a function of pytrees of arrays.
      side: of the maps that it makes.
      threshold: blocks of this side and above are wrapped, others returned as they
        are; None: no block is.
    """
    if threshold is None or side < threshold:
        return block
    return jax.checkpoint(block)
