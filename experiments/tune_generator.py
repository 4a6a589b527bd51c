"""Pivotal tuning: tunes a generator around codes that were found before.

    python -m experiments.encode_image --images=photos --output_dir=inverted
    python -m experiments.tune_generator --codes=inverted --images=photos \
      --output_dir=tuned

writes for every picture `<name>.difference.npz`, the tuned generator as its difference
to its parent, and `<name>.png`, what it makes of the code; with --shared one bundle
`generator` that serves all the pictures. `encode_image --preset=pti` does both steps at
once. Exit code: 0 done, 2 bad usage.
"""

import jax
from absl import flags

from experiments.launch import command_line
from experiments.networks import resources
from experiments.runs import reports, tuning
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
_NUM_STEPS = flags.DEFINE_integer("num_steps", 350, "Gradient steps, at most.", 1)
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 3e-4, "Of Adam.", 0.0)
_STOP_BELOW = flags.DEFINE_float(
    "stop_below", 0.06, "Perceptual distance at which a picture is done.", 0.0
)
_LOCALITY = flags.DEFINE_float(
    "locality_weight", 0.0, "Of the locality regularizer; the source leaves it off."
)
_TUNED = flags.DEFINE_string(
    "tuned", ".*", "Regular expression: paths of the parameters to tune."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the locality samples.")


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
            stop_below=_STOP_BELOW.value,
            tuned=_TUNED.value,
            shares_weights=_SHARED.value,
            locality_weight=_LOCALITY.value,
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


if __name__ == "__main__":
    command_line.run(main)
