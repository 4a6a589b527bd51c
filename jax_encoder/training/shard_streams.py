"""Pictures with codes out of `generate_data`'s shards, streamed: nothing is kept.

Grain (extra `train`) shuffles, reads ahead in threads and makes batches. A batch
depends on the seed and its number alone, so that a resumed training sees what it would
have seen.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.io import images, loading

_NUM_KEPT = 8
_NUM_THREADS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shards:
    """Examples of a data set by their index; shards are read when they are needed.

    Attributes:
      root: the folder that `generate_data` wrote.
      resolution: of the pictures.
      paths: of the shards, in order.
      starts: the first example of each shard, and the number of all.
    """

    root: pathlib.Path
    resolution: int
    paths: tuple[pathlib.Path, ...]
    starts: tuple[int, ...]

    @classmethod
    def open(cls, root: pathlib.Path, resolution: int) -> "Shards":
        """Finds the shards of a folder.

        Raises:
          ValueError: there are none, or a shard is damaged.
        """
        paths = tuple(sorted((root / "shards").glob("shard_*.npz")))
        if not paths:
            raise InputError(f"{root} has no shards of `experiments.generate_data`.")
        starts = [0]
        for path in paths:
            starts.append(starts[-1] + len(_read(path)))
        return cls(root=root, resolution=resolution, paths=paths, starts=tuple(starts))

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """A picture `[R, R, 3]` uint8, and its code `[num_ws, w_dim]`."""
        index = int(index)
        shard = int(np.searchsorted(self.starts, index, side="right")) - 1
        ws = _kept(self.paths[shard])[index - self.starts[shard]]
        picture = images.fit(images.read(self._picture(index)), self.resolution)
        return {"images": images.to_uint8(picture), "ws": ws}

    def _picture(self, index: int) -> pathlib.Path:
        own = self.root / "pictures" / f"{index:06}.png"
        return own if own.is_file() else self.root / f"{index:06}.png"

    def take(self, indices: range) -> dict[str, np.ndarray]:
        """Some examples at once."""
        rows = [self[index] for index in indices]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _read(path: pathlib.Path) -> np.ndarray:
    try:
        arrays = loading.read_arrays(path)
        ws = loading.check(path, arrays, "ws", (None, None, None))
        return np.asarray(ws, np.float32)
    except loading.LoadError as error:
        raise InputError(f"{path}: a damaged shard ({error}); draw it again.") from None


@functools.lru_cache(maxsize=_NUM_KEPT)
def _kept(path: pathlib.Path) -> np.ndarray:
    return _read(path)


@dataclasses.dataclass(eq=False)
class Stream:
    """The batches of a training, by their number.

    Attributes:
      source: of the examples.
      num: of them that are trained on; the others are held out.
      batch_size: examples per batch.
      seed: of the order.
    """

    source: Shards
    num: int
    batch_size: int
    seed: int = 0

    def __post_init__(self):
        if not 0 < self.batch_size <= self.num:
            raise InputError(
                f"Of {len(self.source)} examples {self.num} are left to train on: too"
                f" few for batches of {self.batch_size}."
            )
        self._next = -1
        self._batches: Iterator[dict[str, np.ndarray]] = iter(())

    @functools.cached_property
    def _plan(self) -> Any:
        grain = import_grain()
        order = grain.MapDataset.source(self.source).slice(slice(0, self.num))
        order = order.seed(self.seed).shuffle().repeat()
        return order.batch(self.batch_size)

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step; in turn they are read ahead."""
        if step != self._next:
            ahead = import_grain().ReadOptions(
                num_threads=_NUM_THREADS, prefetch_buffer_size=4 * _NUM_THREADS
            )
            rest = self._plan.slice(slice(step, None))
            self._batches = iter(rest.to_iter_dataset(ahead))
        self._next = step + 1
        return next(self._batches)


def import_grain() -> ModuleType:
    """Imports grain.

    Raises:
      ImportError: the `train` extra is not installed.
    """
    try:
        import grain
    except ImportError as error:
        raise ImportError(
            "Streaming shards needs grain: pip install 'jax_encoder[train]'."
        ) from error
    return grain
