"""Who reads hostile files, by the names that `fuzz.hostile` gives them."""

import functools
import importlib
import pathlib
import tempfile
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz import own_files

ENDINGS = {
    "directions": ".npz",
    "code set": ".npz",
    "points": ".json",
    "point table": ".csv",
    "verdicts": ".json",
    "journal": ".jsonl",
    "store": ".parquet",
    "manifest": ".parquet",
    "addresses": ".parquet",
    "tar": ".tar",
    "styles": ".npy",
}


_MODULES = (
    "converters",
    "experiments.editing.code_sets",
    "experiments.corpus.manifest",
    "experiments.runs.saved_files",
    "experiments.runs.verdicts",
    "experiments.stores.code_loading",
    "experiments.studio_page.receiving",
    "experiments.studio_page.tray",
    "jax_encoder.alignment.point_files",
    "jax_encoder.editing.style_space",
    "jax_encoder.latents.statistics",
    "jax_encoder.training.shard_streams",
)


def prepare() -> None:
    """Imports what all of them need, so that no reader's time is that of imports."""
    for name in _MODULES:
        importlib.import_module(name)
    from experiments.stores import tables

    tables.arrow()
    refusals()


def read(reader: str, path: pathlib.Path) -> None:
    """Reads a file.

    Args:
      reader: the name.
      path: the file; its ending is that of `ENDINGS`, or ".pt".

    Raises:
      Exception: of `refusals`; anything else is a defect.
    """
    _READERS[reader](path)


@functools.cache
def refusals() -> tuple[type[BaseException], ...]:
    """What a reader may raise: refusals, nothing else."""
    from experiments.launch import command_line
    from jax_encoder.errors import InputError

    return (*own_files.refusals(), InputError, command_line.Failure)


def _source() -> Any:
    """A generator of which nothing but its sizes is asked."""
    from experiments.networks.resources import Source

    layer = types.SimpleNamespace(shape=(4, 4, 8))
    config = types.SimpleNamespace(
        z_dim=8, w_dim=8, num_ws=4, feature_layers=(layer,), noise_shapes=()
    )
    network: Any = types.SimpleNamespace(config=config)
    return Source(network=network, path=pathlib.Path("x"), sha256="0" * 64)


def _checkpoint(path: pathlib.Path) -> None:
    import converters

    str(converters.inspect(path))
    converters.load(path)


def _codes(path: pathlib.Path) -> None:
    import converters

    converters.load_codes(path)


def _code_set(path: pathlib.Path) -> None:
    from experiments.editing import code_sets

    found, _ = code_sets.read(str(path), _source())
    for code in found:
        assert code.is_plain or code.transform is None or code.transform.shape == (3, 3)


def _torch_directions(path: pathlib.Path) -> None:
    import converters

    converters.load_directions(path)


def _store(path: pathlib.Path) -> None:
    from experiments.stores import code_loading, stores

    if stores.is_store(path):
        code_loading.load(path)


def _manifest(path: pathlib.Path) -> None:
    from experiments.corpus import manifest

    found = manifest.read(path)
    for index in range(min(found.num_shards, 3)):
        found.shard(index)


def _corpus(path: pathlib.Path) -> None:
    """The addresses in a table or a tar, and the first pictures that they name."""
    from experiments.sharing import corpus_sources, picture_bytes

    found = list(corpus_sources.find(str(path)))
    ids = corpus_sources.identify(found[:1_000])
    for source, name in list(zip(found, ids, strict=False))[:3]:
        entry = picture_bytes.Entry(0, name, source.uri, source.size, source.place)
        picture_bytes.load(entry, resolution=8, channels=3, crop="center")


def _picture(path: pathlib.Path) -> None:
    from jax_encoder.io import images

    images.read(path)


def _upload(path: pathlib.Path) -> None:
    from experiments.studio_page import receiving, safety

    receiving._read(path, "a.png", "1", safety.VisitorLimits())


def _shards(path: pathlib.Path) -> None:
    from jax_encoder.training import shard_streams

    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        folder = pathlib.Path(place) / "shards"
        folder.mkdir()
        path.rename(folder / "shard_00000.npz")
        shard_streams.Shards.open(pathlib.Path(place), 8)


def _styles(path: pathlib.Path) -> None:
    """The same file as StyleCLIP's matrix and as the difference of two texts."""
    from jax_encoder.editing import style_space
    from jax_encoder.io import codes

    array = codes.read_arrays(path)
    style_space.global_direction("a", array, np.ones(4), np.ones(8))  # pyright: ignore[reportArgumentType]
    style_space.global_direction("a", np.ones((8, 4)), array, np.ones(8))  # pyright: ignore[reportArgumentType]


def _tray(path: pathlib.Path) -> None:
    from experiments.studio_page import safety, tray

    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        folder, limits = pathlib.Path(place), safety.VisitorLimits()
        tray.load(path.read_bytes(), "a.zip", _source(), folder, limits)


def _own(module: str, name: str) -> Callable[[pathlib.Path], object]:
    def call(path: pathlib.Path) -> object:
        return getattr(__import__(module, fromlist=[name]), name)(path)

    return call


def _journal(path: pathlib.Path) -> None:
    from experiments.runs import saved_files

    saved_files.read_list(path.read_bytes(), path)


_READERS: dict[str, Callable[[pathlib.Path], object]] = {
    "checkpoint": _checkpoint,
    "codes": _codes,
    "code set": _code_set,
    "torch directions": _torch_directions,
    "directions": _own("jax_encoder.editing.direction_files", "load"),
    "statistics": _own("jax_encoder.latents.statistics", "load"),
    "json": _own("jax_encoder.io.loading", "read_json"),
    "arrays": _own("jax_encoder.io.loading", "read"),
    "points": _own("jax_encoder.alignment.point_files", "read"),
    "point table": _own("jax_encoder.alignment.point_files", "read"),
    "verdicts": _own("experiments.runs.verdicts", "read"),
    "journal": _journal,
    "store": _store,
    "manifest": _manifest,
    "addresses": _corpus,
    "tar": _corpus,
    "picture": _picture,
    "upload": _upload,
    "shards": _shards,
    "styles": _styles,
    "tray": _tray,
}
