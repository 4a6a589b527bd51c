r"""Morphs codes into each other: a film and a sheet.

    python -m experiments.morph --codes=a.npz,b.npz --film=mp4 --output_dir=morph
    python -m experiments.morph --codes=inverted --loop --schedule=coarse-first

The path goes through all codes in their order: great circles in Z, straight lines in W,
W+ (WP) and P (P, PP: before the mapping's last activation). Without -s it goes through
the space of the codes; codes of an earlier space are mapped. --schedule=coarse-first
lets shape change before color.

    python -m experiments.morph --codes=a.npz,b.npz --film=none --at=0.3:0.8

draws single places of the path instead (`at_0.3_0.8.png`), in W+ and without easing:
SHAPE:COLOR, where the coarse and the fine rows are, or one number for both; 0 is the
first code, 1 the second; several with commas between them. Exit code: 0 done, 1 some
codes could not be used (the others were), 2 bad usage.
"""

from absl import flags

from experiments.editing import editing_run, morphing, render_flags
from experiments.launch import command_line, flag_types
from jax_encoder.editing import interpolation
from jax_encoder.io import films

_SPACES = {"Z": "z", "W": "w", "WP": "w+", "P": "p", "PP": "p+"}
_PATH = flags.DEFINE_enum("path", None, [*_SPACES], "Space of the path; default: -s.")
_FRAMES = flag_types.define_integer("num_frames", 100, "Frames of the path.", 2)
_EASING = flags.DEFINE_enum("easing", "cosine", [*interpolation.EASINGS], "Pace.")
_LOOP = flags.DEFINE_boolean("loop", False, "Return to the first code.")
_SCHEDULE = flags.DEFINE_enum(
    "schedule", "together", ["together", "coarse-first", "fine-first"], "Order of rows."
)
_OVERLAP = flag_types.define_number(
    "overlap", 0.5, "How much the times of the rows overlap.", 1e-6, 1.0
)
_FILM = flags.DEFINE_enum("film", "mp4", ["mp4", "gif", "webp", "none"], "The film.")
_FPS = flag_types.define_number("fps", 25.0, "Frames per second.", 0.1)
_SIDE = flag_types.define_integer("side", None, "Frame side; default: as rendered.", 8)
_SAVE = flags.DEFINE_boolean("save_frames", False, "Write each frame as a PNG.")
_AT = flags.DEFINE_string("at", None, "Draw places of the path: SHAPE:COLOR,...")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "morph", "Where to write.")

flags.adopt_module_key_flags(render_flags)


def main(argv):
    """Morphs; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    film = "" if _FILM.value == "none" else f".{_FILM.value}"
    if film:
        films.check(f"film{film}")
    renderer = render_flags.renderer()
    codes, refused = render_flags.read_codes(renderer)
    asked = _SPACES[_PATH.value] if _PATH.value else render_flags.space()
    if _AT.value is not None:
        if film:
            raise command_line.UsageError("--at draws pictures: give --film=none.")
        refused += morphing.draw_places(
            renderer, codes, _AT.value, _OUTPUT_DIR.value, side=_SIDE.value
        )
        return editing_run.report(refused)
    space = morphing.common_space(codes, asked)
    if _SCHEDULE.value != "together" and space != "w+":
        space, asked = "w+", "p+" if asked and asked.startswith("p") else "w+"
    joined, more = morphing.joined(renderer, codes, space)
    morph = _morph(renderer, asked or space)
    output = render_flags.directory(_OUTPUT_DIR.value)
    number = morphing.write(
        morph,
        joined,
        output,
        num_frames=_FRAMES.value,
        film=film,
        fps=_FPS.value,
        save_frames=_SAVE.value,
    )
    print(f"Wrote {number} frames through {len(joined)} codes: {output}.")
    return editing_run.report([*refused, *more])


def _morph(renderer, space: str) -> morphing.Morph:
    return morphing.Morph(
        renderer=renderer,
        space=space,
        easing=_EASING.value,
        schedule=_SCHEDULE.value,
        overlap=_OVERLAP.value,
        is_loop=_LOOP.value,
        side=_SIDE.value,
        paste_back=render_flags.PASTE_BACK.value,
        photographs=render_flags.photographs(),
    )


if __name__ == "__main__":
    command_line.run(main)
