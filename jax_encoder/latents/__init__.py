"""The latent spaces of a generator and their statistics."""

from jax_encoder.latents.styles import broadcast as broadcast
from jax_encoder.latents.styles import mix as mix
from jax_encoder.latents.styles import truncate as truncate
