"""Shows a generator's latent space by its pictures: walks, truncation, mixing.

    python -m experiments.walk --seeds=1,2,3 --loop --output_dir=walk
    python -m experiments.walk --show=truncation,mixing --seeds=1-6 --output_dir=walk
    python -m experiments.walk --show=neighbors --codes=inverted --data=photos

interpolate: from seed to seed on great circles in Z and on straight lines in W, as a
figure with the perceptual path length beneath and a film. truncation: every seed at
every psi, and how much pictures differ. mixing: the first code with each row of every
other, one by one and up to it. neighbors: the pictures of --data that are nearest to
each code by the features of --lpips (needs the `analysis` extra). --codes takes codes
instead of seeds for all but the first. Exit code: 0 done, 1 some codes could not be
used, 2 bad usage.
"""

from absl import flags

from experiments.drawing import walking
from experiments.editing import editing_run, render_flags
from experiments.launch import command_line, flag_types
from experiments.networks import seed_pictures

_SHOW = flag_types.define_choices(
    "show", ["interpolate"], f"Of {', '.join(walking.KINDS)}.", walking.KINDS
)
_SEEDS = flags.DEFINE_string(
    "seeds", "1-4", 'The seeds to walk through, such as "0-3,7".'
)
_FRAMES = flag_types.define_integer(
    "num_frames", 90, "How many frames a walk has.", 2, 100_000
)
_LOOP = flags.DEFINE_boolean("loop", False, "Return to the first seed.")
_PSIS = flags.DEFINE_string("psis", "-0.5,0,0.25,0.5,0.7,1,1.3", "Of truncation.")
_DATA = flags.DEFINE_string("data", None, "Pictures among which neighbors are found.")
_NEIGHBORS = flag_types.define_integer(
    "num_neighbors", 8, "How many neighbors to show of each code.", 1, 64
)
_LPIPS = flags.DEFINE_string("lpips", None, "The distance; default: the demo's.")
_FILM = flags.DEFINE_enum(
    "film", "mp4", ["mp4", "gif", "webp", "none"], "The kind of the film."
)
_FORMATS = flag_types.define_choices(
    "formats",
    ["png", "svg"],
    "The kinds of the figures: png, svg, pdf.",
    ["png", "svg", "pdf"],
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "walk", "Where to write.")

flags.adopt_module_key_flags(render_flags)


def main(argv):
    """Draws; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    shown = _SHOW.value
    if "neighbors" in shown and not _DATA.value:
        raise command_line.UsageError("--show=neighbors needs --data, a folder.")
    unused = {
        "interpolate": (_FRAMES, _LOOP, _FILM),
        "truncation": (_PSIS,),
        "neighbors": (_DATA, _NEIGHBORS),
    }
    for kind, holders in unused.items():
        if kind not in shown:
            command_line.refuse(holders, f"it needs --show={kind}")
    renderer = render_flags.renderer()
    codes, refused = None, []
    if render_flags.CODES.value:
        codes, refused = render_flags.read_codes(renderer)
        if "interpolate" in shown:
            raise command_line.UsageError(
                "--show=interpolate goes through seeds; `morph` goes through codes."
            )
        command_line.refuse([_SEEDS], "--codes are given")
    task = walking.WalkTask(
        show=tuple(shown),
        seeds=tuple(seed_pictures.parse_numbers(_SEEDS.value)),
        codes=codes,
        num_frames=_FRAMES.value,
        is_loop=_LOOP.value,
        psis=walking.parse_psis(_PSIS.value),
        data=_DATA.value or "",
        num_neighbors=_NEIGHBORS.value,
        lpips=_LPIPS.value,
        film="" if _FILM.value == "none" else f".{_FILM.value}",
        formats=tuple(_FORMATS.value),
    )
    walking.run(task, renderer, render_flags.directory(_OUTPUT_DIR.value))
    return editing_run.report(refused)


if __name__ == "__main__":
    command_line.run(main)
