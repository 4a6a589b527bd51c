"""Figures of latent spaces: what `draw_latents` and `walk` show."""
