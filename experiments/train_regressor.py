r"""Trains a regressor: pictures or face descriptors to codes, landmarks or attributes.

    python -m experiments.train_regressor --output_dir=runs/image_to_latent \
        --task=image_to_latent --backbone=small --data=named --num_steps=2000
    python -m experiments.train_regressor --output_dir=runs/vgg_to_latent \
        --task=descriptor_to_w --generator=bundles/ffhq --identity=bundles/vggface2 \
        --data=generated/ --num_steps=30000
    python -m experiments.train_regressor --output_dir=runs/glasses --task=head \
        --attributes=glasses --num_steps=500

Examples are drawn as they are needed (`--data=samples`, the generator's own pictures;
`--data=named`, renderings of what z names to the demo generator; with `--attributes`
renderings), or come from a folder: the shards of `generate_data` (streamed by grain,
extra `train`: nothing is kept), pictures with `<name>.npz` beside them, InterFaceGAN's
`wp.npy` or `w.npy`, or `--labels`, an array of numbers about each.
The same command goes on after an interruption, with the same result. The bundle is
`<output_dir>/regressor`, for `--start` of `encode_image`.
"""

from absl import flags

from experiments.launch import command_line
from experiments.training import regressor_flags, regressor_stages, training_runs

flags.adopt_module_key_flags(regressor_flags)


def main(argv):
    """Runs the stages that are not done yet."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    training_runs.run(regressor_flags.job, regressor_stages.run)


if __name__ == "__main__":
    command_line.run(main)
