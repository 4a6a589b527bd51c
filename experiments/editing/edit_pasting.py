"""Renderings of aligned codes, put back into their photographs."""

import functools
import pathlib

import numpy as np

from experiments.editing.code_sets import Code
from experiments.launch import command_line
from jax_encoder.alignment import frames, pasting
from jax_encoder.errors import InputError


@functools.lru_cache(maxsize=8)
def _photograph(frame: frames.Frame, folder: str | None) -> np.ndarray:
    return pasting.photograph(frame, folder)


def paste(code: Code, picture: np.ndarray, folder: str | None) -> np.ndarray:
    """Puts a picture of a code back into the photograph that it was aligned from.

    Args:
      code: its file carries the frame, where `encode_image --align` wrote it.
      picture: `[H, W, 3]` in [-1, 1].
      folder: where the photographs lie now; None: where they were.

    Returns:
      `[H, W, 3]` uint8, of the photograph's size.

    Raises:
      Failure: the code has no frame, or the photograph cannot be read.
    """
    try:
        frame = frames.from_metadata(code.metadata)
        if frame is None:
            raise InputError(
                "its file carries no frame; invert with `encode_image --align`, or"
                " leave --paste_back out."
            )
        return pasting.paste(_photograph(frame, folder), picture, frame)
    except (InputError, OSError) as error:
        raise command_line.Failure(f"{code.name}: {error}") from error


def check_folder(folder: str | None) -> str | None:
    """The folder of --photographs.

    Raises:
      UsageError: it is none.
    """
    if folder is not None and not pathlib.Path(folder).is_dir():
        raise command_line.UsageError(f"--photographs={folder}: no directory.")
    return folder
