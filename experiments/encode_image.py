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

import pathlib
import shutil

import jax
from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.aligning import paste_back
from experiments.launch import command_line
from experiments.runs import encoding, encoding_flags, processes, reports, tuning
from jax_encoder.alignment import frames
from jax_encoder.io import codes, files, images

_IMAGES = flags.DEFINE_string("images", None, "Directory or pattern of pictures.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write, with --images.")
_SAVE_IMAGE = flags.DEFINE_boolean(
    "save_optimized_image", False, "One picture: write the reconstruction as well."
)
_IMAGE_PATH = flags.DEFINE_string("optimized_image_path", "optimized.png", "To there.")
_VIDEO = flags.DEFINE_boolean("video", False, "One picture: write a film as well.")
_VIDEO_PATH = flags.DEFINE_string(
    "video_path", "video.mp4", "To there; .mp4, .gif or .webp."
)
_FILM = flags.DEFINE_enum(
    "film", None, ["mp4", "gif", "webp"], "Many pictures: write a film of each."
)
_PASTE_BACK = flags.DEFINE_boolean(
    "paste_back", False, "Put the reconstructions back into the photographs aligned."
)

_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of the first of several processes that share a run."
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many share it.", 1)
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which one this is, from 0.", 0)

flags.adopt_module_key_flags(encoding_flags)
flags.adopt_module_key_flags(aligning_flags)


def main(argv):
    """Inverts one picture or many; returns the exit code."""
    processes.join(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
    if len(argv) == 3 and not (_IMAGES.value or _OUTPUT_DIR.value):
        return _encode_one(pathlib.Path(argv[1]), pathlib.Path(argv[2]))
    if len(argv) > 1 or not (_IMAGES.value and _OUTPUT_DIR.value):
        raise command_line.UsageError(
            "Give a picture and a .npy to write, or --images and --output_dir."
        )
    film = f".{_FILM.value}" if _FILM.value else ""
    try:
        paths = images.find(_IMAGES.value)
    except ValueError as error:
        raise command_line.UsageError(str(error)) from error
    rows = encoding.run(
        encoding_flags.job(paths, pathlib.Path(_OUTPUT_DIR.value), film)
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
    """Works in a hidden directory beside the result, which --resume finds again."""
    film = pathlib.Path(_VIDEO_PATH.value).suffix if _VIDEO.value else ""
    if target.suffix != ".npy":
        raise command_line.UsageError(f"The code is a .npy file, got {target}.")
    settings = aligning_flags.settings()
    if settings and settings.face == "all":
        raise command_line.UsageError("--face=all needs --images and --output_dir.")
    work = target.parent / f".{target.stem}.encoding"
    job = encoding_flags.job([picture], work, film, has_reports=False)
    (row,) = encoding.run(job)
    if row["status"] == "failed":
        shutil.rmtree(work, ignore_errors=True)
        raise command_line.Failure(f"{picture}: {row['reason']}")
    found = codes.load(work / f"{picture.stem}.npz")
    codes.save_array(target, found.values[0])
    if _SAVE_IMAGE.value:
        _copy(work / f"{picture.stem}.png", _IMAGE_PATH.value)
    if film:
        _copy(work / f"{picture.stem}{film}", _VIDEO_PATH.value)
    tuned = work / f"{picture.stem}{tuning.DIFFERENCE}"
    if tuned.exists():
        _copy(tuned, target.with_suffix(tuning.DIFFERENCE))
    _keep_frame(found, work / picture.stem, target)
    shutil.rmtree(work)
    print(f"{target}: {reports.caption(row)}, {row['seconds']:.0f} s")
    return int(row["status"] != "ok")


def _keep_frame(found: codes.Codes, stem: pathlib.Path, target: pathlib.Path) -> None:
    """Writes where the picture lies in its photograph, and pastes it back there."""
    if frames.KEY in found.metadata:
        frame = found.metadata[frames.KEY]
        files.write_json(target.with_suffix(".frame.json"), frame)
    if _PASTE_BACK.value:
        try:
            paste_back.paste_one(stem, aligning_flags.paste_options())
        except ValueError as error:
            raise command_line.Failure(f"Not pasted back: {error}") from error
        pasted = f"{stem}{paste_back.ENDING}"
        _copy(pathlib.Path(pasted), target.with_suffix(paste_back.ENDING))


def _copy(source: pathlib.Path, target: str | pathlib.Path) -> None:
    files.write_bytes(target, source.read_bytes())


if __name__ == "__main__":
    command_line.run(main)
