"""The flags of the inversion of one picture, as older tools have them."""

import functools
import pathlib

from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.launch import command_line
from experiments.runs import encoding_flags, single
from jax_encoder.alignment.pasting import PastingOptions

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
FLAGS = (_SAVE_IMAGE, _IMAGE_PATH, _VIDEO, _VIDEO_PATH)


def encode(
    picture: pathlib.Path,
    target: pathlib.Path,
    pasting: PastingOptions | None,
) -> int:
    """Inverts one picture as the flags say.

    Args:
      picture: the file.
      target: the `.npy` to write.
      pasting: how the reconstruction goes back into the photograph; None for not.

    Returns:
      The exit code.

    Raises:
      UsageError: flags that make no sense together.
    """
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
        pasting=pasting,
    )
