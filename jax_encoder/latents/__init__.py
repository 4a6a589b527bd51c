"""The latent spaces of a generator and their statistics."""

from jax_encoder import lazy
from jax_encoder.latents.styles import broadcast as broadcast
from jax_encoder.latents.styles import mix as mix
from jax_encoder.latents.styles import truncate as truncate

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "LatentStatistics": "jax_encoder.latents.statistics",
        "Space": "jax_encoder.latents.spaces",
        "broadcast": "jax_encoder.latents.styles",
        "draw": "jax_encoder.latents.sampling",
        "estimate": "jax_encoder.latents.statistics",
        "mix": "jax_encoder.latents.styles",
        "truncate": "jax_encoder.latents.styles",
    },
)
