"""Files: pictures, films, codes, bundles of weights."""

from typing import TYPE_CHECKING

from jax_encoder import lazy

if TYPE_CHECKING:
    from jax_encoder.io.bundles import BundleError as BundleError
    from jax_encoder.io.bundles import load as load
    from jax_encoder.io.bundles import save as save
    from jax_encoder.io.bundles import seal as seal

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "BundleError": "jax_encoder.io.bundles",
        "load": "jax_encoder.io.bundles",
        "save": "jax_encoder.io.bundles",
        "seal": "jax_encoder.io.bundles",
    },
)
