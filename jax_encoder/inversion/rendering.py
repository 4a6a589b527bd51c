"""Rendering with any family of generator."""

from typing import Any

import jax


def render(
    generator: Any,
    ws: jax.Array,
    *,
    noise: Any = "const",
    resolution: int | None = None,
    dtype: str = "float32",
    remat_from: int | None = None,
) -> jax.Array:
    """Renders ws with any family of generator.

    Args:
      generator: StyleGAN 1, 2 or 3.
      ws: `[N, num_ws, w_dim]`.
      noise: as `synthesis` takes it; ignored by generators without noise.
      resolution: below the full one: StyleGAN2 with output skips only.
      dtype: of the convolutions.
      remat_from: maps of this side and above are computed again for the gradient.

    Returns:
      images `[N, R, R, 3]`, not clamped.
    """
    options = {}
    if getattr(generator.config, "noise_shapes", ()):
        options["noise"] = noise
    if resolution not in (None, generator.config.resolution):
        options["resolution"] = resolution
    if dtype != "float32":
        options["dtype"] = dtype
    if remat_from is not None:
        options["remat_from"] = remat_from
    return generator.synthesis(ws, **options)


def resolutions(config: Any) -> tuple[int, ...]:
    """The sides at which `render` can show a generator, coarse to fine.

    Args:
      config: of a generator of any family.

    Returns:
      Every resolution of a StyleGAN2 with output skips, whose coarse images are sums of
      outputs; of all others only the full one.
    """
    if getattr(config, "architecture", "") == "skip":
        return config.resolutions
    return (config.resolution,)
