r"""Draws pictures together with their codes and scores, for finding directions.

    python -m experiments.generate_data --num=20000 --output_dir=data
    python -m experiments.generate_data -s W --layout=interfacegan --generator=ffhq \
      --truncation_psi=0.7 --truncation_cutoff=8 --num=10000 --output_dir=data

Writes PNGs, shards with z, w and ws, and `scores.csv` where there is a scorer (of the
demo's pictures there is); with --layout=interfacegan also z.npy, w.npy and wp.npy. A
run that was killed goes on when it is started again. -s Z and W draw one z per picture,
WP one per row; all are mapped. InterFaceGAN's own script draws codes of W and W+ from
a normal distribution by mistake; --reference_bug does so too. Exit code: 0 done, 1
failed, 2 bad usage.
"""

from absl import flags

from experiments.editing import data_sets, render_flags
from experiments.launch import command_line, flag_types
from experiments.networks import resources

_NUM = flag_types.define_integer("num", 1000, "How many pictures to draw.", 1)
_SHARD_SIZE = flag_types.define_integer(
    "shard_size", 256, "How many pictures a shard holds.", 1
)
_SEED = flag_types.define_seed("seed", 0, "The seed of the codes.")
_LAYOUT = flags.DEFINE_enum(
    "layout", "own", data_sets.LAYOUTS, "How the files are laid out."
)
_SCORER = flags.DEFINE_string(
    "scorer", None, 'The network that scores: a bundle or checkpoint; "none" for none.'
)
_BUG = flags.DEFINE_boolean(
    "reference_bug", False, "Draw w itself instead of mapping z, as the original did."
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "data", "Where to write.")

flags.adopt_module_key_flags(render_flags)


def main(argv):
    """Draws; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if render_flags.CODES.value:
        raise command_line.UsageError("--codes: this program draws its own codes.")
    renderer = render_flags.renderer()
    is_demo = renderer.source.path == resources.DEMO_GENERATOR
    path = _SCORER.value or (resources.DEMO_NETWORKS["vgg"] if is_demo else "none")
    data = data_sets.DataSet(
        renderer=renderer,
        output=render_flags.directory(_OUTPUT_DIR.value),
        space=render_flags.space() or "z",
        num=_NUM.value,
        shard_size=_SHARD_SIZE.value,
        seed=_SEED.value,
        layout=_LAYOUT.value,
        is_reference_bug=_BUG.value,
        scorer=None if path == "none" else resources.load(path).network,
    )
    number = data_sets.generate(data)
    print(f"Drew {number} of {data.num} pictures (the rest was there): {data.output}.")
    return 0


if __name__ == "__main__":
    command_line.run(main)
