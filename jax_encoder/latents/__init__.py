"""The latent spaces of a generator and their statistics."""
