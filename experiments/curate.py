"""Looks through a folder of pictures for what should not be trained on.

    python -m experiments.curate --images=photos --output_dir=curated
    python -m experiments.curate --images='photos/**/*.jpg' --network=clip \
      --output_dir=curated

Finds near-duplicates (also recolored, shifted, compressed), outliers, pictures that are
aligned otherwise than most, blurred and tiny ones, by the features of --network (an
LPIPS, a VGG, CLIP's image tower, ArcFace, Inception: a bundle, a file or a name of the
zoo) and by how gradients are spread. Writes keep.txt and drop.txt, curation.csv with
every score, summary.json, and sheets of what was found. Nothing is deleted or moved.
Needs the `analysis` and `plot` extras. Exit code: 0 done, 1 some pictures cannot be
read (the others were judged), 2 bad usage.
"""

import os

from absl import flags

from experiments.comparing import evaluation
from experiments.curating import curation_report, curation_verdicts, measures
from experiments.launch import command_line, flag_types, outputs
from experiments.networks import resources
from jax_encoder.errors import InputError
from jax_encoder.io import folders
from jax_encoder.latents import maps

_IMAGES = flags.DEFINE_string(
    "images", None, "A folder or pattern of pictures.", required=True
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "curated", "Where to write.")
_NETWORK = flags.DEFINE_string(
    "network",
    None,
    "The network whose features are compared; default: the demo's distance.",
)
_SIDE = flag_types.define_integer(
    "side",
    None,
    "The side of what the network sees; default: as most pictures, up to 256.",
    16,
    2048,
)
_DIFFERENCE = flag_types.define_number(
    "difference", 0.18, "Near-duplicates differ by at most this.", 0.0, 1.0
)
_ODDITY = flag_types.define_number(
    "oddity", 3.5, "From how many deviations on a picture is an outlier.", 0.0
)
_EVIDENCE = flag_types.define_number("evidence", 0.0, "For a move; misaligned: above.")
_BLUR = flag_types.define_number(
    "blur", 5.0, "From how many deviations on a picture is blurred.", 0.0
)
_MIN_SIDE = flag_types.define_integer(
    "min_side", None, "Smaller ones are tiny; default: half of what most have.", 1
)
_BATCH_SIZE = flag_types.define_integer(
    "batch_size", 16, "How many pictures are computed at a time.", 1, 65_536
)


def main(argv):
    """Looks and reports; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    maps.import_sklearn()
    limits = curation_verdicts.CurationLimits(
        difference=_DIFFERENCE.value,
        oddity=_ODDITY.value,
        evidence=_EVIDENCE.value,
        blur=_BLUR.value,
        min_side=_MIN_SIDE.value,
    )
    try:
        listing = folders.look(_IMAGES.value)
        network = resources.load(_NETWORK.value or resources.DEMO_NETWORKS["lpips"])
        side = _SIDE.value or min(256, evaluation.most_common_side(listing.paths[:500]))
        described = measures.measure(
            listing.paths, network.network, side, batch_size=_BATCH_SIZE.value
        )
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    found = curation_verdicts.judge(described, limits, num_jobs=os.cpu_count())
    output = outputs.claim(_OUTPUT_DIR.value)
    summary = curation_report.write(output, described, found, listing.skipped_rows())
    for name, number in summary["found"].items():
        print(f"{name:>12}: {number}")
    print(f"{'kept':>12}: {summary['kept']} of {summary['pictures']}; see {output}")
    return int(bool(described.failures))


if __name__ == "__main__":
    command_line.run(main)
