"""Pictures out of seeds: truncation, labels, style mixing."""

import pathlib
import re
from collections.abc import Sequence

import numpy as np

from experiments.launch import command_line
from jax_encoder.errors import InputError
from jax_encoder.io import contact_sheet, files, images
from jax_encoder.latents.sampler import Sampler


def parse_numbers(text: str) -> list[int]:
    """Numbers out of a list such as "0-3,7": [0, 1, 2, 3, 7].

    Raises:
      UsageError: it is no such list.
    """
    numbers: list[int] = []
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*", piece)
        if match is None:
            raise command_line.UsageError(
                f'{text!r} is no list of numbers such as "0-3,7".'
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + 100_000:
            raise command_line.UsageError(f"The range {piece.strip()} makes no sense.")
        numbers += range(first, last + 1)
    return numbers


def write_seeds(sampler: Sampler, seeds: Sequence[int], output: pathlib.Path) -> int:
    """Writes `seed0000.png`, ... and `contact_sheet.png`; returns the number."""
    files.make_directory(output)
    pictures = []
    for seed, picture in zip(seeds, sampler.render(_ws(sampler, seeds)), strict=True):
        images.write(output / f"seed{seed:04}.png", picture)
        pictures.append(images.to_uint8(picture))
    width = int(np.ceil(len(seeds) ** 0.5))
    rows = [pictures[k : k + width] for k in range(0, len(pictures), width)]
    texts = [f"seed {seed}" for seed in seeds]
    captions = [texts[k : k + width] for k in range(0, len(texts), width)]
    sheet = contact_sheet.draw(rows, captions=captions)
    images.write(output / "contact_sheet.png", sheet, is_report=True)
    return len(pictures)


def write_mixes(
    sampler: Sampler,
    row_seeds: Sequence[int],
    column_seeds: Sequence[int],
    layers: Sequence[int],
    output: pathlib.Path,
) -> int:
    """Writes the style mixing grid (Karras et al. 2019, Figure 3).

    Args:
      sampler: how seeds become pictures.
      row_seeds: of the pictures that give most of the rows of w.
      column_seeds: of the pictures that give the rest.
      layers: the rows of w that come from the column's picture.
      output: gets `<row>-<column>.png` and `contact_sheet.png`.

    Returns:
      How many pictures were written.

    Raises:
      UsageError: a layer is out of range.
    """
    num_ws = sampler.generator.config.num_ws
    if not all(layer < num_ws for layer in layers):
        raise command_line.UsageError(
            f"The rows of w of this generator are 0 to {num_ws - 1}."
        )
    rows, columns = _ws(sampler, row_seeds), _ws(sampler, column_seeds)
    mixed = np.repeat(rows[:, None], len(columns), axis=1)
    mixed[:, :, list(layers)] = columns[None][:, :, list(layers)]
    lines = np.concatenate([rows[:, None], mixed], axis=1).reshape(-1, *rows.shape[1:])
    files.make_directory(output)
    rendered = sampler.render(np.concatenate([columns, lines]))
    pictures = [images.to_uint8(picture) for picture in rendered]
    width = len(columns) + 1
    padded = [None, *pictures]
    grid = [padded[k : k + width] for k in range(0, len(padded), width)]
    for row, line in zip(row_seeds, grid[1:], strict=True):
        for column, picture in zip(column_seeds, line[1:], strict=True):
            assert picture is not None
            images.write(output / f"{row}-{column}.png", picture)
    sheet = contact_sheet.draw(
        grid,
        row_labels=["", *(f"seed {seed}" for seed in row_seeds)],
        column_labels=["", *(f"seed {seed}" for seed in column_seeds)],
    )
    images.write(output / "contact_sheet.png", sheet, is_report=True)
    return len(row_seeds) * len(column_seeds)


def _ws(sampler: Sampler, seeds: Sequence[int]) -> np.ndarray:
    """The codes of seeds; a class that is missing is asked for by its flag."""
    try:
        return sampler.ws(seeds)
    except InputError as error:
        text = str(error).replace("`label`", "--label")
        raise command_line.UsageError(text) from error
