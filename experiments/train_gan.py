r"""Trains a StyleGAN2 on procedural faces or on a folder of pictures.

    python -m experiments.train_gan --output_dir=runs/faces --preset=avatars \
        --resolution=64 --bootstrap_steps=8000 --num_steps=2000
    python -m experiments.train_gan --output_dir=runs/mine --data=pictures/ \
        --preset=auto --resolution=256

With `--bootstrap_steps` the generator is first taught by regression on renderings. Both
stages write checkpoints and resume from the last whole one when the same command is
given again. The result is the bundle `<output_dir>/generator`; sheets, curves of losses
and measures and TensorBoard events lie beside it as the training goes. FID is the
published one with `--inception`, a checkpoint of pytorch-fid; else it compares features
of the demo's network and is comparable with itself only.
"""

from absl import flags

from experiments.launch import command_line
from experiments.training import gan_flags, training_runs, training_stages

flags.adopt_module_key_flags(gan_flags)


def main(argv):
    """Runs the stages that are not done yet."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    training_runs.run(gan_flags.job, training_stages.run)


if __name__ == "__main__":
    command_line.run(main)
