r"""Finds the latent codes of pictures.

One picture, its code into a `.npy` of `[num_ws, w_dim]`:

    python -m experiments.encode_image aligned.png dlatents.npy --video=true

Many pictures, into a directory with a code, a reconstruction and measures for each, a
summary, a contact sheet and loss curves:

    python -m experiments.encode_image --images=photos --output_dir=inverted \
      --generator=ffhq --lpips=lpips_vgg --film=mp4 --resume

Several processes, on one machine or many that see the same directories, share a run:
start each with the same flags and --coordinator, --num_processes and its --process_id.

With --preset=pti the generator is then tuned around each code, and its difference to
the original written as well. Without --generator the demo set of the package is used.
Pictures must be aligned as the generator's training pictures were; they are cropped to
the centered square. Photographs are aligned with --align, and what was found goes back
into them with --paste_back (`<name>.pasted.png`; the photograph stays as it is but for
the face):

    python -m experiments.encode_image --images=photos --output_dir=inverted \
      --align=ffhq --generator=ffhq --lpips=lpips_vgg --paste_back

Exit code: 0 all done, 1 some pictures failed (the summary says
why), 2 bad usage.
"""

import functools
import pathlib

import jax
from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.aligning import paste_back
from experiments.launch import command_line, flag_types
from experiments.runs import (
    encoding,
    encoding_flags,
    pictures,
    preset_list,
    processes,
    reports,
    single,
)

_IMAGES = flags.DEFINE_string("images", None, "Directory or pattern of pictures.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write, with --images.")
_SAVE_IMAGE = flags.DEFINE_boolean(
    "save_optimized_image", False, "One picture: write the reconstruction as well."
)
_IMAGE_PATH = flags.DEFINE_string(
    "optimized_image_path", "optimized.png", "Where the reconstruction goes."
)
_VIDEO = flags.DEFINE_boolean("video", False, "One picture: write a film as well.")
_VIDEO_PATH = flags.DEFINE_string(
    "video_path", "video.mp4", "Where the film goes; .mp4, .gif or .webp."
)
_FILM = flags.DEFINE_enum(
    "film", None, ["mp4", "gif", "webp"], "Many pictures: write a film of each."
)
_PASTE_BACK = flags.DEFINE_boolean(
    "paste_back", False, "Put the reconstructions back into the photographs aligned."
)

_LIST_PRESETS = flags.DEFINE_boolean(
    "list_presets", False, "Print the values and source of every preset, and stop."
)
_ONE_PICTURE = (_SAVE_IMAGE, _IMAGE_PATH, _VIDEO, _VIDEO_PATH)

_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of the first of several processes that share a run."
)
_NUM_PROCESSES = flag_types.define_integer(
    "num_processes", None, "How many share it.", 1
)
_PROCESS_ID = flag_types.define_integer(
    "process_id", None, "Which one this is, from 0.", 0
)

flags.adopt_module_key_flags(encoding_flags)
flags.adopt_module_key_flags(aligning_flags)


_GROUPS = {
    "One picture": [flag.name for flag in _ONE_PICTURE],
    "Many pictures": ("images", "output_dir", "film"),
    **encoding_flags.GROUPS,
    "Several processes": ("coordinator", "num_processes", "process_id"),
}


def main(argv):
    """Inverts one picture or many; returns the exit code."""
    if _LIST_PRESETS.value:
        print(preset_list.table())
        return 0
    processes.join(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
    if len(argv) == 3 and not (_IMAGES.value or _OUTPUT_DIR.value):
        return _encode_one(pathlib.Path(argv[1]), pathlib.Path(argv[2]))
    if len(argv) > 1 or not (_IMAGES.value and _OUTPUT_DIR.value):
        raise command_line.UsageError(
            "Give a picture and a .npy to write, or --images and --output_dir."
        )
    film = f".{_FILM.value}" if _FILM.value else ""
    command_line.refuse(_ONE_PICTURE, "it is for one picture; see --film for many")
    listing = pictures.find(_IMAGES.value)
    rows = encoding.run(
        encoding_flags.job(listing, pathlib.Path(_OUTPUT_DIR.value), film)
    )
    num_failed = sum(row["status"] != "ok" for row in rows)
    if jax.process_index() == 0:
        if _PASTE_BACK.value:
            options = aligning_flags.paste_options()
            output = pathlib.Path(_OUTPUT_DIR.value)
            num_failed += paste_back.paste_rows(rows, output, options)
        print(reports.sentence(rows, _OUTPUT_DIR.value))
    return int(num_failed > 0)


def _encode_one(picture: pathlib.Path, target: pathlib.Path) -> int:
    """Checks the flags that go together, then inverts."""
    command_line.refuse([_FILM], "it is for many pictures; see --video for one")
    if not _SAVE_IMAGE.value:
        command_line.refuse([_IMAGE_PATH], "it needs --save_optimized_image")
    if not _VIDEO.value:
        command_line.refuse([_VIDEO_PATH], "it needs --video")
    settings = aligning_flags.settings()
    if settings and settings.face == "all":
        raise command_line.UsageError("--face=all needs --images and --output_dir.")
    return single.encode(
        picture,
        target,
        functools.partial(encoding_flags.job, has_reports=False),
        image_path=_IMAGE_PATH.value if _SAVE_IMAGE.value else "",
        film_path=_VIDEO_PATH.value if _VIDEO.value else "",
        pasting=aligning_flags.paste_options() if _PASTE_BACK.value else None,
    )


if __name__ == "__main__":
    command_line.run(main, _GROUPS)
