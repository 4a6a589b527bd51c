"""The reconstructions of a store as files, to be measured like any other pictures."""

import dataclasses
import io
import pathlib
import tarfile
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from experiments.comparing import evaluation
from experiments.launch import command_line
from experiments.networks import resources
from experiments.stores import stores
from jax_encoder.io import files, images

_BATCH = 16


def of(
    options: evaluation.EvaluationOptions, output: pathlib.Path
) -> evaluation.EvaluationOptions:
    """The options with the pictures of a store in the place of the store.

    Args:
      options: of an evaluation; without a store they stay as they are.
      output: its folder.

    Raises:
      Failure: the pictures cannot be drawn.
      LoadError: a file of the store is damaged.
      WriteError: the disk is full or read-only.
    """
    if not (options.images and stores.is_store(options.images)):
        return options
    found = write(stores.read(options.images), output / "reconstructions")
    return dataclasses.replace(options, images=found)


def write(store: stores.Store, folder: pathlib.Path) -> str:
    """Writes the reconstruction of every code as `<id>.png`.

    Where `encode_corpus` kept the reconstructions these are unpacked, else the codes
    are drawn by the generator that they were found for.

    Args:
      store: whose codes.
      folder: where to write, made if missing.

    Returns:
      The pattern that finds the pictures.

    Raises:
      Failure: the generator is not where it was, or another one.
      LoadError: a file of the store is damaged.
      WriteError: the disk is full or read-only.
    """
    tars = sorted((store.root / "reconstructions").glob("[0-9]*.tar"))
    pictures = _unpacked(tars) if tars else _drawn(store)
    for name, picture in pictures:
        path = files.inside(folder, f"{name}.png")
        files.make_directory(path.parent)
        images.write(path, picture)
    return f"{folder}/**/*.png"


def _unpacked(tars: list[pathlib.Path]) -> Iterator[tuple[str, np.ndarray]]:
    for path in tars:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    picture = Image.open(io.BytesIO(content.read()), formats=["PNG"])
                    yield member.name.removesuffix(".png"), np.asarray(picture)


def _drawn(store: stores.Store) -> Iterator[tuple[str, np.ndarray]]:
    generator = _generator(store)
    for rows, values, index in store.codes():
        names = rows.column("id").take(index).to_pylist()
        for first in range(0, len(names), _BATCH):
            part = values[first : first + _BATCH]
            # Filled up, so that one program serves all.
            filled = np.resize(part, (_BATCH, *part.shape[1:]))
            drawn = np.asarray(_synthesize(generator, filled))[: len(part)]
            yield from zip(names[first : first + _BATCH], drawn, strict=True)


@jax.jit
def _synthesize(generator, ws):
    return jnp.clip(generator.synthesis(ws), -1.0, 1.0)


def _generator(store: stores.Store):
    path, wanted = store.about.get("generator"), store.about.get("generator_sha256")
    if not path or not pathlib.Path(path).exists():
        raise command_line.Failure(
            f"{store.root}: its generator is not at {path}; put it there, or encode"
            " with --reconstructions."
        )
    source = resources.generator(path)
    if source.sha256 != wanted:
        raise command_line.Failure(
            f"{store.root}: the generator at {path} is another one ("
            f"{source.sha256[:12]}, not {str(wanted)[:12]})."
        )
    return source.network
