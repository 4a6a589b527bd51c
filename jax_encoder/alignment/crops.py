"""Cutting aligned pictures out of photographs.

`ffhq` repeats the published recipe step by step, so that what it cuts is what the
published generators were trained on. `cut` takes any quad, with the least loss.
"""

import dataclasses
import math

import numpy as np
from PIL import Image

from jax_encoder.alignment import frames, quads
from jax_encoder.errors import InputError
from jax_encoder.io import images

_LANCZOS = Image.Resampling.LANCZOS


@dataclasses.dataclass(frozen=True, kw_only=True)
class FfhqOptions:
    """Options of the FFHQ crop.

    Attributes:
      output_size: side of the crop in pixels.
      transform_size: side at which the quad is sampled, before the reduction to
        `output_size`; None for `output_size` itself, as pivotal tuning's tools do.
      enable_padding: reflect and blur what lies beyond the photograph; without, it is
        black.
    """

    output_size: int = 1024
    transform_size: int | None = 4096
    enable_padding: bool = True

    def __post_init__(self):
        if self.output_size < 1 or (self.transform_size or 1) < 1:
            raise InputError(
                f"Sizes must be positive, got {self.output_size=} and"
                f" {self.transform_size=}."
            )


def ffhq(
    photograph: np.ndarray, quad: np.ndarray, options: FfhqOptions = FfhqOptions()
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a quad out as the FFHQ data set was cut.

    A photograph that is much larger than needed is first reduced by a whole number,
    then cropped around the quad, extended by reflection where the quad leaves it (the
    extension fades into a blur and into the median color), sampled bilinearly and
    reduced with antialiasing (Karras et al. 2019, arXiv:1812.04948, Appendix C).

    Args:
      photograph: `[H, W, 3]` uint8.
      quad: `[4, 2]` corners, as `quads.ffhq` gives them.
      options: sizes, and whether to extend.

    Returns:
      The crop, `[output_size, output_size, 3]` uint8, and `[4, 2]`: the area that it
      really shows. The published reduction moves that by up to half a pixel.

    Raises:
      ValueError: no RGB picture, or the quad lies wholly outside.
    """
    height, width = check_photograph(photograph)
    picture, quad = Image.fromarray(photograph), np.asarray(quad, np.float64)
    _check_overlap(quad, width, height)
    side, actual = quads.side(quad), quad
    shrink = math.floor(0.5 * side / options.output_size)
    if shrink > 1:
        smaller = round(width / shrink), round(height / shrink)
        picture = picture.resize(smaller, _LANCZOS)
        quad, side = quad / shrink, side / shrink
        ratio = np.array([width / smaller[0], height / smaller[1]])
        actual = (quad + 0.5) * ratio - 0.5
    border = max(round(0.1 * side), 3)
    picture, quad = _crop_around(picture, quad, border)
    if options.enable_padding:
        picture, quad = _extend(picture, quad, border, side)
    size = options.transform_size or options.output_size
    corners = tuple((quad + 0.5).ravel())
    picture = picture.transform(
        (size, size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR
    )
    if options.output_size < size:
        picture = picture.resize((options.output_size, options.output_size), _LANCZOS)
    return np.asarray(picture), actual


def _bounds(quad: np.ndarray) -> tuple[int, int, int, int]:
    """The whole-numbered box around a quad: left, upper, right, lower."""
    (left, upper), (right, lower) = quad.min(axis=0), quad.max(axis=0)
    return math.floor(left), math.floor(upper), math.ceil(right), math.ceil(lower)


def _crop_around(picture, quad, border):
    """Drops what lies farther than `border` from the quad's box."""
    left, upper, right, lower = _bounds(quad)
    left, upper = max(left - border, 0), max(upper - border, 0)
    right = min(right + border, picture.width)
    lower = min(lower + border, picture.height)
    return picture.crop((left, upper, right, lower)), quad - np.array([left, upper])


def _extend(picture, quad, border, side):
    """Reflects a picture beyond its edges where the quad leaves it."""
    left, upper, right, lower = _bounds(quad)
    missing = [-left, -upper, right - picture.width, lower - picture.height]
    missing = [max(pixels + border, 0) for pixels in missing]
    if max(missing) <= border - 4:
        return picture, quad
    # Imported here since loading it takes a good part of a command's start.
    from scipy import ndimage

    left, upper, right, lower = (max(m, round(0.3 * side), 1) for m in missing)
    pixels = np.pad(
        np.asarray(picture, np.float32),
        ((upper, lower), (left, right), (0, 0)),
        mode="reflect",
    )
    height, width = pixels.shape[:2]
    depth_x = _depth(width, left, right)[None, :]
    depth_y = _depth(height, upper, lower)[:, None]
    depth = np.maximum(depth_x, depth_y)[..., None]
    blur = 0.02 * side
    soft = ndimage.gaussian_filter(pixels, [blur, blur, 0])
    pixels += (soft - pixels) * np.clip(3.0 * depth + 1.0, 0.0, 1.0)
    median = np.median(pixels, axis=(0, 1))
    pixels += (median - pixels) * np.clip(depth, 0.0, 1.0)
    rounded = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return Image.fromarray(rounded), quad + np.array([left, upper])


def _depth(length: int, before: int, after: int) -> np.ndarray:
    """How far along one axis into the extension: 1 at its far end, 0 at its start."""
    position = np.arange(length, dtype=np.float32)
    return 1.0 - np.minimum(position / before, (length - 1 - position) / after)


def vggface(
    photograph: np.ndarray, quad: np.ndarray, output_size: int = 224
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts the face for VGGFace2's networks: a box of the FFHQ crop at 1024 pixels.

    Args:
      photograph: `[H, W, 3]` uint8.
      quad: `[4, 2]`, as `quads.ffhq` gives it.
      output_size: side of the crop in pixels.

    Returns:
      The crop `[output_size, output_size, 3]` uint8, and `[4, 2]`: the area that it
      shows.

    Raises:
      ValueError: as `ffhq`.
    """
    whole, actual = ffhq(photograph, quad)
    left, upper, right, lower = (round(1024 * edge) for edge in quads.VGGFACE_BOX)
    face = Image.fromarray(whole[upper:lower, left:right])
    face = face.resize((output_size, output_size), Image.Resampling.BILINEAR)
    left, upper, right, lower = quads.VGGFACE_BOX
    spots = [[left, upper], [left, lower], [right, lower], [right, upper]]
    return np.asarray(face), frames.apply(frames.unit_homography(actual), spots)


def cut(
    photograph: np.ndarray, quad: np.ndarray, output_size: int, *, pad: str = "edge"
) -> np.ndarray:
    """Cuts out exactly what a quad surrounds.

    Where the crop is smaller than the quad, several samples are taken for each of its
    pixels and reduced by Lanczos filtering.

    Args:
      photograph: `[H, W, 3]` uint8.
      quad: `[4, 2]`.
      output_size: side of the crop in pixels.
      pad: what lies beyond the photograph: "edge" or "reflect".

    Returns:
      `[output_size, output_size, 3]` uint8.

    Raises:
      ValueError: no RGB picture, or the quad lies wholly outside.
    """
    height, width = check_photograph(photograph)
    quad = np.asarray(quad, np.float64)
    _check_overlap(quad, width, height)
    picture, quad = _crop_around(Image.fromarray(photograph), quad, border=4)
    left, upper, right, lower = _bounds(quad)
    missing = [-left, -upper, right - picture.width, lower - picture.height]
    left, upper, right, lower = (max(pixels + 4, 0) for pixels in missing)
    margins = ((upper, lower), (left, right), (0, 0))
    padded = np.pad(np.asarray(picture), margins, mode=pad)  # type: ignore[call-overload]
    quad = quad + np.array([left, upper])
    # One sample per pixel, give or take a hundredth, is enough.
    samples = max(math.ceil(quads.side(quad) / output_size - 0.01), 1)
    size = output_size * samples
    to_edges = frames.unit_homography(quad + 0.5) @ np.diag([1 / size, 1 / size, 1])
    coefficients = tuple((to_edges / to_edges[2, 2]).ravel()[:8])
    sampled = Image.fromarray(padded).transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        coefficients,
        Image.Resampling.BICUBIC,
    )
    return np.asarray(sampled.resize((output_size, output_size), _LANCZOS))


def check_photograph(photograph: np.ndarray) -> tuple[int, int]:
    """Makes sure of a photograph.

    Args:
      photograph: `[H, W, 3]` uint8.

    Returns:
      Its height and width.

    Raises:
      ValueError: another shape or type.
    """
    if (
        photograph.dtype != np.uint8
        or photograph.ndim != 3
        or photograph.shape[-1] != 3
        or 0 in photograph.shape
    ):
        raise InputError(
            "A photograph is [H, W, 3] uint8, got"
            f" {photograph.dtype} {photograph.shape}; see `io.images.to_uint8`."
        )
    return photograph.shape[0], photograph.shape[1]


def _check_overlap(quad: np.ndarray, width: int, height: int) -> None:
    if quads.share_outside(quad, width, height) == 1.0:
        raise InputError(
            f"The face's area, around {quad.mean(axis=0).round().tolist()}, lies"
            f" outside the picture of {width}x{height} pixels."
        )


def center(photograph: np.ndarray, output_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts the largest square in the middle out, as the projectors do.

    Args:
      photograph: `[H, W, 3]` uint8.
      output_size: side of the crop in pixels.

    Returns:
      The crop `[output_size, output_size, 3]` uint8, and `[4, 2]`: the area that it
      shows.

    Raises:
      ValueError: no RGB picture.
    """
    height, width = check_photograph(photograph)
    square = images.to_uint8(images.fit(photograph, output_size))
    return square, quads.center(width, height)
