"""What each backend computes otherwise than plainly, and from which sizes on.

The rows below were measured (docs/performance.md). A backend without a row computes
everything plainly.
"""

import dataclasses
import sys

import jax


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """The measured limits of one backend; the defaults choose nothing.

    Attributes:
      strip_side: least side of a map that is upsampled in strips (`up_convolution`).
      strip_channels: least product of input and output channels for it.
      strip_bytes: what the products of a strip may take, so that they stay in cache.
      tile_side: least side of a map that is convolved in tiles (`winograd`).
      tile_channels: least number of input and of output channels for it.
      tile_bytes: what the tiles of a strip may take.
      lrelu_tile: rows and columns of a tile of the filtered leaky ReLU; None: plain.
      filled_channels: output channels below which zeros fill a convolution up to so
        many.
      kernel_gradient_by_taps: find the gradient of a kernel by one matrix product per
        tap.
    """

    strip_side: int = sys.maxsize
    strip_channels: int = 0
    strip_bytes: int = 0
    tile_side: int = 0
    tile_channels: int = sys.maxsize
    tile_bytes: int = 0
    lrelu_tile: tuple[int, int] | None = None
    filled_channels: int = 0
    kernel_gradient_by_taps: bool = False


BACKENDS = {
    "cpu": Choices(
        strip_side=32,
        strip_channels=32 * 64,
        strip_bytes=32 << 20,
        tile_side=16,
        tile_channels=32,
        tile_bytes=20 << 20,
        lrelu_tile=(16, 32),
        filled_channels=8,
        kernel_gradient_by_taps=True,
    ),
}


def choices() -> Choices:
    """Returns the limits of the default backend."""
    return BACKENDS.get(jax.default_backend(), Choices())
