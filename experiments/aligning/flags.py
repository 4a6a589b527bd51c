"""The flags of alignment."""

from absl import flags

from experiments.aligning import photographs
from experiments.launch import command_line
from jax_encoder.alignment import masks, methods, pasting

_ALIGN = flags.DEFINE_enum(
    "align",
    None,
    list(methods.names()),
    "Align photographs: as FFHQ was, for VGGFace2, the centered square, or as the"
    " demo's drawn faces.",
)
_LANDMARKS = flags.DEFINE_string(
    "landmarks",
    "dlib",
    "What finds the landmarks: dlib, dlib:FILE, mediapipe:FILE, or a .json or .csv file"
    " of 4, 5, 68 or 478 points of each picture.",
)
_UNALIGNED = flags.DEFINE_boolean(
    "unaligned",
    False,
    "StyleGAN3: invert the centered square of the photograph as it is, and move the"
    " generator's own picture to the face that --align finds.",
)
_FACE = flags.DEFINE_string(
    "face", "largest", "Which face of a photograph: largest, all, or 0, 1, 2..."
)
_MASK = flags.DEFINE_enum(
    "paste_mask",
    "ellipse",
    list(masks.SHAPES),
    "Which part of the photograph --paste_back replaces.",
)
_COLOR = flags.DEFINE_enum(
    "paste_color", "smooth", list(pasting.COLORS), "How --paste_back matches colors."
)


def settings() -> photographs.AlignmentSettings | None:
    """The flags as settings; None without --align.

    Raises:
      UsageError: an impossible --face.
    """
    if _ALIGN.value is None:
        command_line.refuse([_UNALIGNED], "--align says how the face is found")
        return None
    if _UNALIGNED.value and not methods.get(_ALIGN.value).needs_points:
        raise command_line.UsageError(
            f"--unaligned: --align={_ALIGN.value} looks for no face; take ffhq."
        )
    face: str | int = _FACE.value
    if _FACE.value.isdecimal():
        face = int(_FACE.value)
    elif face not in ("largest", "all"):
        raise command_line.UsageError(
            f"--face is largest, all or a number from 0, got {face!r}."
        )
    return photographs.AlignmentSettings(
        method=_ALIGN.value,
        landmarks=_LANDMARKS.value,
        face=face,
        is_unaligned=_UNALIGNED.value,
    )


def paste_options() -> pasting.PastingOptions:
    """How renderings are pasted back."""
    mask = masks.Mask(shape=_MASK.value)
    return pasting.PastingOptions(mask=mask, color=_COLOR.value)
