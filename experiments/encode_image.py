r"""Finds the latent codes of pictures.

One picture, its code into a `.npy` of `[num_ws, w_dim]`:

    python -m experiments.encode_image aligned.png dlatents.npy --video=true

Many pictures, into a directory with a code, a reconstruction and measures for each, a
summary, a contact sheet and loss curves:

    python -m experiments.encode_image --images=photos --output_dir=inverted \
      --generator=ffhq --lpips=lpips_vgg --film=mp4 --resume

Several processes, on one machine or many that see the same directories, share a run:
start the same command with --resume as often as you like. Each takes what is free.
With --preset=pti the generator is then tuned around each code, and its difference to
the original written as well. Without --generator the demo set of the package is used.
Pictures must be aligned as the generator's training pictures were; they are cropped to
the centered square. Photographs are aligned with --align, and the reconstructions go
back into them with --paste_back (`<name>.pasted.png`; only the face changes):

    python -m experiments.encode_image --images=photos --output_dir=inverted \
      --align=ffhq --generator=ffhq --lpips=lpips_vgg --paste_back

Exit code: 0 all done, 1 some pictures failed (the summary says why), 2 bad usage.
"""

import pathlib

from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.aligning import paste_back
from experiments.launch import command_line
from experiments.runs import (
    encoding,
    encoding_flags,
    pictures,
    preset_list,
    process_flags,
    reports,
    single_flags,
)

_IMAGES = flags.DEFINE_string("images", None, "A directory or pattern of pictures.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write, with --images.")
_FILM = flags.DEFINE_enum(
    "film", None, ["mp4", "gif", "webp"], "Many pictures: write a film of each."
)
_PASTE_BACK = flags.DEFINE_boolean(
    "paste_back", False, "Put the reconstructions back into the photographs aligned."
)

_LIST_PRESETS = flags.DEFINE_boolean(
    "list_presets", False, "Print the values and source of every preset, and stop."
)
for module in (encoding_flags, aligning_flags, single_flags, process_flags):
    flags.adopt_module_key_flags(module)

_GROUPS = {
    "One picture": [flag.name for flag in single_flags.FLAGS],
    "Many pictures": ("images", "output_dir", "film"),
    **encoding_flags.GROUPS,
    "Several processes": [flag.name for flag in process_flags.FLAGS],
}


def main(argv):
    """Inverts one picture or many; returns the exit code."""
    if _LIST_PRESETS.value:
        print(preset_list.table())
        return 0
    pasting = aligning_flags.paste_options() if _PASTE_BACK.value else None
    if len(argv) == 3 and not (_IMAGES.value or _OUTPUT_DIR.value):
        command_line.refuse([_FILM], "it is for many pictures; see --video for one")
        return single_flags.encode(*map(pathlib.Path, argv[1:]), pasting=pasting)
    if len(argv) > 1 or not (_IMAGES.value and _OUTPUT_DIR.value):
        raise command_line.UsageError(
            "Give a picture and a .npy to write, or --images and --output_dir."
        )
    command_line.refuse(
        single_flags.FLAGS, "it is for one picture; see --film for many"
    )
    film = f".{_FILM.value}" if _FILM.value else ""
    output = pathlib.Path(_OUTPUT_DIR.value)
    listing = pictures.find(_IMAGES.value)
    job = process_flags.fit(encoding_flags.job(listing, output, film))
    outcome = encoding.share(job)
    num_failed = sum(row["status"] != "ok" for row in outcome.rows)
    if not outcome.is_last:
        print("Done; another process of this run writes the summary.")
        return int(num_failed > 0)
    if pasting:
        num_failed += paste_back.paste_rows(outcome.rows, output, pasting)
    print(reports.sentence(outcome.rows, _OUTPUT_DIR.value))
    return int(num_failed > 0)


if __name__ == "__main__":
    command_line.run(main, _GROUPS)
