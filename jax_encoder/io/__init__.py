"""Files: pictures, films, bundles of weights."""

from jax_encoder.io.bundles import BundleError as BundleError
from jax_encoder.io.bundles import load as load
from jax_encoder.io.bundles import save as save
