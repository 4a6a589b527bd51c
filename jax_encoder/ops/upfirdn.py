"""Resampling of feature maps with short separable filters.

Upsampling inserts zeros, then filters; downsampling filters, then drops samples
(Karras et al. 2020, arXiv:1912.04958, Appendix B). The filters have a few taps, for
which sums of shifted slices are faster than depthwise convolutions on every backend
measured so far.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError

Filter = Sequence[float]


def normalize(taps: Filter, gain: float = 1.0) -> tuple[float, ...]:
    """Scales the taps of a filter so that they sum to `gain`."""
    total = float(sum(taps))
    return tuple(gain * float(tap) / total for tap in taps)


def filter_axis(
    x: jax.Array, taps: Filter, *, axis: int, padding: tuple[int, int], stride: int = 1
) -> jax.Array:
    """Convolves one axis with a short filter after zero padding.

    Args:
      x: any array.
      taps: filter taps; applied flipped, as a convolution does.
      axis: the axis to filter.
      padding: zeros added before and after.
      stride: keep every `stride`-th output.

    Returns:
      `x` with `axis` of length `(length + sum(padding) - len(taps)) // stride + 1`.
    """
    widths = [(0, 0)] * x.ndim
    widths[axis] = padding
    padded = jnp.pad(x, widths)
    length = (padded.shape[axis] - len(taps)) // stride + 1
    if length < 1:
        raise InputError(
            f"The filter is longer than the padded axis: {len(taps)=}, {axis=},"
            f" {x.shape=}, {padding=}."
        )
    total = None
    for offset, tap in enumerate(reversed(taps)):
        stop = offset + (length - 1) * stride + 1
        part = tap * jax.lax.slice_in_dim(padded, offset, stop, stride, axis)
        total = part if total is None else total + part
    assert total is not None
    return total


def filter2d(
    x: jax.Array, taps: Filter, *, padding: tuple[int, int], stride: int = 1
) -> jax.Array:
    """Convolves `[N, H, W, C]` with the outer product of `taps` with itself."""
    x = filter_axis(x, taps, axis=1, padding=padding, stride=stride)
    return filter_axis(x, taps, axis=2, padding=padding, stride=stride)


def _upsample_axis(x: jax.Array, taps: Filter, axis: int) -> jax.Array:
    """Doubles one axis; each output phase sees only its own taps, never a zero."""
    lead = (len(taps) + 1) // 2
    length = x.shape[axis]
    margin = len(taps) // 2 + 1
    widths = [(0, 0)] * x.ndim
    widths[axis] = (margin, margin)
    padded = jnp.pad(x, widths)
    phases = []
    for phase in (0, 1):
        total = None
        for index, tap in enumerate(reversed(taps)):
            shift, remainder = divmod(phase + index - lead, 2)
            if remainder:
                continue
            start = margin + shift
            part = tap * jax.lax.slice_in_dim(padded, start, start + length, 1, axis)
            total = part if total is None else total + part
        phases.append(jnp.zeros_like(x) if total is None else total)
    stacked = jnp.stack(phases, axis=axis + 1)
    return stacked.reshape(*x.shape[:axis], 2 * length, *x.shape[axis + 1 :])


def upsample2d(x: jax.Array, taps: Filter = (1, 3, 3, 1)) -> jax.Array:
    """Doubles height and width of `[N, H, W, C]`, keeping the mean.

    Args:
      x: `[N, H, W, C]`.
      taps: one-dimensional filter; normalized here.

    Returns:
      `[N, 2H, 2W, C]`.
    """
    taps = normalize(taps, 2.0)
    return _upsample_axis(_upsample_axis(x, taps, 1), taps, 2)


def downsample2d(x: jax.Array, taps: Filter = (1, 3, 3, 1)) -> jax.Array:
    """Halves height and width of `[N, H, W, C]`, keeping the mean.

    Args:
      x: `[N, H, W, C]`, even sides.
      taps: one-dimensional filter; normalized here.

    Returns:
      `[N, H/2, W/2, C]`.
    """
    padding = ((len(taps) - 1) // 2, (len(taps) - 2) // 2)
    return filter2d(x, normalize(taps), padding=padding, stride=2)
