"""Measures pictures against pictures, or a generator.

Pictures with the same name in both folders are compared one by one (PSNR, SSIM,
MS-SSIM, LPIPS, identity); the folders as a whole by Fréchet and kernel distance,
precision and recall. A generator's pictures stand in for a folder, and its perceptual
path length is measured. Results: `evaluation.json`, `evaluation.txt`, `pairs.csv`, and
plots.

Networks are bundles, checkpoint files or names of the zoo.

    python -m experiments.evaluate --images=runs/inverted --references=photos \
      --output_dir=runs/evaluation
    python -m experiments.evaluate --generator=ffhq --references=photos \
      --inception=inception --output_dir=runs/evaluation
"""

import pathlib

from absl import flags

from experiments.comparing import evaluation, evaluation_report
from experiments.launch import command_line, flag_types
from experiments.networks import resources
from jax_encoder.metrics import path_length

_IMAGES = flags.DEFINE_string("images", "", "Folder or pattern to judge.")
_REFERENCES = flags.DEFINE_string("references", "", "Folder or pattern to judge by.")
_GENERATOR = flags.DEFINE_string("generator", "", "A generator to judge, not --images.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.", required=True)
_LPIPS = flags.DEFINE_string("lpips", None, "Distance; default: demo's; empty: none.")
_INCEPTION = flags.DEFINE_string("inception", "", "Inception, for FID.")
_IDENTITY = flags.DEFINE_string("identity", "", "Such as ArcFace.")
_RESOLUTION = flag_types.define_integer(
    "resolution",
    None,
    "Sides of the pictures; default: the size most references have.",
    1,
    8192,
)
_SETS = flags.DEFINE_boolean("sets", True, "Compare the folders as a whole.")
_NUM_SAMPLES = flag_types.define_integer("num_samples", 1000, "Of the generator.", 2)
_PSI = flag_types.define_number(
    "truncation_psi", 1.0, "Of the generator's samples.", -10.0, 10.0
)
_NUM_PATHS = flag_types.define_integer(
    "num_paths", 0, "For the path length; 0: none.", 0
)
_SPACE = flags.DEFINE_enum("path_space", "w", ["w", "z"], "Where the paths lie.")
_SAMPLING = flags.DEFINE_enum("path_sampling", "end", ["end", "full"], "On the paths.")
_CROP = flags.DEFINE_boolean("path_crop", False, "Measure the face's center only.")
_SEED = flag_types.define_seed("seed", 0, "Of samples and paths.")
_BATCH_SIZE = flag_types.define_integer(
    "batch_size", 8, "Pictures at a time.", 1, 65_536
)


def main(argv):
    """Reads, measures, writes; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if bool(_IMAGES.value) == bool(_GENERATOR.value):
        raise command_line.UsageError("Give either --images or --generator.")
    if not (_REFERENCES.value or (_GENERATOR.value and _NUM_PATHS.value)):
        raise command_line.UsageError(
            "Give --references, or --num_paths of a generator."
        )
    if not _GENERATOR.value:
        unused = (_NUM_SAMPLES, _PSI, _NUM_PATHS, _SPACE, _SAMPLING, _CROP)
        command_line.refuse(unused, "it is for a --generator")
    elif not _NUM_PATHS.value:
        command_line.refuse((_SPACE, _SAMPLING, _CROP), "it needs --num_paths")
    path = path_length.PathLengthConfig(
        space=_SPACE.value, sampling=_SAMPLING.value, crop=_CROP.value
    )
    options = evaluation.EvaluationOptions(
        images=_IMAGES.value,
        references=_REFERENCES.value,
        resolution=_RESOLUTION.value,
        compare_sets=_SETS.value,
        num_samples=_NUM_SAMPLES.value,
        psi=_PSI.value,
        num_paths=_NUM_PATHS.value,
        path=path,
        seed=_SEED.value,
        batch_size=_BATCH_SIZE.value,
    )
    output = pathlib.Path(_OUTPUT_DIR.value)
    try:
        name = _GENERATOR.value
        generator = resources.generator(name).network if name else None
        networks = evaluation.load_networks(
            lpips=_LPIPS.value, inception=_INCEPTION.value, identity=_IDENTITY.value
        )
        report = evaluation.run(options, networks, generator)
    except ValueError as error:
        raise command_line.UsageError(str(error)) from error
    report.about["generator"] = _GENERATOR.value
    evaluation_report.write(output, report)
    print(evaluation_report.table(report))
    print(f"\nWritten to {output}.")
    return 1 if report.failures else 0


if __name__ == "__main__":
    command_line.run(main)
