"""Draws pictures from seeds or codes, or a grid that mixes the styles of seeds.

    python -m experiments.generate --seeds=0-15 --truncation_psi=0.7 --output_dir=out
    python -m experiments.generate --row_seeds=1,2 --column_seeds=3-6 --output_dir=out
    python -m experiments.generate --codes=inverted --output_dir=out

Writes one PNG per picture and `contact_sheet.png`. The seeds give the latents of
NVIDIA's own scripts. Codes are files, or directories of them: what `encode_image`
wrote, the codes of NVIDIA's and rosinality's projectors, InterFaceGAN's, e4e's. Without
--generator: the demo generator of the package. Exit code: 0 done, 1 some codes could
not be used (the others were drawn), 2 bad usage.
"""

from absl import flags

from experiments.editing import drawing, editing_run, render_flags
from experiments.launch import command_line
from experiments.networks import seed_pictures

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "generated", "Where to write.")
_SEEDS = flags.DEFINE_string("seeds", "0-8", 'The seeds to draw, such as "0-3,7".')
_ROWS = flags.DEFINE_string(
    "row_seeds", None, "The seeds of the rows of a grid that mixes styles."
)
_COLUMNS = flags.DEFINE_string("column_seeds", None, "The seeds of its columns.")

flags.adopt_module_key_flags(render_flags)


def main(argv):
    """Draws; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if bool(_ROWS.value) != bool(_COLUMNS.value):
        raise command_line.UsageError("Give both --row_seeds and --column_seeds.")
    if _ROWS.value or render_flags.CODES.value:
        command_line.refuse([_SEEDS], "seeds are drawn without --codes and --row_seeds")
    seeds = seed_pictures.parse_numbers(_SEEDS.value)
    renderer = render_flags.renderer()
    refused: list[str] = []
    if render_flags.CODES.value:
        codes, refused = render_flags.read_codes(renderer)
        output = render_flags.directory(_OUTPUT_DIR.value)
        number, more = drawing.write_codes(
            renderer,
            codes,
            output,
            photographs=render_flags.photographs(),
            paste_back=render_flags.PASTE_BACK.value,
        )
        refused += more
    else:
        output = render_flags.directory(_OUTPUT_DIR.value)
        sampler = render_flags.sampler(renderer)
        if _ROWS.value and _COLUMNS.value:
            rows = seed_pictures.parse_numbers(_ROWS.value)
            columns = seed_pictures.parse_numbers(_COLUMNS.value)
            layers = seed_pictures.parse_numbers(render_flags.MIXED.value or "0-6")
            number = seed_pictures.write_mixes(sampler, rows, columns, layers, output)
        else:
            number = seed_pictures.write_seeds(sampler, seeds, output)
    print(f"Wrote {number} pictures and {output / 'contact_sheet.png'}.")
    return editing_run.report(refused)


if __name__ == "__main__":
    command_line.run(main)
