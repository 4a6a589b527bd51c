r"""Finds the latent codes of pictures.

One picture, its code into a `.npy` of `[num_ws, w_dim]`:

    python -m experiments.encode_image aligned.png dlatents.npy --video=true

Many pictures, into a directory with a code, a reconstruction and measures for each, a
summary, a contact sheet and loss curves:

    python -m experiments.encode_image --images=photos --output_dir=inverted \
      --generator=ffhq --lpips=lpips_vgg --film=mp4 --resume

Without --generator the demo set of the package is used. Pictures must be aligned as the
generator's training pictures were; they are cropped to the centred square. Exit code: 0
all done, 1 some pictures failed (the summary says why), 2 bad usage.
"""

import pathlib
import shutil

from absl import flags

from experiments import batches, command_line, encoding, presets, reports
from jax_encoder.io import codes, files, films, images
from jax_encoder.latents import spaces

_IMAGES = flags.DEFINE_string("images", None, "Directory or pattern of pictures.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write, with --images.")
_GENERATOR = flags.DEFINE_string(
    "generator", None, "Bundle or checkpoint; default: the demo's."
)
_MODEL_TYPE = flags.DEFINE_string("model_type", None, "Another name of --generator.")
_PRESET = flags.DEFINE_enum(
    "preset",
    "default",
    [preset.name for preset in presets.PRESETS],
    "The method and its constants.",
)
_SPACE = flags.DEFINE_enum(
    "space", None, spaces.SPACES, "Where to search; default: the preset's."
)
_START = flags.DEFINE_string(
    "start",
    "",
    "mean, zeros, random, seeds, seeds:NUMBER, a file with a code, or an encoder;"
    " default: the preset's.",
)
_ITERATIONS = flags.DEFINE_integer(
    "iterations", None, "Gradient steps; default: the preset's.", 1
)
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", None, "Default: the preset's.", 0.0
)
_VGG_LAYER = flags.DEFINE_string(
    "vgg_layer", None, "Name or torchvision index of the layer, where one is compared."
)
_NOISE = flags.DEFINE_enum(
    "noise", None, ["const", "none", "optimise"], "Noise maps; default: the preset's."
)
_LPIPS = flags.DEFINE_string("lpips", None, "Perceptual network; default: the demo's.")
_VGG = flags.DEFINE_string("vgg", None, "Feature network; default: the demo's.")
_IDENTITY = flags.DEFINE_string(
    "identity", None, "Identity network; default: the demo's."
)
_STATISTICS = flags.DEFINE_string(
    "statistics", None, "Latent statistics; default: the bundle's, or an estimate."
)
_CLASS = flags.DEFINE_integer("class_index", None, "Of a conditional generator.", 0)
_USE_FINDER = flags.DEFINE_boolean(
    "use_latent_finder", False, "Start from --image_to_latent_path's prediction."
)
_FINDER = flags.DEFINE_string("image_to_latent_path", None, "A regressor or encoder.")
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
_SAVE_FREQUENCY = flags.DEFINE_integer(
    "save_frequency", 10, "Steps between the frames of a film.", 1
)
_FPS = flags.DEFINE_float("fps", 10.0, "Frames per second of the films.", 0.1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "Pictures at a time.", 1)
_CHUNK = flags.DEFINE_integer("chunk", 50, "Steps between two saved states.", 1)
_CROP = flags.DEFINE_enum("crop", "center", ["center", "none"], "To make square.")
_SEED = flags.DEFINE_integer("seed", 0, "Of everything random.")
_RESUME = flags.DEFINE_boolean("resume", False, "Go on with an interrupted run.")


def main(argv):
    """Inverts one picture or many; returns the exit code."""
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
    rows = encoding.run(_job(paths, pathlib.Path(_OUTPUT_DIR.value), film))
    print(reports.sentence(rows, _OUTPUT_DIR.value))
    if presets.get(_PRESET.value).pivotal is not None:
        print(
            "These are the pivots. To tune the generator around them: python -m"
            f" experiments.tune_generator --codes={_OUTPUT_DIR.value}"
            f" --images={_IMAGES.value} --output_dir=tuned"
        )
    return int(any(row["status"] != "ok" for row in rows))


def _encode_one(picture: pathlib.Path, target: pathlib.Path) -> int:
    """Works in a hidden directory beside the result, which --resume finds again."""
    film = pathlib.Path(_VIDEO_PATH.value).suffix if _VIDEO.value else ""
    if target.suffix != ".npy":
        raise command_line.UsageError(f"The code is a .npy file, got {target}.")
    work = target.parent / f".{target.stem}.encoding"
    (row,) = encoding.run(_job([picture], work, film))
    if row["status"] == "failed":
        shutil.rmtree(work, ignore_errors=True)
        raise command_line.Failure(f"{picture}: {row['reason']}")
    found = codes.load(work / f"{picture.stem}.npz")
    codes.save_array(target, found.values[0])
    if _SAVE_IMAGE.value:
        _copy(work / f"{picture.stem}.png", _IMAGE_PATH.value)
    if film:
        _copy(work / f"{picture.stem}{film}", _VIDEO_PATH.value)
    shutil.rmtree(work)
    print(f"{target}: {reports.caption(row)}, {row['seconds']:.0f} s")
    return int(row["status"] != "ok")


def _copy(source: pathlib.Path, target: str) -> None:
    files.write_bytes(target, source.read_bytes())


def _job(paths, output: pathlib.Path, film: str) -> encoding.Job:
    """The flags as a job."""
    if _GENERATOR.value and _MODEL_TYPE.value:
        raise command_line.UsageError("--model_type is --generator: give one.")
    if _USE_FINDER.value and not _FINDER.value:
        raise command_line.UsageError(
            "--use_latent_finder needs --image_to_latent_path."
        )
    try:
        films.check(f"film{film or '.gif'}")
    except ValueError as error:
        raise command_line.UsageError(str(error)) from error
    layer = _VGG_LAYER.value
    return encoding.Job(
        paths=paths,
        output=output,
        preset=_PRESET.value,
        overrides={
            "space": _SPACE.value,
            "num_steps": _ITERATIONS.value,
            "learning_rate": _LEARNING_RATE.value,
            "vgg_layer": int(layer) if layer and layer.isdecimal() else layer,
            "noise": _NOISE.value,
        },
        start=(_FINDER.value if _USE_FINDER.value else _START.value) or "",
        generator=_GENERATOR.value or _MODEL_TYPE.value,
        networks={
            "lpips": _LPIPS.value,
            "vgg": _VGG.value,
            "identity": _IDENTITY.value,
        },
        statistics=_STATISTICS.value,
        class_index=_CLASS.value,
        seed=_SEED.value,
        chunk=_SAVE_FREQUENCY.value if film else _CHUNK.value,
        options=batches.Options(
            batch_size=_BATCH_SIZE.value,
            film=film,
            fps=_FPS.value,
            crop=_CROP.value,
            resume=_RESUME.value,
        ),
    )


if __name__ == "__main__":
    command_line.run(main)
