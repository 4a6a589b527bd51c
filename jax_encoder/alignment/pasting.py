"""Putting a rendering of an aligned picture back into its photograph.

The rendering is brought to the photograph's pixels, its colors are matched to the
photograph's along the seam, and the two are blended by a mask with a soft border.
Outside the mask the photograph stays as it is, bit by bit.
"""

import dataclasses
import math
import os
import pathlib

import numpy as np
from PIL import Image

from jax_encoder.alignment import frames, masks
from jax_encoder.errors import InputError
from jax_encoder.io import images

COLORS = ("smooth", "shift", "none")
_MARGIN = 3
"""Pixels of border that bicubic sampling may look at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PastingOptions:
    """How a rendering is put back.

    Attributes:
      mask: which pixels it replaces.
      color: how it is matched to the photograph along the seam: "smooth" (what the
        seam's neighborhood needs, the mean far from it), "shift" (the seam's mean
        difference everywhere), or "none".
    """

    mask: masks.Mask = masks.Mask()
    color: str = "smooth"

    def __post_init__(self):
        if self.color not in COLORS:
            raise InputError(f"`color` must be one of {COLORS}, got {self.color!r}.")


def paste(
    photograph: np.ndarray,
    rendering: np.ndarray,
    frame: frames.Frame,
    options: PastingOptions = PastingOptions(),
) -> np.ndarray:
    """Puts a rendering back into its photograph.

    Args:
      photograph: `[H, W, 3]` uint8 or float in [-1, 1]; the one that was aligned.
      rendering: `[S, S, 3]` float in [-1, 1] or uint8, of any side.
      frame: where it belongs.
      options: mask, border and colors.

    Returns:
      `[H, W, 3]` uint8; where `masks.weights` is 0 it equals the photograph.

    Raises:
      ValueError: the photograph is not the frame's, the rendering is not square, or the
        frame has no landmarks for a hull.
    """
    photograph = images.to_uint8(photograph)
    _check(photograph, rendering, frame)
    where = masks.window(frame)
    original = photograph[where].astype(np.float32)
    result = photograph.copy()
    if not original.size:
        return result
    weight = masks.weights(frame, options.mask, where)[..., None]
    warped = warp(rendering, frame, where).astype(np.float32)
    if options.color != "none":
        warped = warped + _correction(original - warped, weight, frame, options.color)
    blended = original + weight * (np.clip(warped, 0.0, 255.0) - original)
    rounded = np.rint(blended).astype(np.uint8)
    result[where] = np.where(weight > 0, rounded, photograph[where])
    return result


def _check(photograph, rendering, frame):
    width, height = frame.photograph_size
    if photograph.shape != (height, width, 3):
        raise InputError(
            f"The frame belongs to a photograph of {width}x{height} pixels, got shape"
            f" {photograph.shape}: give the one that was aligned."
        )
    shape = rendering.shape
    if len(shape) != 3 or shape[0] != shape[1] or shape[2] != 3 or 0 in shape:
        raise InputError(f"A rendering to be put back is [S, S, 3], got {shape}.")


def warp(
    rendering: np.ndarray, frame: frames.Frame, where: masks.Window | None = None
) -> np.ndarray:
    """Brings a rendering to its place in the photograph.

    Args:
      rendering: `[S, S, 3]` float in [-1, 1] or uint8.
      frame: where it belongs.
      where: a part of the photograph; default: all of it.

    Returns:
      `[H, W, 3]` uint8 of that part. Just outside of the frame the rendering's border
      is repeated; what lies farther is black.
    """
    width, height = frame.photograph_size
    rows, columns = where or (slice(0, height), slice(0, width))
    picture = Image.fromarray(images.to_uint8(np.asarray(rendering)))
    side = max(math.ceil(frame.side), 1)
    if side < picture.width:  # fewer pixels in the photograph: reduce without aliases
        picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    size = picture.width
    pixels = np.pad(np.asarray(picture), [(_MARGIN, _MARGIN)] * 2 + [(0, 0)], "edge")
    # All in coordinates of edges, half a pixel from those of centers.
    origin = np.array([columns.start, rows.start])
    to_unit = np.linalg.inv(
        frames.unit_homography(np.asarray(frame.quad) + 0.5 - origin)
    )
    to_pixels = np.array([[size, 0, _MARGIN], [0, size, _MARGIN], [0, 0, 1]]) @ to_unit
    warped = Image.fromarray(pixels).transform(
        (columns.stop - columns.start, rows.stop - rows.start),
        Image.Transform.PERSPECTIVE,
        tuple((to_pixels / to_pixels[2, 2]).ravel()[:8]),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(warped)


def _correction(
    difference: np.ndarray, weight: np.ndarray, frame: frames.Frame, color: str
) -> np.ndarray:
    """What the rendering's colors lack along the mask's soft border.

    Args:
      difference: `[H, W, 3]` photograph minus rendering.
      weight: `[H, W, 1]` of the rendering.
      frame: where it belongs.
      color: "smooth" or "shift".

    Returns:
      `[H, W, 3]` or `[3]`, to be added.
    """
    seam = 4.0 * weight * (1.0 - weight)
    total = float(seam.sum())
    if not total > 0:
        return np.zeros(3, np.float32)
    shift = (difference * seam).sum(axis=(0, 1)) / total
    if color == "shift":
        return shift
    # The mean has a small weight everywhere: far from the seam it is all there is.
    floor = 0.05 * float(seam.mean())
    sums = _soften(np.concatenate([difference * seam, seam], axis=-1), 0.1 * frame.side)
    return (sums[..., :3] + floor * shift) / (sums[..., 3:] + floor)


def _soften(values: np.ndarray, sigma: float) -> np.ndarray:
    """Blurs `[H, W, C]` by a wide Gaussian, at a reduced size where it is large."""
    # Imported here since loading it takes a good part of a command's start.
    from scipy import ndimage

    step = max(int(sigma / 4.0), 1)
    small = values[::step, ::step]
    small = ndimage.gaussian_filter(small, [sigma / step, sigma / step, 0], truncate=3)
    if step == 1:
        return small
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]] / step
    channels = [
        ndimage.map_coordinates(small[..., c], [rows, columns], order=1, mode="nearest")
        for c in range(values.shape[-1])
    ]
    return np.stack(channels, axis=-1)


def photograph(
    frame: frames.Frame, folder: str | os.PathLike | None = None
) -> np.ndarray:
    """Reads the photograph that a frame belongs to.

    Args:
      frame: it knows the photograph's path.
      folder: where the photograph lies now, should that have changed; its name counts.

    Returns:
      `[H, W, 3]` uint8.

    Raises:
      PictureError: it cannot be read.
      ValueError: the frame knows no path, or the picture has another size.
    """
    if frame.photograph is None:
        raise InputError(
            "This frame does not know its photograph's path: align the picture again."
        )
    path = pathlib.Path(frame.photograph)
    if folder is not None:
        path = pathlib.Path(folder) / path.name
    picture = images.to_uint8(images.decode(path))
    if picture.shape[1::-1] != tuple(frame.photograph_size):
        width, height = frame.photograph_size
        raise InputError(
            f"{path} has {picture.shape[1]}x{picture.shape[0]} pixels, but the picture"
            f" that was aligned had {width}x{height}: it has changed since."
        )
    return picture
