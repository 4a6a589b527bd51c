"""Pivotal tuning as the binaries do it: read the pivots, tune, measure, write."""

import dataclasses
import os
import pathlib
import sys
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.launch import reporting
from experiments.runs import pictures as picture_lists
from experiments.runs import reports
from jax_encoder.errors import InputError
from jax_encoder.inversion import colors as colors
from jax_encoder.inversion.tuner import Tuned
from jax_encoder.io import (
    bundles,
    codes,
    contact_sheet,
    differences,
    files,
    images,
    json_types,
)
from jax_encoder.io import names as naming
from jax_encoder.metrics import pairs
from jax_encoder.nn import base

DIFFERENCE = ".difference.npz"


def save_difference(
    tuned: Tuned, index: int, path: str | os.PathLike[str], parent_sha256: str
) -> None:
    """Writes a picture's generator as its difference to the parent."""
    own, parent = (cast(nnx.Module, g) for g in (tuned.generator(index), tuned.parent))
    differences.save(own, parent, path, parent_sha256=parent_sha256)


def save_bundle(
    tuned: Tuned, directory: str | os.PathLike[str], parent_sha256: str
) -> None:
    """Writes the generator that all pictures share as a bundle."""
    origin = {"parent_sha256": parent_sha256, "tuned": "pivotal"}
    shared = cast(nnx.Module, tuned.generator())
    bundles.save(shared, directory, provenance=origin)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pivots:
    """Pictures and the codes that were found for them.

    Attributes:
      names: N names.
      targets: `[N, R, R, 3]` the pictures.
      ws: `[N, num_ws, w_dim]`.
      colors: `[N, 2, 2, 3]` how the pictures' colors were moved, of
        `colors.as_array`.
    """

    names: tuple[str, ...]
    targets: jax.Array
    ws: jax.Array
    colors: jax.Array

    @property
    def recolored(self) -> jax.Array:
        """The pictures in the colors in which their codes were found."""
        return colors.move(self.targets, *colors.from_array(self.colors))

    def show(self, pictures: jax.Array) -> jax.Array:
        """Reconstructions in the colors of the pictures, in [-1, 1]."""
        own, generator = colors.from_array(self.colors)
        return jnp.clip(colors.move(pictures, generator, own), -1, 1)


def read_pivots(
    pictures: str,
    directory: str,
    resolution: int,
    generator_sha256: str,
    channels: int = 3,
) -> Pivots:
    """Reads the pictures that have a code, with their codes.

    Args:
      pictures: a directory or pattern.
      directory: what `encode_image` wrote.
      resolution: of the generator.
      generator_sha256: of the generator to be tuned.
      channels: of its pictures.

    Returns:
      The pivots.

    Raises:
      ValueError: no picture has a code, a code belongs to another generator, or a file
        cannot be read.
    """
    names, targets, ws, moved = [], [], [], []
    for path, name in picture_lists.find(pictures).names().items():
        file = pathlib.Path(directory) / f"{name}.npz"
        if not file.is_file():
            print(f"Left out: {naming.safe(path.name)} has no code.", file=sys.stderr)
            continue
        try:
            target = jnp.asarray(images.fit(images.read(path, channels), resolution))
        except images.PictureError as error:
            print(f"Left out: {error}", file=sys.stderr)
            continue
        code = codes.load(file)
        owner = code.metadata.get("generator_sha256")
        if owner not in (None, generator_sha256):
            raise InputError(
                f"{file} is a code of the generator {owner}, not of {generator_sha256}:"
                " name the generator it was found with."
            )
        table = code.arrays.get("colors", code.arrays.get("colours"))
        if table is None:
            table = colors.as_array(target[None], colors.of_each(target[None]))[0]
        names.append(name)
        targets.append(target)
        ws.append(jnp.asarray(code.values).reshape(-1, *code.values.shape[-2:])[0])
        moved.append(jnp.asarray(table))
    if not names:
        raise InputError(f"No picture of {pictures} has a code in {directory}.")
    return Pivots(
        names=tuple(names),
        targets=jnp.stack(targets),
        ws=jnp.stack(ws),
        colors=jnp.stack(moved),
    )


def write(
    output: str,
    pivots: Pivots,
    tuned: Tuned,
    lpips: base.PerceptualDistance,
    parent_sha256: str,
) -> list[json_types.Row]:
    """Writes reconstructions, tuned generators and a contact sheet.

    Args:
      output: the directory, made if missing.
      pivots: what was tuned around.
      tuned: the result.
      lpips: measures the result, `(images, targets) -> [N]`.
      parent_sha256: of the generator.

    Returns:
      A row per picture: name, lpips, psnr, steps.

    Raises:
      WriteError: the disk is full or read-only.
    """
    directory = files.make_directory(output)
    config = tuned.config
    shown = pivots.show(jnp.asarray(tuned.images))
    distances = lpips(shown, pivots.targets)
    psnr = pairs.psnr(shown, pivots.targets)
    rows = []
    for index, name in enumerate(pivots.names):
        files.make_directory((directory / name).parent)
        images.write(directory / f"{name}.png", np.asarray(shown[index]))
        if not config.shares_weights:
            path = directory / f"{name}{DIFFERENCE}"
            save_difference(tuned, index, path, parent_sha256)
        measures = {"lpips": float(distances[index]), "psnr": float(psnr[index])}
        steps = int(tuned.num_steps[index])
        rows.append({"name": name, "status": "ok", **measures, "tuning_steps": steps})
    if config.shares_weights:
        save_bundle(tuned, directory / "generator", parent_sha256)
    reports.write_summary(directory, rows, {"tuned": config.tuned})
    reporting.attempt("contact_sheet.png", _write_sheet, directory, pivots, shown, rows)
    return rows


def _write_sheet(directory: pathlib.Path, pivots: Pivots, shown, rows) -> None:
    sheet = contact_sheet.comparison(
        list(np.asarray(pivots.targets)),
        list(np.asarray(shown)),
        names=pivots.names,
        captions=[reports.caption(row) for row in rows],
    )
    images.write(directory / "contact_sheet.png", sheet, is_report=True)
