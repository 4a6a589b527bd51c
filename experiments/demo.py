"""Inverts the example pictures of the package with its demo generator, offline.

    python -m experiments.demo --output_dir=demo_output

writes codes, reconstructions, a film of each picture, `summary.json`, `loss_curves.png`
and `contact_sheet.png`: target, reconstruction and difference.
"""

import pathlib
import time

from absl import flags

from experiments import batches, command_line, encoding, reports, resources
from jax_encoder.io import films, images, progress

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "demo_output", "Where to write.")
_EXAMPLES = flags.DEFINE_string(
    "images", None, "Other pictures: a directory or pattern; default: the examples."
)
_NUM_STEPS = flags.DEFINE_integer("num_steps", None, "Default: the preset's.", 1)


def main(argv):
    """Inverts the examples; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    start = time.monotonic()
    output = pathlib.Path(_OUTPUT_DIR.value)
    paths = images.find(_EXAMPLES.value or resources.ASSETS / "examples")
    job = encoding.Job(
        paths=paths,
        output=output,
        overrides={"num_steps": _NUM_STEPS.value},
        chunk=10,
        options=batches.Options(batch_size=len(paths), film=_film()),
    )
    rows = encoding.run(job)
    for row in rows:
        print(f"{row['name']:>20}: {row['status']}, {reports.caption(row)}")
    print(reports.sentence(rows, output / "contact_sheet.png"))
    print(f"It took {progress.duration(time.monotonic() - start)}.")
    return int(any(row["status"] != "ok" for row in rows))


def _film() -> str:
    """MP4 where it can be written, WebP elsewhere."""
    try:
        films.check("film.mp4")
    except ImportError:
        return ".webp"
    return ".mp4"


if __name__ == "__main__":
    command_line.run(main)
