"""Flax modules and their frozen configurations."""

from jax_encoder import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
