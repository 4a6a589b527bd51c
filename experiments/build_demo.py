"""Builds the demo set of the package from nothing, in stages that resume.

    python -m experiments.build_demo --work_dir=runs/demo --assets=runs/demo/assets

Stages: the feature network and its distance (`experiments.train_attributes`), the
generator (`experiments.train_gan`: mapping, regression, adversarial), the statistics of
its latents (`experiments.latent_statistics`), the seed pool, the example pictures, the
sheets (`samples.png` and `interpolations.png` in the work directory) and the card. What
is there already is not made again; an interrupted stage goes on from its checkpoint.

Adversarial steps go on imitating the renderer (`--lesson_weight`) and mix the styles of
a quarter of the pictures only. Without the lesson and with nine tenths mixed, the
renderer's faces were forgotten: halos came, and the FID rose from 0.031 to 0.075.
"""

import pathlib

from absl import flags

from experiments.demo_set import building
from experiments.launch import command_line, outputs

_WORK = flags.DEFINE_string(
    "work_dir", None, "Where checkpoints and sheets are kept.", required=True
)
_ASSETS = flags.DEFINE_string("assets", None, "Where the demo set goes.", required=True)

flags.adopt_module_key_flags(building)


def main(argv):
    """Runs the stages whose result is missing."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    building.build(pathlib.Path(_ASSETS.value), outputs.claim(_WORK.value))
    return 0


if __name__ == "__main__":
    command_line.run(main)
