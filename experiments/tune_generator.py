"""Pivotal tuning: tunes a generator around codes that were found before.

    python -m experiments.encode_image --images=photos --output_dir=inverted
    python -m experiments.tune_generator --codes=inverted --images=photos \
      --output_dir=tuned

writes for every picture `<name>.difference.npz`, the tuned generator as its difference
to its parent, and `<name>.png`, what it makes of the code; with --shared one bundle
`generator` that serves all the pictures. `encode_image --preset=pti` does both steps at
once. Exit code: 0 done, 2 bad usage.
"""

import dataclasses

import jax
from absl import flags

from experiments.launch import command_line, flag_types
from experiments.networks import resources
from experiments.runs import (
    calibration,
    projector_engine,
    reports,
    settings,
    tuning,
)
from jax_encoder.inversion import pivotal, tuner
from jax_encoder.inversion.state import Models

_IMAGES = flags.DEFINE_string("images", None, "Directory or pattern of pictures.")
_CODES = flags.DEFINE_string("codes", None, "What encode_image wrote: <name>.npz.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.")
_GENERATOR = flags.DEFINE_string(
    "generator", None, "Bundle or checkpoint; default: the demo's."
)
_LPIPS = flags.DEFINE_string("lpips", None, "Perceptual network; default: the demo's.")
_SHARED = flags.DEFINE_boolean("shared", False, "One generator for all pictures.")
_NUM_STEPS = flag_types.define_integer("num_steps", 350, "Gradient steps, at most.", 1)
_LEARNING_RATE = flag_types.define_number("learning_rate", 3e-4, "Of Adam.", 0.0, 1e6)
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
    "Of the locality regularizer; the source leaves it off.",
    0.0,
)
_TUNED = flags.DEFINE_string(
    "tuned", ".*", "Regular expression: paths of the parameters to tune."
)
_SEED = flag_types.define_seed("seed", 0, "Of the locality samples.")


def main(argv):
    """Tunes and writes."""
    if len(argv) > 1 or not (_IMAGES.value and _CODES.value and _OUTPUT_DIR.value):
        raise command_line.UsageError("Give --images, --codes and --output_dir.")
    source = resources.generator(_GENERATOR.value)
    networks = resources.networks(
        ["lpips"], {"lpips": _LPIPS.value}, is_demo=not _GENERATOR.value
    )
    models = Models(
        generator=source.network,
        networks=networks,
        statistics=resources.latent_statistics(source),
    )
    try:
        config = pivotal.PivotalConfig(
            num_steps=_NUM_STEPS.value,
            learning_rate=_LEARNING_RATE.value,
            tuned=_TUNED.value,
            shares_weights=_SHARED.value,
            locality_weight=_LOCALITY.value,
        )
        config = _stop(config, source.network, networks["lpips"])
        settings.claim(
            _OUTPUT_DIR.value,
            {
                "generator": source.sha256,
                "codes": _CODES.value,
                "tuning": projector_engine.describe(config),
            },
            "tuned generators",
        )
        own = source.network.config
        pivots = tuning.read_pivots(
            _IMAGES.value,
            _CODES.value,
            own.resolution,
            source.sha256,
            own.image_channels,
        )
        tune = tuner.Tuner(models=models, config=config)
        tuned = tune(pivots.ws, pivots.wanted, jax.random.key(_SEED.value))
    except ValueError as error:
        raise command_line.UsageError(str(error)) from error
    lpips, output = networks["lpips"], _OUTPUT_DIR.value
    for row in tuning.write(output, pivots, tuned, lpips, source.sha256):
        print(f"{row['name']}: {reports.caption(row)}, {row['tuning_steps']} steps")


def _stop(config: pivotal.PivotalConfig, generator, lpips) -> pivotal.PivotalConfig:
    if _STOP_BELOW.value is not None:
        return dataclasses.replace(config, stop_below=_STOP_BELOW.value)
    return calibration.stop(config, generator, lpips, is_published=bool(_LPIPS.value))


if __name__ == "__main__":
    command_line.run(main)
