"""A folder of pictures as training data: decoded once, shuffled, exactly resumable."""

import concurrent.futures
import dataclasses
import os
import pathlib
import zipfile

import numpy as np

from jax_encoder.io import files
from jax_encoder.io import images as images_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Position:
    """Where in the endless, shuffled sequence of pictures a training stands.

    Three integers say it all: saved with a checkpoint, they continue the sequence
    exactly.

    Attributes:
      seed: of the shuffling.
      epoch: full passes done; each has its own order.
      offset: pictures of this pass already seen.
    """

    seed: int = 0
    epoch: int = 0
    offset: int = 0


def load(
    directory: str | os.PathLike[str],
    resolution: int,
    *,
    cache: str | os.PathLike[str] | None = None,
    num_threads: int = 4,
) -> np.ndarray:
    """Reads all pictures of a folder at one size.

    Args:
      directory: a folder or pattern, as `io.images.find` takes it.
      resolution: height and width; larger pictures are cropped and reduced.
      cache: an `.npz` file of the decoded pictures; read if it fits the folder's list
        of names, sizes and times, written otherwise. None for no cache.
      num_threads: that decode.

    Returns:
      `[N, resolution, resolution, 3]` uint8, sorted by path.

    Raises:
      ValueError: there are none, or `resolution` is not positive.
      PictureError: a file is damaged or no picture.
    """
    if resolution < 1:
        raise ValueError(f"`resolution` must be positive: got {resolution}.")
    paths = images_lib.find(directory)
    signature = _signature(paths, resolution)
    cached = _read_cache(cache, signature)
    if cached is not None:
        return cached

    def decode(path):
        picture = images_lib.fit(images_lib.decode(path), resolution)
        return images_lib.to_uint8(picture)

    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        pictures = np.stack(list(pool.map(decode, paths)))
    if cache is not None:
        with files.writing(pathlib.Path(cache)) as file:
            np.savez(file, allow_pickle=False, pictures=pictures, signature=signature)
    return pictures


def batch(
    pictures: np.ndarray, position: Position, size: int, *, mirror: bool = False
) -> tuple[np.ndarray, Position]:
    """Takes the next batch.

    Args:
      pictures: `[N, H, W, 3]` uint8 from `load`.
      position: where to go on.
      size: pictures to take; passes over the folder follow each other without a gap.
      mirror: flip every second pass, so that each picture is seen both ways.

    Returns:
      `[size, H, W, 3]` float32 in [-1, 1], and the next position.

    Raises:
      ValueError: no pictures, or `size` is not positive.
    """
    if len(pictures) < 1 or size < 1:
        raise ValueError(
            f"Needs pictures and a positive size: got {len(pictures)=}, {size=}."
        )
    parts: list[np.ndarray] = []
    epoch, offset = position.epoch, position.offset
    while (missing := size - sum(map(len, parts))) > 0:
        order = _order(position.seed, epoch, len(pictures))
        part = pictures[order[offset : offset + missing]]
        parts.append(part[:, :, ::-1] if mirror and epoch % 2 else part)
        offset += len(part)
        if offset == len(pictures):
            epoch, offset = epoch + 1, 0
    position = dataclasses.replace(position, epoch=epoch, offset=offset)
    return images_lib.from_uint8(np.concatenate(parts)), position


def _order(seed, epoch, num):
    return np.random.default_rng((seed, epoch)).permutation(num)


def _signature(paths, resolution):
    """What the cache depends on, as one array of strings."""
    lines = [f"resolution {resolution}"]
    for path in paths:
        about = path.stat()
        lines.append(f"{path.name} {about.st_size} {about.st_mtime_ns}")
    return np.array(lines)


def _read_cache(cache, signature):
    """The cached pictures, or None where there are none of this folder."""
    if cache is None or not pathlib.Path(cache).is_file():
        return None
    try:
        with open(cache, "rb") as file, np.load(file, allow_pickle=False) as archive:
            if np.array_equal(archive["signature"], signature):
                return archive["pictures"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        pass
    return None
