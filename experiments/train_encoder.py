r"""Trains an encoder from pictures to W+: pSp, e4e, ReStyle, or a small one.

    python -m experiments.train_encoder --output_dir=runs/encoder --preset=avatars \
        --lesson_steps=3000 --num_steps=1500 --sample_share=0.25
    python -m experiments.train_encoder --output_dir=runs/e4e --preset=e4e \
        --generator=bundles/ffhq --data=ffhq/ --start=model_ir_se50.pth \
        --lpips=bundles/lpips_alex --identity=bundles/ir_se50

Pictures come from a folder, from the renderer (`--data=faces`; `--data=named` for a
generator that was taught by `train_gan --bootstrap_steps`: the codes are known), or
from the generator itself (`--data=samples`, or a share of any batch by
`--sample_share`). With `--lesson_steps` the encoder first learns known codes, which
costs no rendering.
The same command goes on after an interruption, with the same result. The bundle is
`<output_dir>/encoder`, for `--start` of `encode_image`; sheets of held-out pictures and
their reconstructions, curves, measures and TensorBoard events lie beside it.
"""

from absl import flags

from experiments.launch import command_line
from experiments.training import encoder_flags, encoder_stages, training_runs

flags.adopt_module_key_flags(encoder_flags)


def main(argv):
    """Runs the stages that are not done yet."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    training_runs.run(encoder_flags.job, encoder_stages.run)


if __name__ == "__main__":
    command_line.run(main)
