"""Algorithms that find the latent code behind a picture."""
