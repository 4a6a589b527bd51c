"""StyleGAN3's filtered leaky ReLU (Karras et al. 2021, arXiv:2106.12423, Section 3).

A pointwise nonlinearity creates frequencies that the sampling grid cannot hold. The map
is therefore upsampled, activated, and filtered back down. `plain` says it step by step
and is what the tests hold the faster formulation against.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.ops import activation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resampling:
    """The constants of one filtered leaky ReLU; hashable, hence static under `jit`.

    Attributes:
      up: zeros are inserted to multiply the sampling rate by this.
      down: every `down`-th sample is kept at the end.
      padding: zeros added before and after both axes, after zero insertion; negative
        numbers crop.
      gain: factor of the activation.
      slope: of the negative side.
      clamp: bound on the magnitude after the gain, or None.
    """

    up: int = 1
    down: int = 1
    padding: tuple[int, int] = (0, 0)
    gain: float = activation.SQRT2
    slope: float = activation.SLOPE
    clamp: float | None = None

    def __post_init__(self):
        if self.up < 1 or self.down < 1:
            raise InputError(
                f"`up` and `down` must be positive: got {self.up=}, {self.down=}."
            )

    def output_size(self, size: int, up_taps: int, down_taps: int) -> int:
        """Returns the side of the output for a side of the input.

        Raises:
          ValueError: nothing would be left.
        """
        wide = size * self.up + sum(self.padding) - (up_taps - 1) - (down_taps - 1)
        if wide < 1:
            raise InputError(
                f"A map of {size} pixels is too small for {up_taps} and {down_taps}"
                f" taps with {self}."
            )
        return (wide - 1) // self.down + 1


def activate(x: jax.Array, resampling: Resampling) -> jax.Array:
    """Leaky ReLU, gain and clamp, elementwise."""
    y = jnp.where(x < 0, x * (resampling.slope * resampling.gain), x * resampling.gain)
    if resampling.clamp is not None:
        y = jnp.clip(y, -resampling.clamp, resampling.clamp)
    return y


def plain(
    x: jax.Array,
    up_filter: jax.Array,
    down_filter: jax.Array,
    resampling: Resampling,
) -> jax.Array:
    """Upsamples, activates and downsamples, step by step.

    Args:
      x: `[N, H, W, C]`, bias added.
      up_filter: `[K]` (separable) or `[K, K]`; sums to one.
      down_filter: `[L]` (separable) or `[L, L]`; sums to one.
      resampling: the constants.

    Returns:
      `[N, H', W', C]`.

    Raises:
      ValueError: the map is too small.
    """
    resampling.output_size(x.shape[1], up_filter.shape[0], down_filter.shape[0])
    resampling.output_size(x.shape[2], up_filter.shape[0], down_filter.shape[0])
    before, after = resampling.padding
    # The last sample is followed by up - 1 zeros, as in the official upsampling.
    after += resampling.up - 1
    widths = (before, after, resampling.up - 1)
    zero = jnp.zeros((), x.dtype)
    wide = jax.lax.pad(x, zero, ((0, 0, 0), widths, widths, (0, 0, 0)))
    wide = _filter(wide, up_filter, 1) * resampling.up**2
    return _filter(activate(wide, resampling), down_filter, resampling.down)


def _filter(x: jax.Array, taps: jax.Array, stride: int) -> jax.Array:
    """Convolves every channel; keeps every `stride`-th output."""
    planes = jnp.moveaxis(x, 3, 1).reshape(-1, *x.shape[1:3], 1)
    taps = jnp.flip(taps).astype(x.dtype)
    if taps.ndim == 2:
        kernels = (taps[:, :, None, None],)
    else:
        kernels = (taps[:, None, None, None], taps[None, :, None, None])
    for kernel in kernels:
        strides = tuple(stride if size > 1 else 1 for size in kernel.shape[:2])
        planes = jax.lax.conv_general_dilated(
            planes, kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
    if taps.shape[0] == 1:
        planes = planes[:, ::stride, ::stride]
    planes = planes.reshape(x.shape[0], x.shape[3], *planes.shape[1:3])
    return jnp.moveaxis(planes, 1, 3)
