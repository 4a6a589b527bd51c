"""Training of generators and feature networks."""

from jax_encoder import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
