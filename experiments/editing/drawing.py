"""Codes to pictures, one by one."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from experiments.editing import edit_pasting
from experiments.editing.code_sets import Code
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line
from jax_encoder.io import contact_sheet, images

_MAX_SHOWN = 256


def write_codes(
    renderer: Renderer,
    codes: Sequence[Code],
    output: pathlib.Path,
    *,
    paste_back: bool,
    photographs: str | None,
) -> tuple[int, list[str]]:
    """Writes `<name>.png` of every code, and `contact_sheet.png`.

    Args:
      renderer: makes pictures.
      codes: one or more.
      output: a directory that exists.
      paste_back: also write `<name>_pasted.png`.
      photographs: where the photographs lie; None: where they were.

    Returns:
      The number of pictures, and a sentence for every code that failed.

    Raises:
      WriteError: the disk is full or read-only.
    """
    shown, names, refused = [], [], []
    for code, found in _each(renderer, codes):
        try:
            if isinstance(found, command_line.Failure):
                raise found
            picture = found
            images.write(output / f"{code.name}.png", picture)
            if paste_back:
                pasted = edit_pasting.paste(code, picture, photographs)
                images.write(output / f"{code.name}_pasted.png", pasted)
        except command_line.Failure as error:
            refused.append(str(error))
            continue
        shown.append(images.to_uint8(picture))
        names.append(code.name)
    if shown:
        shown, names = shown[:_MAX_SHOWN], names[:_MAX_SHOWN]
        width = int(np.ceil(len(shown) ** 0.5))
        rows = [shown[k : k + width] for k in range(0, len(shown), width)]
        captions = [names[k : k + width] for k in range(0, len(names), width)]
        sheet = contact_sheet.draw(rows, captions=captions)
        images.write(output / "contact_sheet.png", sheet, is_report=True)
    return len(codes) - len(refused), refused


def _each(renderer: Renderer, codes: Sequence[Code]):
    """Yields (code, picture or what failed); plain codes share batches."""
    plain = [code for code in codes if code.is_plain]
    if plain:
        ws = np.concatenate([renderer.ws(code) for code in plain])
        yield from zip(plain, renderer.pictures(ws), strict=True)
    single = dataclasses.replace(renderer, batch_size=1)
    for code in codes:
        if code.is_plain:
            continue
        try:
            (picture,) = single.pictures(single.ws(code), code)
        except command_line.Failure as error:
            yield code, error
            continue
        yield code, picture
