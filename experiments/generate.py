"""Draws pictures from seeds, or a grid that mixes the styles of two lists of seeds.

    python -m experiments.generate --seeds=0-15 --truncation_psi=0.7 --output_dir=out
    python -m experiments.generate --row_seeds=1,2 --column_seeds=3-6 --output_dir=out

Writes one PNG per picture and `contact_sheet.png`. The seeds give the latents of
NVIDIA's own scripts. Without --generator: the demo generator of the package.
"""

import pathlib

from absl import flags

from experiments.launch import command_line
from experiments.networks import resources, sampling

_GENERATOR = flags.DEFINE_string("generator", None, "A bundle or a checkpoint file.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "generated", "Where to write.")
_SEEDS = flags.DEFINE_string("seeds", "0-8", 'Such as "0-3,7".')
_PSI = flags.DEFINE_float("truncation_psi", 1.0, "1: none; 0: the mean picture.")
_CUTOFF = flags.DEFINE_integer("truncation_cutoff", None, "Rows of w to truncate.", 0)
_LABEL = flags.DEFINE_integer("label", None, "The class, of conditional ones.", 0)
_NOISE = flags.DEFINE_enum("noise", "const", ["const", "none"], "StyleGAN2's noise.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "Pictures at a time.", 1)
_ROWS = flags.DEFINE_string("row_seeds", None, "Style mixing: seeds of the rows.")
_COLUMNS = flags.DEFINE_string("column_seeds", None, "Style mixing: of the columns.")
_MIXED = flags.DEFINE_string(
    "mixed_layers", "0-6", "Style mixing: the rows of w taken from the column's seed."
)


def main(argv):
    """Draws; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if bool(_ROWS.value) != bool(_COLUMNS.value):
        raise command_line.UsageError("Give both --row_seeds and --column_seeds.")
    seeds = sampling.parse_numbers(_SEEDS.value)
    sampler = sampling.Sampler(
        generator=resources.generator(_GENERATOR.value).network,
        truncation_psi=_PSI.value,
        truncation_cutoff=_CUTOFF.value,
        label=_LABEL.value,
        noise=_NOISE.value,
        batch_size=_BATCH_SIZE.value,
    )
    output = pathlib.Path(_OUTPUT_DIR.value)
    if _ROWS.value and _COLUMNS.value:
        rows = sampling.parse_numbers(_ROWS.value)
        columns = sampling.parse_numbers(_COLUMNS.value)
        layers = sampling.parse_numbers(_MIXED.value)
        number = sampling.write_mixes(sampler, rows, columns, layers, output)
    else:
        number = sampling.write_seeds(sampler, seeds, output)
    print(f"Wrote {number} pictures and {output / 'contact_sheet.png'}.")
    return 0


if __name__ == "__main__":
    command_line.run(main)
