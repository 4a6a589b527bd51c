"""Measures pictures against pictures, or a generator.

Pictures with the same name in both folders are compared one by one (PSNR, SSIM,
MS-SSIM, LPIPS, identity); the folders as a whole by Fréchet and kernel distance,
precision and recall. A generator's pictures stand in for a folder, and its perceptual
path length is measured, with the worst paths on a sheet. Of a --training, every
checkpoint is judged, and the measures are drawn over its steps. Results:
`evaluation.json`, `evaluation.txt`, `pairs.csv`, `training.csv`, and plots.

Of a store of codes (`experiments.encode_corpus`) the reconstructions are written into
`reconstructions/` first, and judged by the pictures of the same ids.

Networks are bundles, checkpoint files or names of the zoo.

    python -m experiments.evaluate --images=runs/inverted --references=photos \
      --output_dir=runs/evaluation
    python -m experiments.evaluate --generator=ffhq --references=photos \
      --inception=inception --output_dir=runs/evaluation
    python -m experiments.evaluate --training=runs/gan --references=photos \
      --num_paths=500 --output_dir=runs/evaluation
"""

import pathlib

from absl import flags

from experiments.comparing import (
    evaluation,
    evaluation_flags,
    evaluation_report,
    store_pictures,
    training_curves,
)
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.errors import InputError

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.", required=True)
_LPIPS = flags.DEFINE_string(
    "lpips", None, "The distance; default: the demo's; empty: none."
)
_INCEPTION = flags.DEFINE_string("inception", "", "The Inception network, for FID.")
_IDENTITY = flags.DEFINE_string(
    "identity", "", "The network that compares faces, such as ArcFace."
)

flags.adopt_module_key_flags(evaluation_flags)


def main(argv):
    """Reads, measures, writes; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    options, name = evaluation_flags.options(), evaluation_flags.generator_name()
    output = pathlib.Path(_OUTPUT_DIR.value)
    try:
        options = store_pictures.of(options, output)
        networks = evaluation.load_networks(
            lpips=_LPIPS.value, inception=_INCEPTION.value, identity=_IDENTITY.value
        )
        if evaluation_flags.training():
            return training_curves.run(
                evaluation_flags.training(), options, networks, output
            )
        generator = resources.generator(name).network if name else None
        report = evaluation.run(options, networks, generator)
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    report.about["generator"] = name
    evaluation_report.write(output, report)
    if generator is not None and report.lengths is not None:
        training_curves.write_worst_paths(generator, options, report.lengths, output)
    print(evaluation_report.table(report))
    print(f"\nWritten to {output}.")
    return 1 if report.failures else 0


if __name__ == "__main__":
    command_line.run(main)
