"""Pivotal tuning: tunes a generator around codes that were found before.

    python -m experiments.encode_image --images=photos --output_dir=inverted
    python -m experiments.tune_generator --codes=inverted --images=photos \
      --output_dir=tuned

writes for every picture `<name>.difference.npz`, the tuned generator as its difference
to its parent, and `<name>.png`, what it makes of the code; with --shared one bundle
`generator` that serves all the pictures. `encode_image --preset=pti` does both steps at
once. Exit code: 0 done, 2 bad usage.
"""

from absl import flags

from experiments.launch import command_line, outputs
from experiments.networks import resources
from experiments.runs import projector_engine, reports, settings, tuning, tuning_flags
from jax_encoder.errors import InputError
from jax_encoder.inversion import tuner
from jax_encoder.inversion.state import Models

_IMAGES = flags.DEFINE_string("images", None, "A directory or pattern of pictures.")
_CODES = flags.DEFINE_string(
    "codes", None, "What encode_image wrote: files <name>.npz."
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.")
_GENERATOR = flags.DEFINE_string(
    "generator", None, "The generator, a bundle or checkpoint; default: the demo's."
)
_LPIPS = flags.DEFINE_string("lpips", None, "Perceptual network; default: the demo's.")

flags.adopt_module_key_flags(tuning_flags)


def main(argv):
    """Tunes and writes."""
    if len(argv) > 1 or not (_IMAGES.value and _CODES.value and _OUTPUT_DIR.value):
        raise command_line.UsageError("Give --images, --codes and --output_dir.")
    source = resources.generator(_GENERATOR.value)
    networks = resources.networks(
        ["lpips"], {"lpips": _LPIPS.value}, is_demo=not _GENERATOR.value
    )
    try:
        rows = _tune(source, networks)
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    for row in rows:
        print(f"{row['name']}: {reports.caption(row)}, {row['tuning_steps']} steps")


def _tune(source: resources.Source, networks) -> list[dict]:
    """Tunes; writes what came of every picture and returns its row."""
    lpips, output = networks["lpips"], str(_OUTPUT_DIR.value)
    is_published = bool(_LPIPS.value)
    config = tuning_flags.config(source.network, lpips, is_published=is_published)
    about = {
        "generator": source.sha256,
        "codes": _CODES.value,
        "tuning": projector_engine.describe(config),
    }
    outputs.claim(output)
    settings.claim(output, about, "tuned generators")
    own = source.network.config
    pivots = tuning.read_pivots(
        str(_IMAGES.value),
        str(_CODES.value),
        own.resolution,
        source.sha256,
        own.image_channels,
    )
    statistics = resources.latent_statistics(source)
    models = Models(generator=source.network, networks=networks, statistics=statistics)
    tune = tuner.Tuner(models=models, config=config)
    tuned = tune(pivots.ws, pivots.recolored, tuning_flags.key())
    return list(tuning.write(output, pivots, tuned, lpips, source.sha256))


if __name__ == "__main__":
    command_line.run(main)
