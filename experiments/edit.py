r"""Edits codes along directions: pictures, a sheet, films, edited codes.

    python -m experiments.edit --codes=inverted --directions=smile,age --output_dir=out
    python -m experiments.edit --codes=inverted --directions=smile=2,age=-1 --film=mp4
    python -m experiments.edit --codes=z.npy -b stylegan_ffhq_age_boundary.npy -s Z \
      --generator=ffhq --steps=10 --start_distance=-3 --end_distance=3

A direction is a NAME of the generator's bundle (the demo's: smile, age, yaw, glasses,
hair_length, beard, ...), a file (boundaries, encoder4editing's .pt, GANSpace, what
`find_directions` writes; FILE:NAME of several; StyleCLIP's fs3.npy:TEXT.npy, TEXT.npy
the difference of two CLIP embeddings), or computed: pca:3, sefa:0. Directions
joined with = (smile=2,age=-1) are one edit, shown from unedited to its full amount;
without amounts each is an edit of its own, from -3 to 3. A unit is one standard
deviation of the attribute, or of length for files that say nothing of it.

InterFaceGAN's --boundary keeps its two meanings of distance: codes of Z and W go to
this distance from the hyperplane, whatever theirs was; codes of WP move by it.
--meaning chooses another. Exit code: 0 done, 1 some codes or directions could not be
used (the others were), 2 bad usage.
"""

import numpy as np
from absl import flags

from experiments.editing import direction_lists, editing_run, render_flags
from experiments.launch import command_line, flag_types
from jax_encoder.editing import interpolation
from jax_encoder.io import films

_DIRECTIONS = flags.DEFINE_multi_string("directions", [], "Edits; may be repeated.")
_BOUNDARY = flags.DEFINE_string("boundary", None, "A boundary's file.", short_name="b")
_STEPS = flag_types.define_integer("steps", None, "Pictures per edit; default: 7.", 1)
_START = flag_types.define_number(
    "start_distance", None, "Where an edit begins; default: -3."
)
_END = flag_types.define_number("end_distance", None, "Where an edit ends; default: 3.")
_MEANING = flags.DEFINE_enum(
    "meaning",
    None,
    ["offset", "distance", "published"],
    "What positions mean; see above.",
)
_ROWS = flags.DEFINE_string("rows", None, 'The rows of w that move, such as "0-3".')
_CONDITIONAL = flags.DEFINE_list("conditional", [], "Directions to leave unchanged.")
_FILM = flags.DEFINE_enum(
    "film", None, ["mp4", "gif", "webp"], "Film it there and back."
)
_FRAMES = flag_types.define_integer("num_frames", 50, "How many frames a film has.", 2)
_EASING = flags.DEFINE_enum(
    "easing", "cosine", [*interpolation.EASINGS], "How a film speeds up and slows down."
)
_FPS = flag_types.define_number("fps", 25.0, "Frames per second.", 0.1)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "edited", "Where to write.")

flags.adopt_module_key_flags(render_flags)


def main(argv):
    """Edits; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if not (_DIRECTIONS.value or _BOUNDARY.value):
        raise command_line.UsageError("Give --directions or --boundary.")
    if _FILM.value:
        films.check(f"film.{_FILM.value}")
    renderer = render_flags.renderer()
    codes, refused = render_flags.read_codes(renderer)
    library = direction_lists.Library(
        source=renderer.source,
        rows=direction_lists.parse_rows(_ROWS.value),
        conditional=tuple(_CONDITIONAL.value),
    )
    texts = [*_DIRECTIONS.value, *([_BOUNDARY.value] if _BOUNDARY.value else [])]
    edits, has_amounts, more = library.edits(texts)
    start, end = (0.0, 1.0) if has_amounts else (-3.0, 3.0)
    start = start if _START.value is None else _START.value
    end = end if _END.value is None else _END.value
    steps = _STEPS.value or (10 if _BOUNDARY.value else 7)
    plan = editing_run.Plan(
        renderer=renderer,
        output=render_flags.directory(_OUTPUT_DIR.value),
        positions=np.linspace(start, end, steps),
        meaning=_MEANING.value or ("published" if _BOUNDARY.value else "offset"),
        space=render_flags.space(),
        film=f".{_FILM.value}" if _FILM.value else "",
        num_frames=_FRAMES.value,
        easing=_EASING.value,
        fps=_FPS.value,
        paste_back=render_flags.PASTE_BACK.value,
        photographs=render_flags.photographs(),
    )
    refused += more + editing_run.run(plan, codes, edits)
    print(f"Edited {len(codes)} codes by {len(edits)} edits: {plan.output}.")
    return editing_run.report(refused)


if __name__ == "__main__":
    command_line.run(main)
