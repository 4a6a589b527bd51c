"""Pictures on disk, in the public convention: RGB float32 in [-1, 1].

Whatever a file holds (gray, palette, alpha, CMYK, 16 bits, a turned photograph), `read`
returns `[H, W, 3]` in [-1, 1]. Colors are converted to sRGB where the file embeds
another profile; a profile that is damaged is ignored.
"""

import functools
import io
import os
import pathlib
import stat
import warnings

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from jax_encoder.errors import InputError
from jax_encoder.io import files, finite, folders, names

MAX_PIXELS = 80_000_000
"""Larger pictures are refused: they cost more memory than an inversion does."""

_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "HEIF")
EXTENSIONS = folders.EXTENSIONS
find = folders.find
_SCAN = b"\xff\xda"
_MAX_SCANNED = 20 * MAX_PIXELS  # usual are 10 scans
_WITH_ALPHA = ("PNG", "WEBP", "TIFF", "AVIF")
_GRAY16 = ("I;16", "I;16B", "I;16L", "I;16N")


class PictureError(InputError):
    """A file that cannot be used as a picture.

    Attributes:
      path: the file.
      reason: what is wrong with it.
      remedy: what the person can do.
    """

    def __init__(self, path: str | os.PathLike, reason: str, remedy: str):
        super().__init__(f"{names.safe_path(path)!r}: {reason}; {remedy}.")
        self.path = str(path)
        self.reason = reason
        self.remedy = remedy


def read(path: str | os.PathLike, channels: int = 3) -> np.ndarray:
    """Reads a picture.

    Transparent pixels are composited on white, CMYK becomes RGB, 16-bit values keep
    their brightness, embedded color profiles become sRGB, photographs are turned
    upright by their EXIF tag, and of an animation the first frame is taken.

    Args:
      path: a PNG, JPEG, WebP, BMP, GIF, TIFF, PPM, AVIF or (with the `heif` extra) HEIC
        file; recognized by content.
      channels: 3; 1 for gray; 4 for RGBA, whose transparency is kept.

    Returns:
      `[H, W, channels]` float32 in [-1, 1].

    Raises:
      PictureError: the file is missing, unreadable, truncated, not a picture, or has
        more than `MAX_PIXELS` pixels.
    """
    return _to_float(decode(path, channels))


def decode(
    path: str | os.PathLike, channels: int = 3, *, content: bytes | None = None
) -> np.ndarray:
    """Reads a picture as `read` does, with 8 bits where they say it all.

    For large pictures that are to be reduced by `fit`, which takes either.

    Args:
      path: as of `read`.
      channels: as of `read`.
      content: the file's bytes where they were read already, from wherever; `path` is
        then only named in errors.

    Returns:
      `[H, W, channels]`: uint8, or float32 in [-1, 1] of a file with 16-bit gray.

    Raises:
      PictureError: as `read`.
    """
    return _pixels(_open(path, content), path, channels)


def from_pillow(image: Image.Image, channels: int = 3) -> np.ndarray:
    """The pixels of a picture that Pillow has opened or made, as `decode` returns them.

    Args:
      image: of any mode.
      channels: as of `read`.

    Raises:
      PictureError: its values cannot be used as a picture's.
    """
    _check_size("a picture of Pillow", image.size)
    upright = ImageOps.exif_transpose(image)
    return _pixels(upright, "a picture of Pillow", channels)


def _pixels(
    image: Image.Image, path: str | os.PathLike[str], channels: int
) -> np.ndarray:
    """The pixels of an upright picture, in 8 bits where they say it all."""
    if image.mode in (*_GRAY16, "I"):
        gray = np.array(image, np.float32)
        if isinstance(hole := image.info.get("transparency"), int):
            gray[gray == hole] = 65535.0  # shows the white behind it
        if image.mode == "I" and not 0 <= gray.min() <= gray.max() <= 65535:
            raise PictureError(
                path, "32-bit values beyond 16 bits", "save it with 8 or 16 bits"
            )
        return with_channels((gray / 32767.5 - 1.0)[..., None], channels)
    if channels == 4 and image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    return with_channels(np.asarray(_to_rgb(image, path)), channels)


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """A gray, RGB or RGBA picture as one of another kind.

    Gray is the luma of ITU-R BT.601; transparency shows white; what has none gets an
    opaque one.

    Args:
      image: `[H, W, 1, 3 or 4]`, float in [-1, 1] or uint8.
      channels: 1, 3 or 4.

    Returns:
      `[H, W, channels]` of the same type.
    """
    if image.shape[-1] == channels:
        return image
    full = 255 if image.dtype == np.uint8 else 1.0
    if image.shape[-1] == 4:
        low = 0 if image.dtype == np.uint8 else -1.0
        opacity = (image[..., 3:].astype(np.float32) - low) / (full - low)
        mixed = image[..., :3] * opacity + full * (1 - opacity)
        mixed = mixed if low else np.asarray(mixed + 0.5)
        image = mixed.astype(image.dtype)
    if image.shape[-1] == 1:
        image = np.repeat(image, 3, axis=-1)
    if channels == 1:
        gray = image @ np.asarray([0.299, 0.587, 0.114], np.float32)
        gray = gray + 0.5 if image.dtype == np.uint8 else gray
        return gray[..., None].astype(image.dtype)
    if channels == 4:
        return np.concatenate([image, np.full_like(image[..., :1], full)], axis=-1)
    return image


def _open(path: str | os.PathLike, content: bytes | None = None) -> Image.Image:
    """The decoded, upright picture in the file's own mode."""
    if content is None:
        check_file(path)
    Image.init()
    _register_heif()
    formats = [name for name in _FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF and the like
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            source = path if content is None else io.BytesIO(content)
            with Image.open(source, formats=formats) as image:
                _check_size(path, image.size)
                if image.info.get("progressive"):
                    _check_scans(path, image.size, content)
                image.load()
                return ImageOps.exif_transpose(image)
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(path, "no such file", "check the name") from None
    except IsADirectoryError:
        raise PictureError(path, "a directory", "name a picture in it") from None
    except PermissionError:
        raise PictureError(path, "not readable", "change its permissions") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(path, "too many pixels", _SMALLER) from None
    except Image.UnidentifiedImageError:
        raise _unidentified(path, content) from None
    except Exception as error:  # decoders raise SyntaxError, struct.error, KeyError...
        reason = f"damaged ({error or type(error).__name__})"
        raise PictureError(path, reason, "get a whole copy of the file") from error


def check_file(path: str | os.PathLike) -> None:
    """Refuses what would make a reader wait for ever, such as a FIFO.

    Raises:
      PictureError: a pipe or device; what is missing is left to whoever opens it.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # opening it says what is wrong
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise PictureError(path, "not a file but a pipe or device", "name a file")


@functools.cache
def _register_heif() -> bool:
    """Lets Pillow read HEIC, where the `heif` extra is installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _unidentified(path: str | os.PathLike, content: bytes | None) -> PictureError:
    """Says what a file is that no reader takes for a picture."""
    if content is None:
        with open(path, "rb") as file:
            content = file.read(12)
    start = content[:12]
    if not start:
        return PictureError(path, "empty", "save it as PNG or JPEG")
    if start[4:8] == b"ftyp" and not _register_heif():
        remedy = "pip install 'jax_encoder[heif]', or save it as PNG or JPEG"
        return PictureError(path, "HEIC pictures need the `heif` extra", remedy)
    return PictureError(path, "not a picture I can read", "save it as PNG or JPEG")


_SMALLER = f"make it smaller than {MAX_PIXELS // 1_000_000} megapixels"


def _check_size(path: str | os.PathLike, size: tuple[int, int]) -> None:
    """Refuses a decompression bomb before it is decoded."""
    if size[0] * size[1] > MAX_PIXELS:
        raise PictureError(path, f"{size[0]}x{size[1]} pixels are too many", _SMALLER)


def _check_scans(path, size: tuple[int, int], content: bytes | None) -> None:
    """Refuses a JPEG that goes over its pixels again and again, at no size."""
    if content is None:
        content = pathlib.Path(path).read_bytes()
    num_scans = content.count(_SCAN)
    if num_scans * size[0] * size[1] > _MAX_SCANNED:
        remedy = "save it again with fewer"
        raise PictureError(path, f"a JPEG of {num_scans} scans", remedy)


def _to_rgb(image: Image.Image, path: str | os.PathLike) -> Image.Image:
    """8-bit sRGB, transparent pixels composited on white."""
    if image.mode == "F":
        raise PictureError(path, "float values", "save it with 8 or 16 bits")
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    return _to_srgb(image, profile)


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _to_srgb(image: Image.Image, content: bytes | None) -> Image.Image:
    """RGB in sRGB; a profile that is damaged or of other channels is ignored."""
    if content and image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if content:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
            if "srgb" not in ImageCms.getProfileDescription(profile).casefold():
                shown = ImageCms.profileToProfile(
                    image, profile, _srgb(), outputMode="RGB"
                )
                return image.convert("RGB") if shown is None else shown
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image.convert("RGB")


def size(path: str | os.PathLike) -> tuple[int, int] | None:
    """Width and height of a picture as it will be read, without decoding it.

    Args:
      path: as of `read`.

    Returns:
      The size in pixels, or None where the file cannot be opened as a picture.
    """
    Image.init()
    _register_heif()
    try:
        check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            formats = [name for name in _FORMATS if name in Image.OPEN]
            with Image.open(path, formats=formats) as image:
                is_turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                width, height = image.size
                return (height, width) if is_turned else (width, height)
    except Exception:  # whatever a damaged file makes decoders raise
        return None


def fit(image: np.ndarray, resolution: int, crop: str = "center") -> np.ndarray:
    """Makes a picture square at a generator's resolution.

    The NVIDIA projector's way (stylegan2-ada-pytorch `projector.py`): the largest
    centered square, then a Lanczos resize in 8 bits. A picture that has the right size
    already is returned as it is.

    Args:
      image: `[H, W, C]` in [-1, 1] or uint8, any size; C is 1, 3 or 4.
      resolution: sides of the result in pixels.
      crop: "center", or "none" to change the aspect ratio instead of cropping.

    Returns:
      `[resolution, resolution, C]` float32 in [-1, 1].

    Raises:
      ValueError: an unknown `crop`, no picture, or `resolution` below 1.
    """
    _check_channels(image)
    if crop not in ("center", "none"):
        raise InputError(f"`crop` must be 'center' or 'none', got {crop!r}.")
    if resolution < 1:
        raise InputError(f"`resolution` must be positive, got {resolution}.")
    if crop == "center":
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        image = image[top : top + side, left : left + side]
    if image.shape[:2] == (resolution, resolution):
        return _to_float(image)
    picture = to_pillow(image)
    resized = picture.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return from_uint8(np.asarray(resized).reshape(resolution, resolution, -1))


def to_pillow(image: np.ndarray) -> Image.Image:
    """The picture `[H, W, C]` as one of Pillow in 8 bits, of mode L, RGB or RGBA."""
    pixels = to_uint8(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _check_channels(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
        raise InputError(
            f"`image` must be [H, W, 3], got {image.shape=}; gray [H, W, 1] and RGBA"
            " [H, W, 4] will do too."
        )


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Quantizes pictures to 8 bits, rounding halves up.

    Args:
      images: `[..., H, W, 3]` nominally in [-1, 1]; clamped. NaN becomes black. An
        array of uint8 is returned as it is.

    Returns:
      uint8 of the same shape, 0 for -1 and 255 for 1.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    levels = np.floor(images.astype(np.float32) * 127.5 + 128.0)
    return np.nan_to_num(np.clip(levels, 0.0, 255.0), nan=0.0).astype(np.uint8)


def from_uint8(images: np.ndarray) -> np.ndarray:
    """The inverse of `to_uint8`.

    Args:
      images: uint8 of any shape.

    Returns:
      float32 of the same shape in [-1, 1].
    """
    return np.asarray(images).astype(np.float32) / 127.5 - 1.0


def _to_float(image: np.ndarray) -> np.ndarray:
    is_bytes = image.dtype == np.uint8
    return from_uint8(image) if is_bytes else image.astype(np.float32)


def write(path: str | os.PathLike, image: np.ndarray, *, is_report: bool = False):
    """Writes a picture, whole or not at all.

    Args:
      path: its extension chooses the format (PNG, JPEG, WebP...).
      image: `[H, W, C]`, float in [-1, 1] or uint8; C is 1, 3 or 4. Formats without
        transparency show white there.
      is_report: a contact sheet and the like: marked, so that no reader takes it for
        one of the pictures beside it. PNG only.

    Raises:
      ValueError: no picture, or an extension of no format.
      NotFiniteError: values that are not finite.
      WriteError: the disk is full or read-only.
    """
    image = np.asarray(image)
    _check_channels(image)
    finite.check(image, path)
    extension = pathlib.Path(path).suffix.lower()
    Image.init()
    if extension not in EXTENSIONS or extension not in Image.EXTENSION:
        raise InputError(
            f"The extension of {str(path)!r} names no picture format; use .png or .jpg."
        )
    encoded = io.BytesIO()
    is_jpeg = Image.EXTENSION[extension] == "JPEG"
    options: dict[str, object] = {"quality": 95}
    if is_jpeg:
        options["subsampling"] = 0
    if is_report:
        options["pnginfo"] = report_mark()
    if image.shape[-1] == 4 and Image.EXTENSION[extension] not in _WITH_ALPHA:
        image = with_channels(image, 3)
    picture = to_pillow(image)
    picture.save(encoded, Image.EXTENSION[extension], **options)
    files.write_bytes(path, encoded.getvalue())


def report_mark() -> PngImagePlugin.PngInfo:
    """What a PNG must hold to be known as a report of this package."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", folders.MARK.decode())
    return info
