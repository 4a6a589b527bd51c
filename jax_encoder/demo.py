"""The demo set that comes with the package: networks, statistics and pictures.

Its generator draws cartoon faces, and its networks judge those and nothing else. There
are two sets: of 128 pixels, and a small one of 64 for tests and slow machines, which
the environment variable `JAX_ENCODER_DEMO=64` puts in its place.
"""

import os
import pathlib
import weakref

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import bundles, images
from jax_encoder.latents import statistics as statistics_lib
from jax_encoder.nn import base

VARIABLE = "JAX_ENCODER_DEMO"
_ASSETS = pathlib.Path(__file__).parent / "assets"
_DIRECTORIES = {"128": _ASSETS / "128", "64": _ASSETS}


def _directory() -> pathlib.Path:
    side = os.environ.get(VARIABLE) or "128"
    if side not in _DIRECTORIES:
        raise InputError(
            f"{VARIABLE}={side}: there are demo sets of {', '.join(_DIRECTORIES)}"
            " pixels."
        )
    return _DIRECTORIES[side]


DIRECTORY = _directory()

_handed_out: weakref.WeakSet = weakref.WeakSet()


def generator() -> base.Generator:
    """Returns the generator of drawn faces, a StyleGAN2 of 128 pixels."""
    loaded = bundles.load(DIRECTORY / "avatars")
    _handed_out.add(loaded)
    return loaded


def is_own(network: base.Generator) -> bool:
    """Whether a generator is one that `generator` returned."""
    return network in _handed_out


def lpips() -> base.PerceptualDistance:
    """Returns the perceptual distance of drawn faces: `(images, images) -> [N]`."""
    return bundles.load(DIRECTORY / "avatar_lpips")


def vgg() -> base.FeatureNetwork:
    """Returns the feature network of drawn faces, which serves as identity as well."""
    return bundles.load(DIRECTORY / "avatar_vgg")


def encoder() -> base.Encoder:
    """Returns the encoder of the demo generator: pictures `[N, H, W, 3]` to ws."""
    return bundles.load(DIRECTORY / "avatars_encoder")


def network(
    name: str,
) -> base.PerceptualDistance | base.FeatureNetwork | base.Encoder:
    """Returns what serves under a name: "lpips", "vgg", "identity" or "encoder".

    Raises:
      ValueError: the demo set has none of this name.
    """
    if name == "lpips":
        return lpips()
    if name in ("vgg", "identity"):
        return vgg()
    if name == "encoder":
        return encoder()
    raise InputError(
        f"The demo set has lpips, vgg, identity and encoder, not {name!r}."
    )


def statistics() -> statistics_lib.LatentStatistics:
    """Returns the statistics of the generator's latents, with those of P."""
    return statistics_lib.load(DIRECTORY / "avatars" / "statistics.npz")


def pictures() -> np.ndarray:
    """Returns `[N, R, R, 3]` pictures in [-1, 1], half of them the generator's own."""
    paths = images.find(DIRECTORY / "examples")
    return np.stack([images.read(path) for path in paths])
