"""Invert pictures into the latent space of any StyleGAN, in batches."""

__version__ = "0.1.0.dev0"
