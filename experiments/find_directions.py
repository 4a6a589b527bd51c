r"""Finds directions of a latent space that change one attribute.

    python -m experiments.find_directions --method=regression --output_dir=directions
    python -m experiments.find_directions --method=svm --scores=scores.csv \
      --codes=data/w.npy --attributes=age --output_dir=directions
    python -m experiments.find_directions --method=pca --num_samples=1000000

Methods: `svm` (InterFaceGAN's boundary), `difference` (mean code with a tag minus mean
code without), `regression` (changes one score and hardly the others), `pca` (GANSpace,
of w or of a block's activations), `sefa` (closed form, of the weights). The first three
need scores: of --scorer, a network (without --generator the demo's own, which reads 42
attributes), or --scores, a CSV with a header or a .npy, one row per code of --codes.

Writes `directions.npz` for `experiments.edit`, `report.json`, `README.md` with the
effect and the leak of each, and `sheet.png`. Exit code: 0 done, 1 an attribute could
not be found (the others were), 2 bad usage.
"""

from absl import flags

from experiments.editing import finding_flags, finding_task
from experiments.launch import command_line

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "directions", "Where to write.")

flags.adopt_module_key_flags(finding_flags)


def main(argv):
    """Finds and measures; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    return finding_task.run(finding_flags.task(), _OUTPUT_DIR.value)


if __name__ == "__main__":
    command_line.run(main)
