"""Inverts pictures into the latent space of any StyleGAN, in batches.

    import jax_encoder as je

    generator, lpips = je.load("ffhq"), je.load("lpips_vgg")
    result = je.invert(pictures, generator, networks={"lpips": lpips})

`load` and `save` read and write bundles, `invert` and `Inverter` find codes by one of
`presets`, `demo` is the set of networks and pictures that comes with the package. The
packages `latents`, `inversion`, `editing`, `metrics`, `alignment`, `training`, `io` and
`nn` hold the rest. Everything is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from jax_encoder import lazy

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from jax_encoder.front import invert as invert
    from jax_encoder.inversion import presets as presets
    from jax_encoder.inversion.inverter import Inverter as Inverter
    from jax_encoder.io.bundles import load as load
    from jax_encoder.io.bundles import save as save

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "invert": "jax_encoder.front",
        "Inverter": "jax_encoder.inversion.inverter",
        "load": "jax_encoder.io.bundles",
        "presets": "jax_encoder.inversion.presets:",
        "save": "jax_encoder.io.bundles",
    },
)
