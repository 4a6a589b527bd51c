"""Antialiased drawing with signed distances, in pure JAX.

A canvas is a tuple of three `[H, W]` planes (red, green, blue in [0, 1]): planes
keep every operation a plain vectorized loop, which a trailing axis of three would
not. A signed distance is negative inside its shape and in units of half the picture.
Nothing here calls a transcendental function more costly than a square root.
"""

import jax
import jax.numpy as jnp

Scalar = jax.Array | float
Color = tuple[Scalar, Scalar, Scalar]
Canvas = Color  # Of planes.


def grid(resolution: int) -> tuple[jax.Array, jax.Array]:
    """Returns the `[H, W]` coordinates of pixel centers: x right, y down."""
    axis = (jnp.arange(resolution, dtype=jnp.float32) + 0.5) * (2.0 / resolution) - 1.0
    y, x = jnp.meshgrid(axis, axis, indexing="ij")
    return x, y


def mix(a: Color, b: Color, amount: Scalar) -> Color:
    """Returns the color that lies `amount` (0 to 1) of the way from `a` to `b`."""
    return _planes(p + (q - p) * amount for p, q in zip(a, b, strict=True))


def scale(color: Color, factor: Scalar | Color) -> Color:
    """Returns `color` times a number, or times another color."""
    factors = factor if isinstance(factor, tuple) else (factor, factor, factor)
    return _planes(c * f for c, f in zip(color, factors, strict=True))


def blend(canvas: Canvas, color: Color, alpha: jax.Array) -> Canvas:
    """Paints `color` (scalars or planes) over the canvas; `alpha` covers, `[H, W]`."""
    return _planes(c + (k - c) * alpha for c, k in zip(canvas, color, strict=True))


def shade(color: Color, tint: Color, alpha: Scalar) -> Canvas:
    """Multiplies a color or canvas by `tint` where `alpha` is 1, not where it is 0."""
    return _planes(
        c * (1.0 + (k - 1.0) * alpha) for c, k in zip(color, tint, strict=True)
    )


def lit(color: Color, level: Scalar, glow: Scalar = 0.0) -> Canvas:
    """Returns `color` times a level of light, plus a white glow."""
    return _planes(c * level + glow for c in color)


def _planes(channels):
    red, green, blue = channels
    return red, green, blue


def coverage(distance: jax.Array, pixel: float) -> jax.Array:
    """Returns how much of each pixel the shape covers, in [0, 1]."""
    return jnp.clip(0.5 - distance * (1.0 / pixel), 0.0, 1.0)


def soft(distance: jax.Array, width: Scalar) -> jax.Array:
    """Returns, elementwise, a smooth step from 1 (inside) to 0 over `width`."""
    t = jnp.clip(0.5 - distance / width, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def ramp(value: jax.Array, low: Scalar, high: Scalar) -> jax.Array:
    """Returns, elementwise, the smooth step from 0 at `low` to 1 at `high`."""
    t = jnp.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def blob(dx: jax.Array, dy: jax.Array, width: Scalar, height: Scalar) -> jax.Array:
    """Returns, elementwise, a spot: 1 at its center, 0 from `width x height` on."""
    squared = jnp.square(dx / width) + jnp.square(dy / height)
    return jnp.square(jnp.maximum(1.0 - squared, 0.0))


def wave(phase: jax.Array) -> jax.Array:
    """Returns, elementwise, a parabolic sine of period 1: smooth enough, and cheap."""
    t = (phase - jnp.floor(phase)) * 2.0 - 1.0
    return 4.0 * t * (jnp.abs(t) - 1.0)


def ellipse(
    dx: jax.Array, dy: jax.Array, width: jax.Array | float, height: jax.Array | float
) -> jax.Array:
    """Returns, elementwise, the signed distance to an ellipse with these half-axes.

    First order in the distance from the outline: exact on it, and that is where
    antialiasing looks.
    """
    u, v = dx / width, dy / height
    norm = jnp.sqrt(jnp.square(u) + jnp.square(v) + 1e-6)
    slope = jnp.sqrt(jnp.square(u / width) + jnp.square(v / height) + 1e-6)
    return norm * (norm - 1.0) / slope


def rounded_box(
    dx: jax.Array, dy: jax.Array, width: Scalar, height: Scalar, radius: Scalar
) -> jax.Array:
    """Returns, elementwise, the signed distance to a rounded box (half-sizes)."""
    qx = jnp.abs(dx) - (width - radius)
    qy = jnp.abs(dy) - (height - radius)
    outside = jnp.square(jnp.maximum(qx, 0.0)) + jnp.square(jnp.maximum(qy, 0.0))
    inside = jnp.minimum(jnp.maximum(qx, qy), 0.0)
    return jnp.sqrt(outside + 1e-9) + inside - radius


def union(a: jax.Array, b: jax.Array, smoothness: Scalar) -> jax.Array:
    """Returns, elementwise, the smooth union of two signed distances (quadratic)."""
    h = jnp.maximum(smoothness - jnp.abs(a - b), 0.0)
    return jnp.minimum(a, b) - h * h * (0.25 / smoothness)


def intersection(a: jax.Array, b: jax.Array, smoothness: Scalar) -> jax.Array:
    """Returns, elementwise, the smooth intersection of two signed distances."""
    return -union(-a, -b, smoothness)
