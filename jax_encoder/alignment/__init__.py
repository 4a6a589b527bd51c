"""From landmarks to an aligned crop, and from a rendering back into the photograph."""

from jax_encoder import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
