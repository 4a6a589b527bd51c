"""Films of inversions: the target on the left, the way to it on the right.

Frames are kept as files while a run goes on, so that a killed run loses none. The film
is made of those in which something moves, each with its step and loss.
"""

import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jax_encoder.io import files, films, images

SIDE = 256
"""Pixels of each of the two pictures, at least."""

STILL = 1.0 / 255.0
"""Mean difference, of values in [0, 1], below which two frames are the same."""

_MAX_STILL = 25
"""So many frames are left out at most before one is shown all the same."""


def keep(directory: pathlib.Path, num_steps: int, image: np.ndarray) -> None:
    """Keeps a frame.

    Args:
      directory: of the picture's frames; made if missing.
      num_steps: steps done.
      image: `[R, R, 3]` in [-1, 1].

    Raises:
      WriteError: the disk is full or read-only.
    """
    files.make_directory(directory)
    images.write(directory / f"{num_steps:08d}.jpg", np.nan_to_num(image))


def write(
    path: pathlib.Path,
    directory: pathlib.Path,
    target: np.ndarray,
    losses: np.ndarray,
    fps: float,
) -> None:
    """Joins the frames of a picture; without any there is no film.

    Args:
      path: the film.
      directory: of the frames.
      target: `[R, R, 3]` in [-1, 1].
      losses: `[steps]`.
      fps: frames per second; the last frame is held for a second.

    Raises:
      WriteError: the disk is full or read-only.
    """
    if not directory.is_dir() or not any(directory.glob("*.jpg")):
        return
    scale = -(-SIDE // len(target))
    shown = (
        label(_beside(target, frame, scale), step, losses)
        for step, frame in _moving(directory)
    )
    films.write(path, _hold(shown, round(fps)), fps=fps)


def _moving(directory: pathlib.Path) -> Iterator[tuple[int, np.ndarray]]:
    """Steps and frames, without those that look like the one shown before."""
    paths = sorted(directory.glob("*.jpg"))
    last, num_skipped = None, 0
    for path in paths:
        frame = images.read(path)
        is_still = last is not None and np.abs(frame - last).mean() < 2.0 * STILL
        if is_still and path != paths[-1] and num_skipped < _MAX_STILL:
            num_skipped += 1
            continue
        last, num_skipped = frame, 0
        yield int(path.stem), frame


def _hold(frames: Iterator[np.ndarray], num: int) -> Iterator[np.ndarray]:
    """The frames, the last one again `num` times."""
    frame = None
    for frame in frames:
        yield frame
    if frame is not None:
        yield from [frame] * num


def _beside(target: np.ndarray, image: np.ndarray, scale: int) -> np.ndarray:
    """Two pictures side by side, each pixel `scale` times as large."""
    pair = (images.with_channels(x, 3) for x in (target, image))
    both = np.concatenate([images.to_uint8(x) for x in pair], axis=1)
    return both.repeat(scale, axis=0).repeat(scale, axis=1)


def label(frame: np.ndarray, step: int, losses: np.ndarray) -> np.ndarray:
    """Writes the step and the loss below a frame.

    Args:
      frame: `[H, W, 3]` uint8; below 128 pixels there is no room for a text.
      step: steps done.
      losses: `[steps]`; that of the step is shown, at the start the first one's.

    Returns:
      `[H + strip, W, 3]` uint8.
    """
    height, width = frame.shape[:2]
    if width < 128:
        return frame
    strip = 2 * (max(20, width // 24) // 2)
    picture = Image.new("RGB", (width, height + strip), (255, 255, 255))
    picture.paste(Image.fromarray(frame), (0, 0))
    loss = losses[min(max(step - 1, 0), len(losses) - 1)] if len(losses) else np.nan
    text = f"step {step}"
    text += f"    loss {loss:.4g}" if np.isfinite(loss) else ""
    font = ImageFont.load_default(strip * 0.62)
    pen = ImageDraw.Draw(picture)
    pen.text((width / 2, height + strip / 2), text, (38, 38, 42), font, anchor="mm")
    return np.asarray(picture)
