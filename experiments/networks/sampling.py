"""Pictures out of seeds: truncation, labels, style mixing."""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.launch import command_line
from jax_encoder.io import contact_sheet, files, images
from jax_encoder.latents import styles
from jax_encoder.nn import base


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampler:
    """How seeds become pictures.

    Attributes:
      generator: the network.
      truncation_psi: 1 for none.
      truncation_cutoff: rows to truncate; None for all.
      label: the class; conditional generators only.
      noise: "const" or "none"; generators with noise only.
      batch_size: pictures per compiled program; the last batch is padded.
    """

    generator: base.Generator
    truncation_psi: float = 1.0
    truncation_cutoff: int | None = None
    label: int | None = None
    noise: str = "const"
    batch_size: int = 4

    def ws(self, seeds: Sequence[int]) -> np.ndarray:
        """`[N, num_ws, w_dim]`; a seed's z is the one that NVIDIA's scripts draw."""
        config = self.generator.config
        z = [np.random.RandomState(seed).randn(1, config.z_dim) for seed in seeds]
        z = np.concatenate(z).astype(np.float32)
        if config.c_dim and self.label not in range(config.c_dim):
            raise command_line.UsageError(
                f"This generator has {config.c_dim} classes: give --label=0 to"
                f" {config.c_dim - 1}."
            )
        w = np.concatenate(list(self._batches(functools.partial(_map, self.label), z)))
        ws = styles.broadcast(jnp.asarray(w), config.num_ws)
        psi, cutoff = self.truncation_psi, self.truncation_cutoff
        return np.asarray(styles.truncate(ws, self.generator.w_avg[...], psi, cutoff))

    def render(self, ws: np.ndarray) -> Iterator[np.ndarray]:
        """Yields pictures `[H, W, C]` in [-1, 1], one per row of `ws`."""
        for batch in self._batches(functools.partial(_render, self.noise), ws):
            yield from batch

    def _batches(self, run: Callable, rows: np.ndarray) -> Iterator[np.ndarray]:
        """What `run` makes of `rows`, always `batch_size` at a time.

        One program serves any number of seeds, and runs them one after the other: a
        picture does not depend, in its last bits, on how many others are asked for.
        """
        for start in range(0, len(rows), self.batch_size):
            batch = rows[start : start + self.batch_size]
            padding = [(0, self.batch_size - len(batch))] + [(0, 0)] * (rows.ndim - 1)
            padded = np.pad(batch, padding, mode="edge")
            yield np.asarray(run(self.generator, padded))[: len(batch)]


@functools.partial(jax.jit, static_argnums=0)
def _map(label, generator, z):
    def one(row):
        if not generator.config.c_dim:
            return generator.mapping(row[None])[0]
        labels = jax.nn.one_hot(jnp.asarray([label]), generator.config.c_dim)
        return generator.mapping(row[None], labels)[0]

    return jax.lax.map(one, z)


@functools.partial(jax.jit, static_argnums=0)
def _render(noise, generator, ws):
    return jax.lax.map(lambda row: generator.synthesis(row[None], noise)[0], ws)


def write_seeds(sampler: Sampler, seeds: Sequence[int], output: pathlib.Path) -> int:
    """Writes `seed0000.png`, ... and `contact_sheet.png`; returns the number."""
    files.make_directory(output)
    pictures = []
    for seed, picture in zip(seeds, sampler.render(sampler.ws(seeds)), strict=True):
        images.write(output / f"seed{seed:04}.png", picture)
        pictures.append(images.to_uint8(picture))
    width = int(np.ceil(len(seeds) ** 0.5))
    rows = [pictures[k : k + width] for k in range(0, len(pictures), width)]
    texts = [f"seed {seed}" for seed in seeds]
    captions = [texts[k : k + width] for k in range(0, len(texts), width)]
    sheet = contact_sheet.draw(rows, captions=captions)
    images.write(output / "contact_sheet.png", sheet)
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
    rows, columns = sampler.ws(row_seeds), sampler.ws(column_seeds)
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
    images.write(output / "contact_sheet.png", sheet)
    return len(row_seeds) * len(column_seeds)
