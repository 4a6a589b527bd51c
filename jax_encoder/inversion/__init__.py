"""Algorithms that find the latent code behind a picture."""

from typing import TYPE_CHECKING

from jax_encoder import lazy

if TYPE_CHECKING:
    from jax_encoder.inversion.config import ProjectorConfig as ProjectorConfig
    from jax_encoder.inversion.config import Stage as Stage
    from jax_encoder.inversion.inverter import Inverter as Inverter
    from jax_encoder.inversion.pivotal import PivotalConfig as PivotalConfig
    from jax_encoder.inversion.presets import Preset as Preset
    from jax_encoder.inversion.results import Inversion as Inversion
    from jax_encoder.inversion.results import Status as Status
    from jax_encoder.inversion.schedules import Constant as Constant
    from jax_encoder.inversion.schedules import CosineRamps as CosineRamps
    from jax_encoder.inversion.schedules import Exploration as Exploration
    from jax_encoder.inversion.schedules import ExponentialDecay as ExponentialDecay
    from jax_encoder.inversion.schedules import OneCycle as OneCycle
    from jax_encoder.inversion.schedules import Schedule as Schedule
    from jax_encoder.inversion.state import Models as Models
    from jax_encoder.inversion.terms import Features as Features
    from jax_encoder.inversion.terms import Identity as Identity
    from jax_encoder.inversion.terms import ImageTerm as ImageTerm
    from jax_encoder.inversion.terms import LatentPrior as LatentPrior
    from jax_encoder.inversion.terms import MultiScaleSSIM as MultiScaleSSIM
    from jax_encoder.inversion.terms import NoiseRegularizer as NoiseRegularizer
    from jax_encoder.inversion.terms import Perceptual as Perceptual
    from jax_encoder.inversion.terms import Pixel as Pixel
    from jax_encoder.inversion.terms import Rendering as Rendering
    from jax_encoder.inversion.terms import Term as Term

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "Constant": "jax_encoder.inversion.schedules",
        "CosineRamps": "jax_encoder.inversion.schedules",
        "Exploration": "jax_encoder.inversion.schedules",
        "ExponentialDecay": "jax_encoder.inversion.schedules",
        "Features": "jax_encoder.inversion.terms",
        "Identity": "jax_encoder.inversion.terms",
        "ImageTerm": "jax_encoder.inversion.terms",
        "Inversion": "jax_encoder.inversion.results",
        "Inverter": "jax_encoder.inversion.inverter",
        "LatentPrior": "jax_encoder.inversion.terms",
        "Models": "jax_encoder.inversion.state",
        "MultiScaleSSIM": "jax_encoder.inversion.terms",
        "NoiseRegularizer": "jax_encoder.inversion.terms",
        "OneCycle": "jax_encoder.inversion.schedules",
        "Perceptual": "jax_encoder.inversion.terms",
        "PivotalConfig": "jax_encoder.inversion.pivotal",
        "Pixel": "jax_encoder.inversion.terms",
        "Preset": "jax_encoder.inversion.presets",
        "ProjectorConfig": "jax_encoder.inversion.config",
        "Rendering": "jax_encoder.inversion.terms",
        "Schedule": "jax_encoder.inversion.schedules",
        "Stage": "jax_encoder.inversion.config",
        "Status": "jax_encoder.inversion.results",
        "Term": "jax_encoder.inversion.terms",
    },
)
