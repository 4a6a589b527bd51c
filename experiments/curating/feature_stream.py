"""Features of many picture files, read and described a batch at a time."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import jax
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import images, progress
from jax_encoder.metrics import features

N = TypeVar("N")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Described:
    """What is known of the pictures that could be read.

    Attributes:
      paths: the files, N of them.
      rows: by name, `[N, ...]` what the network and the pictures themselves say.
      failures: the reason by file of every other picture.
    """

    paths: tuple[pathlib.Path, ...]
    rows: dict[str, np.ndarray]
    failures: dict[pathlib.Path, str]

    def __len__(self) -> int:
        return len(self.paths)


def describe(
    paths: Sequence[pathlib.Path],
    network: N,
    side: int,
    *,
    apply: Callable[[N, jax.Array], Mapping[str, jax.Array]],
    look: Callable[[np.ndarray], dict[str, float]] | None = None,
    batch_size: int = 16,
    title: str = "Describing pictures",
) -> Described:
    """Reads pictures and describes them; none is kept.

    Args:
      paths: the files.
      network: what `apply` takes first.
      side: of the squares that pictures are made for the network.
      apply: `(network, images [B, side, side, 3]) -> {name: [B, ...]}`; compiled.
      look: what to note of a picture as it was decoded, or None.
      batch_size: pictures at a time.
      title: of the progress bar.

    Raises:
      ValueError: none of the pictures can be read.
    """
    read, notes = list[pathlib.Path](), list[dict[str, float]]()
    failures: dict[pathlib.Path, str] = {}

    def batches() -> Iterator[np.ndarray]:
        waiting: list[np.ndarray] = []
        for path in paths:
            try:
                decoded = images.decode(path)
            except images.PictureError as error:
                failures[path] = str(error)
                continue
            read.append(path)
            notes.append(look(decoded) if look else {})
            waiting.append(images.fit(decoded, side))
            if len(waiting) == batch_size:
                yield np.stack(waiting)
                waiting = []
        if waiting:
            yield np.stack(waiting)

    parts = []
    with progress.track(len(paths), description=title) as reporter:
        for part in features.extract(apply, network, batches(), batch_size=batch_size):
            parts.append(part)
            reporter.advance(len(next(iter(part.values()))))
    if not parts:
        raise InputError(_refusal(len(paths), failures))
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows |= {name: np.asarray([note[name] for note in notes]) for name in notes[0]}
    return Described(paths=tuple(read), rows=rows, failures=failures)


def _refusal(num: int, failures: Mapping[pathlib.Path, str]) -> str:
    reasons = "".join(f"\n  {reason}" for reason in list(failures.values())[:5])
    return f"None of {num} pictures can be read.{reasons}"
