"""Films: MP4 through PyAV, GIF and WebP through Pillow."""

import fractions
import io
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from jax_encoder.errors import InputError
from jax_encoder.io import files, folders, images

EXTENSIONS = frozenset({".mp4", ".gif", ".webp"})
_BT709 = 1
"""In the numbers of H.273: what players take films of any size above 576 lines for."""

MAX_FPS = 1000.0
"""Encoders count time in fractions that end below this many frames per second."""


def check(path: str | os.PathLike) -> None:
    """Tells before a long computation whether `write` will know what to do.

    Args:
      path: the film to be written.

    Raises:
      ValueError: an extension of no film.
      ImportError: MP4 without the `video` extra.
    """
    extension = pathlib.Path(path).suffix.lower()
    if extension not in EXTENSIONS:
        raise InputError(
            f"A film ends in .mp4, .gif or .webp, got {pathlib.Path(path).name!r}."
        )
    if extension == ".mp4":
        _import_av()


def write(
    path: str | os.PathLike, frames: Iterable[np.ndarray], *, fps: float = 25.0
) -> None:
    """Writes a film, whole or not at all.

    Args:
      path: `.mp4` (H.264; needs the `video` extra), `.gif` or `.webp` (endless loops).
      frames: `[H, W, 3]` pictures of one size, float in [-1, 1] or uint8; may be a
        generator. MP4 needs even sizes: an odd one is padded by repeating its edge.
      fps: frames per second. GIF rounds the time of a frame to 10 ms.

    Raises:
      ValueError: an extension of no film, no frames, frames of different sizes, or
        `fps` not within 0 and `MAX_FPS`.
      ImportError: MP4 without the `video` extra.
      WriteError: the disk is full or read-only.
    """
    check(path)
    if not 0 < fps <= MAX_FPS:
        raise InputError(f"`fps` must lie in 0...{MAX_FPS:g}, got {fps}.")
    pictures = _checked(frames)
    first = next(pictures, None)
    if first is None:
        raise InputError("A film needs at least one frame, got none.")
    pictures = itertools.chain([first], pictures)
    if pathlib.Path(path).suffix.lower() == ".mp4":
        with files.writing(path) as file:
            _write_mp4(file, pictures, first.shape, fps)
    else:
        files.write_bytes(path, _animation(pictures, path, fps))


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames as uint8; refuses another size than the first one's."""
    shape = None
    for index, frame in enumerate(frames):
        frame = np.asarray(frame)
        if frame.ndim == 3 and frame.shape[-1] in (1, 4):
            frame = images.with_channels(frame, 3)
        shape = shape or frame.shape
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.shape != shape:
            raise InputError(
                f"Frames must be [H, W, 3] and of one size: frame {index} has"
                f" {frame.shape}, the first {shape}."
            )
        yield images.to_uint8(frame)


def _import_av():
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "MP4 films need PyAV: pip install 'jax_encoder[video]'. GIF and WebP films"
            " need nothing more."
        ) from error
    return av


def _write_mp4(file, pictures, shape, fps) -> None:
    """Encodes H.264 frame by frame into an open file."""
    av = _import_av()
    height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
    padding = ((0, height - shape[0]), (0, width - shape[1]), (0, 0))
    rate = fractions.Fraction(fps).limit_denominator(1001)
    with av.open(file, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "17", "preset": "medium"}
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = 1  # that of television, 16 to 235
        for picture in pictures:
            padded = np.pad(picture, padding, mode="edge")
            frame = av.VideoFrame.from_ndarray(padded, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace="ITU709",
                dst_color_range="MPEG",
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _animation(pictures, path, fps) -> bytes:
    """Encodes a GIF or WebP that loops for ever."""
    encoded = io.BytesIO()
    is_gif = pathlib.Path(path).suffix.lower() == ".gif"
    options = {"quality": 90, "method": 4, "xmp": folders.MARK}
    if is_gif:
        options = {"comment": folders.MARK}
    shown = map(Image.fromarray, pictures)
    next(shown).save(
        encoded,
        "GIF" if is_gif else "WEBP",
        save_all=True,
        append_images=shown,
        duration=max(10 if is_gif else 1, round(1000 / fps)),
        loop=0,
        **options,
    )
    return encoded.getvalue()
