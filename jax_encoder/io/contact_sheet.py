"""Contact sheets: a grid of pictures with captions and labels."""

import dataclasses
import functools
from collections.abc import Sequence, Set

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jax_encoder.errors import InputError
from jax_encoder.io import images
from jax_encoder.io import names as naming

_BACKGROUND = (255, 255, 255)
_TEXT = (38, 38, 42)
_MUTED = (118, 118, 126)
_MARK = (214, 90, 32)
_ALARM = (190, 30, 30)
_ELLIPSIS = "..."

Grid = Sequence[Sequence[np.ndarray | None]]
Texts = Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Sizes in pixels."""

    side: int
    gap: int
    margin: int
    title: int
    column_labels: int
    row_labels: int
    caption: int

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Left and top of a picture."""
        left = self.margin + self.row_labels + column * (self.side + self.gap)
        above = self.margin + self.title + self.column_labels
        return left, above + row * (self.side + self.caption + self.gap)

    def size(self, num_rows: int, num_columns: int) -> tuple[int, int]:
        """Width and height of the sheet."""
        right, bottom = self.corner(num_rows, num_columns)
        return right - self.gap + self.margin, bottom - self.gap + self.margin


def draw(
    pictures: Grid,
    *,
    captions: Texts | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str = "",
    side: int | None = None,
    marked_column: int | None = None,
    marked: Set[tuple[int, int]] = frozenset(),
) -> np.ndarray:
    """Draws pictures on a white sheet.

    Args:
      pictures: rows of `[H, W, 3]` pictures, float in [-1, 1] or uint8; None leaves a
        place empty. Rows may differ in length.
      captions: one text below each picture; "" for none.
      row_labels: one text to the left of each row; shortened where too long.
      column_labels: one text above each column.
      title: one line above everything.
      side: pixels of a picture's longer side on the sheet. By default that of the
        largest picture, between 160 and 512; small pictures are enlarged by whole
        factors, smoothly (Lanczos).
      marked_column: its pictures get a colored border, as those that the others are to
        be compared with.
      marked: rows and columns of pictures that get a red frame and caption.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: no pictures, or labels and captions that do not match the rows.
    """
    num_columns = _check(pictures, captions, row_labels, column_labels)
    side = side or _choose_side(pictures)
    font, bold = _font(max(11, side // 15)), _font(max(12, side // 12))
    layout = _layout(side, font, bold, title, column_labels, row_labels, captions)
    size = layout.size(len(pictures), num_columns)
    sheet = Image.new("RGB", size, _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    text = _shorten(title, bold, size[0] - 2 * layout.margin)
    pen.text((layout.margin, layout.margin), text, _TEXT, bold)
    _write_labels(pen, layout, bold, row_labels or (), column_labels or ())
    for row, line in enumerate(pictures):
        for column, picture in enumerate(line):
            left, top = layout.corner(row, column)
            if picture is not None:
                _place(sheet, picture, left, top, side)
                if column == marked_column:
                    _mark(pen, layout, left, top)
            is_marked = (row, column) in marked
            if is_marked:
                box = (left - 2, top - 2, left + side + 1, top + side + 1)
                pen.rectangle(box, outline=_ALARM, width=2)
            if captions:
                text = _shorten(captions[row][column], font, side + layout.gap)
                place = (left + side / 2, top + side + 1.15 * _height(font))
                color = _ALARM if is_marked else _MUTED
                pen.text(place, text, color, font, anchor="ms")
    return np.asarray(sheet)


def _layout(side, font, bold, title, columns, rows, captions) -> _Layout:
    """The sizes of a sheet that has these texts."""
    return _Layout(
        side=side,
        gap=max(4, side // 24),
        margin=max(8, side // 12),
        title=2 * _height(bold) if title else 0,
        column_labels=round(1.7 * _height(bold)) if columns else 0,
        row_labels=_label_width(rows, bold, side),
        caption=round(1.6 * _height(font)) if captions else 0,
    )


def _place(sheet: Image.Image, picture, left: int, top: int, side: int) -> None:
    """Puts a picture in the middle of its place."""
    shown = _resize(picture, side)
    inset = ((side - shown.width) // 2, (side - shown.height) // 2)
    sheet.paste(shown, (left + inset[0], top + inset[1]))


def _mark(pen, layout: _Layout, left: int, top: int) -> None:
    """A border in the gap around a picture's place."""
    width = max(2, layout.gap // 2)
    far = layout.side + width - 1
    corners = (left - width, top - width, left + far, top + far)
    pen.rectangle(corners, outline=_MARK, width=width)


def _write_labels(pen, layout: _Layout, font, row_labels, column_labels) -> None:
    for column, text in enumerate(column_labels):
        left, top = layout.corner(0, column)
        place = (left + layout.side / 2, top - 0.4 * _height(font))
        pen.text(place, _shorten(text, font, layout.side), _TEXT, font, anchor="ms")
    for row, text in enumerate(row_labels):
        _, top = layout.corner(row, 0)
        text = _shorten(text, font, layout.row_labels - layout.gap)
        place = (layout.margin, top + layout.side / 2)
        pen.text(place, text, _TEXT, font, anchor="lm")


def comparison(
    targets: Sequence[np.ndarray],
    reconstructions: Sequence[np.ndarray],
    *,
    names: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    title: str = "",
    side: int | None = None,
    contrast: float | None = None,
    marked: Sequence[bool] = (),
) -> np.ndarray:
    """Draws every target beside its reconstruction and their difference.

    Args:
      targets: `[H, W, 3]` in [-1, 1] each.
      reconstructions: as `targets`, in the same order and of the same sizes.
      names: a text below each target.
      captions: a text below each reconstruction, such as "LPIPS 0.123  PSNR 31.2 dB".
      title: one line above everything.
      side: as of `draw`.
      contrast: factor on the absolute difference; black is equality. By default the
        whole number that makes the largest differences on the sheet nearly white; the
        column says by how much.
      marked: whether each reconstruction gets a red frame and caption; () for none.

    Returns:
      `[height, width, 3]` uint8. Many pictures stand in two or three blocks.

    Raises:
      ValueError: the sequences differ in length or are empty.
    """
    num = len(targets)
    names = [""] * num if names is None else names
    captions = [""] * num if captions is None else captions
    lengths = (num, len(reconstructions), len(names), len(captions))
    if num == 0 or len(set(lengths)) > 1:
        raise InputError(
            "Every target needs one reconstruction, name and caption: got"
            f" {lengths[0]}, {lengths[1]}, {lengths[2]} and {lengths[3]}."
        )
    contrast = contrast or choose_contrast(targets, reconstructions)
    num_blocks = 1 if num <= 6 else 2 if num <= 24 else 3
    rows, texts = _blocks(
        targets, reconstructions, names, captions, contrast, num_blocks
    )
    labels = ["target", "reconstruction", f"difference x {contrast:g}"]
    return draw(
        rows,
        captions=texts,
        column_labels=labels * min(num_blocks, num),
        title=title,
        side=side,
        marked={
            (index // num_blocks, 3 * (index % num_blocks) + 1)
            for index, is_marked in enumerate(marked)
            if is_marked
        },
    )


def _blocks(targets, others, names, captions, contrast, num_blocks):
    """Rows of targets, reconstructions and differences, and what stands below them."""
    rows, texts = [], []
    for start in range(0, len(targets), num_blocks):
        row, text = [], []
        for index in range(start, min(start + num_blocks, len(targets))):
            target, other = np.asarray(targets[index]), others[index]
            difference = np.abs(np.asarray(other) - target) * contrast - 1.0
            row += [target, other, np.clip(difference, -1.0, 1.0)]
            text += [names[index], captions[index], ""]
        rows.append(row)
        texts.append(text)
    return rows, texts


def choose_contrast(
    targets: Sequence[np.ndarray], others: Sequence[np.ndarray]
) -> float:
    """The factor that makes the differences of two sets of pictures visible.

    Args:
      targets: `[H, W, 3]` in [-1, 1] each.
      others: `[H, W, 3]` likewise, in the same order.

    Returns:
      1, 2, 5, 10, 20... up to 100: the largest at which 99 of 100 values of the picture
      with the largest differences stay below white.
    """
    peaks = [
        float(np.quantile(np.abs(np.asarray(a) - np.asarray(b)), 0.99))
        for a, b in zip(targets, others, strict=True)
    ]
    steps = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    return max((x for x in steps if x * max(peaks) <= 2.0), default=1.0)


def _check(pictures, captions, row_labels, column_labels) -> int:
    """The number of columns; refuses labels that do not match."""
    num_columns = max((len(row) for row in pictures), default=0)
    if num_columns == 0:
        raise InputError("A contact sheet needs at least one picture, got none.")
    shape = [len(row) for row in pictures]
    if captions is not None and [len(row) for row in captions] != shape:
        raise InputError(
            f"`captions` must have the shape of `pictures`, rows of {shape}; got rows"
            f" of {[len(row) for row in captions]}."
        )
    if row_labels is not None and len(row_labels) != len(pictures):
        raise InputError(f"Got {len(row_labels)} row labels for {len(pictures)} rows.")
    if column_labels is not None and len(column_labels) != num_columns:
        raise InputError(
            f"Got {len(column_labels)} column labels for {num_columns} columns."
        )
    return num_columns


def _choose_side(pictures: Grid) -> int:
    largest = max(max(p.shape[:2]) for row in pictures for p in row if p is not None)
    if largest >= 160:
        return min(largest, 512)
    return largest * -(-160 // largest)


def _resize(picture: np.ndarray, side: int) -> Image.Image:
    """The picture with its longer side scaled to `side`."""
    image = images.to_pillow(images.with_channels(np.asarray(picture), 3))
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _height(font) -> int:
    left, top, right, bottom = font.getbbox("Ag")
    return round(bottom - top)


def _label_width(labels: Sequence[str] | None, font, side: int) -> int:
    """Room for the row labels and a gap, at most one picture wide."""
    if not labels or not any(labels):
        return 0
    return round(min(max(map(font.getlength, labels)), side)) + max(8, side // 12)


@functools.lru_cache(maxsize=4096)
def _has_glyph(font, letter: str) -> bool:
    """Whether the font draws a letter, and not the box that stands for any other."""
    if letter.isspace():
        return True
    mask, box = font.getmask(letter), font.getmask("\U0010fffd")
    return mask.size != box.size or bytes(mask) != bytes(box)


def _shorten(text: str, font, width: float) -> str:
    """Cuts the middle out of a text that is too wide."""
    if not text.isascii():
        text = naming.drawable(text, functools.partial(_has_glyph, font))
    if font.getlength(text) <= width:
        return text
    for num_kept in range(len(text) - 1, 0, -1):
        head, tail = text[: (num_kept + 1) // 2], text[len(text) - num_kept // 2 :]
        if font.getlength(head + _ELLIPSIS + tail) <= width:
            return head + _ELLIPSIS + tail
    return ""
