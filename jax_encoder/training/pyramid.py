"""A distance of pictures at every scale: pixels and a Laplacian pyramid."""

import jax
import jax.numpy as jnp


def distance(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns the distance of the pixels and of a Laplacian pyramid, a scalar.

    L1 keeps edges sharp; the squares added to it see thin, strong lines (frames of
    glasses) before the generator knows exactly where they go.

    Args:
      images: `[N, R, R, 3]`.
      targets: `[N, R, R, 3]`.
    """
    difference = images - targets
    total = _penalty(difference)
    while difference.shape[1] > 4:
        half = halve(difference)
        detail = difference - jnp.repeat(jnp.repeat(half, 2, axis=1), 2, axis=2)
        total = total + _penalty(detail)
        difference = half
    return total


def _penalty(difference: jax.Array) -> jax.Array:
    return jnp.mean(jnp.abs(difference)) + 2.0 * jnp.mean(jnp.square(difference))


def halve(images: jax.Array) -> jax.Array:
    """Averages boxes of 2x2 pixels: `[N, H, W, C]` to `[N, H / 2, W / 2, C]`."""
    num, side, _, channels = images.shape
    boxes = images.reshape(num, side // 2, 2, side // 2, 2, channels)
    return jnp.mean(boxes, axis=(2, 4))
