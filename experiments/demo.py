"""Inverts the example pictures of the package with its demo generator, offline.

    python -m experiments.demo --output_dir=demo_output

writes codes, reconstructions, a film of each picture, `summary.json`, `loss_curves.png`
and `contact_sheet.png`: target, reconstruction and difference. The preset is `default`
with a third of its evaluations, `--num_steps=300` takes all. Of rendered pictures the
summary also says whether the reconstruction shows the same person, as the demo's
feature network reads it. `--num_renderings=32` inverts new ones instead.
"""

import pathlib
import time

from absl import flags

from experiments.demo_set import demo_assets, likeness
from experiments.launch import command_line, flag_types
from experiments.networks import resources
from experiments.runs import batches, encoding, jobs, pictures, reports
from jax_encoder.io import films, loading, progress

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "demo_output", "Where to write.")
_EXAMPLES = flags.DEFINE_string(
    "images", None, "Other pictures: a directory or pattern; default: the examples."
)
_NUM_RENDERINGS = flag_types.define_integer(
    "num_renderings", 0, "Invert so many held-out renderings instead.", 0
)
_NUM_STEPS = flag_types.define_integer("num_steps", 100, "Steps of inversion.", 1)
_BATCH_SIZE = 16


def main(argv):
    """Inverts the examples; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    start = time.monotonic()
    output = pathlib.Path(_OUTPUT_DIR.value)
    listing = pictures.find(_examples(output))
    paths = listing.paths
    job = jobs.InversionJob(
        paths=paths,
        names=listing.names(),
        skipped=listing.skipped_rows(),
        output=output,
        overrides={"num_steps": _NUM_STEPS.value},
        chunk=10,
        options=batches.BatchOptions(
            batch_size=min(len(paths), _BATCH_SIZE),
            film="" if _NUM_RENDERINGS.value else _film(),
            overwrite=True,
        ),
    )
    rows = encoding.run(job)
    for row in rows:
        print(f"{row['name']:>20}: {row['status']}, {reports.caption(row)}")
    print(reports.sentence(rows, output / "contact_sheet.png"))
    _judge(output, rows)
    print(f"It took {progress.duration(time.monotonic() - start)}.")
    return int(any(row["status"] != "ok" for row in rows))


def _examples(output: pathlib.Path) -> str | pathlib.Path:
    """The pictures to invert; renderings are drawn first."""
    if not _NUM_RENDERINGS.value:
        return _EXAMPLES.value or resources.ASSETS / "examples"
    side = resources.generator(None).network.config.resolution
    likeness.write_renderings(output / "targets", _NUM_RENDERINGS.value, side)
    return output / "targets"


def _judge(output: pathlib.Path, rows) -> None:
    """Adds to the summary who is shown, where that is known."""
    folders = {pathlib.Path(row["file"]).parent for row in rows}
    truth = {k: v for x in folders for k, v in likeness.read_truth(x).items()}
    if not truth:
        return
    network = resources.load(resources.DEMO_NETWORKS["vgg"], "vgg").network
    test_error = demo_assets.known_reading_error(resources.ASSETS)
    judged = likeness.judge(network, rows, output, truth, test_error)
    if judged:
        summary = loading.read_json(output / "summary.json")
        kept = {k: summary[k] for k in summary if k not in reports.COUNTED}
        reports.write_summary(output, rows, kept)
        print(likeness.sentence(judged))


def _film() -> str:
    """MP4 where it can be written, WebP elsewhere."""
    try:
        films.check("film.mp4")
    except ImportError:
        return ".webp"
    return ".mp4"


if __name__ == "__main__":
    command_line.run(main)
