"""Pivotal tuning as the binaries do it: read the pivots, tune, measure, write."""

import dataclasses
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runs import reports
from jax_encoder.inversion import colors as colors
from jax_encoder.inversion import pivotal
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles, codes, contact_sheet, differences, files, images
from jax_encoder.metrics import pairs

DIFFERENCE = ".difference.npz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuner:
    """Tunes a generator around codes.

    Attributes:
      models: the frozen networks.
      config: what to do.
      parent_sha256: of the generator.
      seed: of the locality samples.
    """

    models: Models
    config: pivotal.PivotalConfig
    parent_sha256: str
    seed: int = 0

    def __call__(self, ws: jax.Array, targets: jax.Array) -> "Tuned":
        """Tunes around all pivots.

        Pictures with a generator of their own are tuned `config.num_parallel` at a
        time, by one program however many they are; what was tuned waits on the host.

        Args:
          ws: `[N, num_ws, w_dim]` the pivots.
          targets: `[N, R, R, 3]` in [-1, 1].

        Returns:
          The tuned generators.
        """
        if self.config.shares_weights:
            parts = [self._tune(ws, targets)]
        else:
            size = min(self.config.num_parallel, len(ws))
            parts = []
            for first in range(0, len(ws), size):
                # The last group is filled up, so that only one program is compiled.
                index = np.minimum(np.arange(first, first + size), len(ws) - 1)
                parts.append(self._tune(ws[index], targets[index]))
        images = np.concatenate([np.asarray(part.images) for part in parts])
        num_steps = np.concatenate([np.asarray(part.num_steps) for part in parts])
        return Tuned(
            tuner=self,
            parts=tuple(parts),
            images=images[: len(ws)],
            num_steps=num_steps[: len(ws)],
        )

    def _tune(self, ws, targets) -> pivotal.Tuning:
        key = jax.random.key(self.seed)
        tuning = pivotal.tune(self.models, ws, targets, key, config=self.config)
        return jax.device_get(tuning)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """Tuned generators.

    Attributes:
      tuner: made them.
      parts: per group of pictures, on the host.
      images: `[N, R, R, 3]` what they make of the pivots.
      num_steps: `[N]` steps until a picture was done.
    """

    tuner: Tuner
    parts: tuple[pivotal.Tuning, ...]
    images: np.ndarray
    num_steps: np.ndarray

    def generator(self, index: int | None = None) -> Any:
        """Returns the tuned generator of a picture; None for the shared one."""
        config, size = self.tuner.config, len(self.parts[0].images)
        part = self.parts[0 if index is None else index // size]
        place = None if index is None else index % size
        part = jax.tree.map(jnp.asarray, part)
        parent = self.tuner.models.generator
        return pivotal.tuned_generator(parent, part, config, place)

    def save_difference(self, index: int, path: str | os.PathLike[str]) -> None:
        """Writes a picture's generator as its difference to the parent."""
        differences.save(
            self.generator(index),
            self.tuner.models.generator,
            path,
            parent_sha256=self.tuner.parent_sha256,
        )

    def save_bundle(self, directory: str | os.PathLike[str]) -> None:
        """Writes the generator that all pictures share as a bundle."""
        origin = {"parent_sha256": self.tuner.parent_sha256, "tuned": "pivotal"}
        bundles.save(self.generator(), directory, provenance=origin)


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
    def wanted(self) -> jax.Array:
        """The pictures in the colors in which their codes were found."""
        return colors.move(self.targets, *colors.from_array(self.colors))

    def show(self, pictures: jax.Array) -> jax.Array:
        """Reconstructions in the colors of the pictures, in [-1, 1]."""
        own, generator = colors.from_array(self.colors)
        return jnp.clip(colors.move(pictures, generator, own), -1, 1)


def read_pivots(
    pictures: str, directory: str, resolution: int, generator_sha256: str
) -> Pivots:
    """Reads the pictures that have a code, with their codes.

    Args:
      pictures: a directory or pattern.
      directory: what `encode_image` wrote.
      resolution: of the generator.
      generator_sha256: of the generator to be tuned.

    Returns:
      The pivots.

    Raises:
      ValueError: no picture has a code, a code belongs to another generator, or a file
        cannot be read.
    """
    names, targets, ws, moved = [], [], [], []
    for path in images.find(pictures):
        file = pathlib.Path(directory) / f"{path.stem}.npz"
        if not file.is_file():
            continue
        code = codes.load(file)
        owner = code.metadata.get("generator_sha256")
        if owner not in (None, generator_sha256):
            raise ValueError(
                f"{file} is a code of the generator {owner}, not of {generator_sha256}:"
                " name the generator it was found with."
            )
        target = jnp.asarray(images.fit(images.read(path), resolution))
        table = code.arrays.get("colors", code.arrays.get("colours"))
        if table is None:
            table = colors.as_array(target[None], colors.of_each(target[None]))[0]
        names.append(path.stem)
        targets.append(target)
        ws.append(jnp.asarray(code.values).reshape(-1, *code.values.shape[-2:])[0])
        moved.append(jnp.asarray(table))
    if not names:
        raise ValueError(f"No picture of {pictures} has a code in {directory}.")
    return Pivots(
        names=tuple(names),
        targets=jnp.stack(targets),
        ws=jnp.stack(ws),
        colors=jnp.stack(moved),
    )


def write(output: str, pivots: Pivots, tuned: Tuned) -> list[dict[str, Any]]:
    """Writes reconstructions, tuned generators and a contact sheet.

    Args:
      output: the directory, made if missing.
      pivots: what was tuned around.
      tuned: the result.

    Returns:
      A row per picture: name, lpips, psnr, steps.

    Raises:
      WriteError: the disk is full or read-only.
    """
    directory = files.make_directory(output)
    config = tuned.tuner.config
    shown = pivots.show(jnp.asarray(tuned.images))
    lpips = tuned.tuner.models.networks[config.network](shown, pivots.targets)
    psnr = pairs.psnr(shown, pivots.targets)
    rows = []
    for index, name in enumerate(pivots.names):
        images.write(directory / f"{name}.png", np.asarray(shown[index]))
        if not config.shares_weights:
            tuned.save_difference(index, directory / f"{name}{DIFFERENCE}")
        measures = {"lpips": float(lpips[index]), "psnr": float(psnr[index])}
        steps = int(tuned.num_steps[index])
        rows.append({"name": name, "status": "ok", **measures, "tuning_steps": steps})
    if config.shares_weights:
        tuned.save_bundle(directory / "generator")
    sheet = contact_sheet.comparison(
        list(np.asarray(pivots.targets)),
        list(np.asarray(shown)),
        names=pivots.names,
        captions=[reports.caption(row) for row in rows],
    )
    images.write(directory / "contact_sheet.png", sheet)
    reports.write_summary(directory, rows, {"tuned": config.tuned})
    return rows
