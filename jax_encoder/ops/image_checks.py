"""The public image convention, checked where a user enters.

An image batch is `[N, H, W, C]`, float, nominally in [-1, 1]: RGB, or gray (C is 1) or
RGBA (4) where a generator has it.
"""

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError

# One step of an 8-bit picture in [-1, 1] is 2 / 255: a value beyond the range by
# more than that is no rounding.
TOLERANCE = 1e-2


def check_images(
    images: jax.Array, *, channels: int = 3, name: str = "images"
) -> jax.Array:
    """Checks a batch of pictures against the public convention.

    Shapes and dtype are always checked. Values are looked at only when they are
    there to be seen: under `jax.jit`, `jax.grad` and `jax.vmap` nothing is added to
    the program.

    Args:
      images: `[N, H, W, channels]` in [-1, 1].
      channels: color channels wanted.
      name: how the message calls the argument.

    Returns:
      The same pictures, as a `jax.Array`.

    Raises:
      ValueError: wrong rank or channels, an empty batch, integers, NaN, or values
        outside [-1, 1] by more than a rounding.
    """
    if images.ndim != 4 or images.shape[-1] != channels:
        raise InputError(
            f"`{name}` must be a batch [N, H, W, {channels}], channels last: got shape"
            f" {images.shape}.{_shape_remedy(images.shape, channels)}"
        )
    if 0 in images.shape:
        raise InputError(f"`{name}` must not be empty: got shape {images.shape}.")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(
            f"`{name}` must be floating point in [-1, 1]: got {images.dtype}. For 8-bit"
            " pictures pass `images / 127.5 - 1`."
        )
    if not isinstance(images, jax.core.Tracer):
        _check_values(images, name)
    return jnp.asarray(images)


def check_rgb(images: jax.Array, *, name: str = "images") -> jax.Array:
    """Checks pictures, and makes those of gray and RGBA generators RGB.

    What every network calls that was trained on RGB. Transparency shows white, as in
    the readers of files.

    Args:
      images: `[N, H, W, C]` in [-1, 1], C 1, 3 or 4.
      name: how the message calls the argument.

    Returns:
      `[N, H, W, 3]`.

    Raises:
      ValueError: as of `check_images`.
    """
    channels = images.shape[-1] if images.ndim == 4 else 3
    images = check_images(
        images, channels=channels if channels in (1, 4) else 3, name=name
    )
    return to_rgb(images)


def to_rgb(images: jax.Array) -> jax.Array:
    """Gray or RGBA `[..., 1 or 4]` as RGB, transparency on white; others as is."""
    if images.shape[-1] == 1:
        return jnp.repeat(images, 3, axis=-1)
    if images.shape[-1] == 4:
        opacity = (images[..., 3:] + 1) / 2
        return images[..., :3] * opacity + (1 - opacity)
    return images


def _shape_remedy(shape: tuple[int, ...], channels: int) -> str:
    if len(shape) == 3:
        return " Add a batch axis: `images[None]`."
    if len(shape) == 4 and shape[1] == channels:
        return " Move the channels last: `images.transpose(0, 2, 3, 1)`."
    if len(shape) == 4 and shape[-1] == 4:
        return " Drop the alpha channel: `images[..., :3]`."
    if len(shape) == 4 and shape[-1] == 1:
        return " Repeat the gray channel: `jnp.repeat(images, 3, axis=-1)`."
    return ""


def _check_values(images: jax.Array, name: str) -> None:
    with jax.ensure_compile_time_eval():  # values that a traced body closes over
        low, high = float(jnp.min(images)), float(jnp.max(images))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            f"`{name}` must be finite: the range is [{low}, {high}]. Look at where the"
            " pictures come from; a diverged generator gives NaN."
        )
    if low < -1 - TOLERANCE or high > 1 + TOLERANCE:
        remedy = (
            "For pictures in 0..255 pass `images / 127.5 - 1`."
            if high > 2.5
            else "A generator's raw output is clamped with `jnp.clip(images, -1, 1)`."
        )
        raise InputError(
            f"`{name}` must lie in [-1, 1]: the range is [{low:.4g}, {high:.4g}]."
            f" {remedy}"
        )
