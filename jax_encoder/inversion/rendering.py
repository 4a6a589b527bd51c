"""Rendering with any family of generator."""

import jax

from jax_encoder.nn import base
from jax_encoder.nn import noise as noise_maps


def render(
    generator: base.Generator,
    ws: jax.Array,
    *,
    noise: noise_maps.Noise = "const",
    resolution: int | None = None,
    dtype: str = "float32",
    remat_from: int | None = None,
    features: jax.Array | None = None,
) -> jax.Array:
    """Renders ws with any family of generator.

    Args:
      generator: StyleGAN 1, 2 or 3.
      ws: `[N, num_ws, w_dim]`.
      noise: as `synthesis` takes it; ignored by generators without noise.
      resolution: one of `config.render_resolutions`; None for the full one.
      dtype: of the convolutions.
      remat_from: maps of this side and above are computed again for the gradient.
      features: `[N, H, W, C]` added to the feature map of this shape; None: nothing is.

    Returns:
      images `[N, R, R, C]`, not clamped.
    """
    options: dict[str, object] = {} if features is None else {"features": features}
    return generator.synthesis(
        ws,
        noise if generator.config.noise_shapes else "const",
        resolution=resolution,
        dtype=dtype,
        remat_from=remat_from,
        **options,
    )
