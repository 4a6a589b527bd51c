"""Pictures on their way to the page: small files of 8 bits."""

import io

import numpy as np
from PIL import Image

from jax_encoder.io import images

_LARGE = 512


def encode(picture: np.ndarray, side: int | None = None) -> tuple[bytes, str]:
    """A picture as a file that browsers show.

    Args:
      picture: `[H, W, C]`, float in [-1, 1] or uint8.
      side: of the longer side, at most; None: as it is.

    Returns:
      The file and its media type: PNG, bit by bit, up to 512 pixels; else WebP.
    """
    image = images.to_pillow(np.asarray(picture))
    if side is not None and max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if max(image.size) <= _LARGE:
        image.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue(), "image/png"
    image.save(buffer, "WEBP", quality=90, method=2)
    return buffer.getvalue(), "image/webp"
