"""Array operations: pure functions, no modules, no files."""

from jax_encoder import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
