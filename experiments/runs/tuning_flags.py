"""The flags of pivotal tuning, and the configuration that they describe."""

import dataclasses

import jax
from absl import flags

from experiments.launch import flag_types
from experiments.runs import calibration
from jax_encoder.inversion import pivotal
from jax_encoder.nn import base

_SHARED = flags.DEFINE_boolean("shared", False, "Tune one generator for all pictures.")
_NUM_STEPS = flag_types.define_integer(
    "num_steps", 350, "The most gradient steps to take.", 1
)
_LEARNING_RATE = flag_types.define_number(
    "learning_rate", 3e-4, "The learning rate of Adam.", 0.0, 1e6
)
_STOP_BELOW = flag_types.define_number(
    "stop_below",
    None,
    "Perceptual distance at which a picture is done; default: the published 0.06, with"
    " the demo set's network a tenth of the distance of two of its pictures.",
    0.0,
)
_LOCALITY = flag_types.define_number(
    "locality_weight",
    0.0,
    "The weight of the locality regularizer; the source leaves it off.",
    0.0,
)
_TUNED = flags.DEFINE_string(
    "tuned", ".*", "Which parameters to tune: a regular expression of their paths."
)
_SEED = flag_types.define_seed("seed", 0, "The seed of the locality samples.")


def config(
    generator: base.Generator, lpips: base.PerceptualDistance, *, is_published: bool
) -> pivotal.PivotalConfig:
    """Returns the flags as a configuration.

    Args:
      generator: what is tuned.
      lpips: what says when a picture is done.
      is_published: the distance is the published one, not the demo set's.

    Raises:
      ValueError: flags out of their range, or a generator that cannot be tuned so.
    """
    made = pivotal.PivotalConfig(
        num_steps=_NUM_STEPS.value,
        learning_rate=_LEARNING_RATE.value,
        tuned=_TUNED.value,
        shares_weights=_SHARED.value,
        locality_weight=_LOCALITY.value,
    )
    if _STOP_BELOW.value is not None:
        return dataclasses.replace(made, stop_below=_STOP_BELOW.value)
    return calibration.stop(made, generator, lpips, is_published=is_published)


def key() -> jax.Array:
    """Returns the key of the locality samples."""
    return jax.random.key(_SEED.value)
