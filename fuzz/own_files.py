"""The files that this project's own readers read, as an attacker would write them.

Each is drawn valid and then changed: arrays of other shapes and types, names that are
missing or too many, and every value of its JSON replaced by the extremes of all types.
They reach their readers through a file in memory where the system has one.
"""

import dataclasses
import functools
import json
import os
import pathlib
import random
import struct
import tempfile
from collections.abc import Callable

import numpy as np

from fuzz import edits, siblings

_SHAPES = ((), (0,), (1,), (3,), (3, 3), (2, 3), (1, 2, 3), (4, 3, 3), (9,))
_TYPES = ("<f4", "<f4", "<f4", "<f8", "<i8", "<f2", "|b1", "<c8", "<U4", "|S3")
_EXTREMES = (0.0, 1.0, -1.0, np.nan, np.inf, 1e30, 1e-30)
_TABLE = {
    "num": 4,
    "quantiles": {"rmse": {"0.5": 0.1, "0.9": 0.2}, "lpips": {"0.5": 0.1, "0.9": 1}},
    "chance": {"rmse": 1.0, "lpips": 1.0},
    "about": {"preset": "default"},
}


@dataclasses.dataclass(frozen=True)
class Target:
    """A reader and the files that it is given.

    Attributes:
      draw: makes a file.
      read: reads it, by its path.
      ending: of the file's name.
    """

    draw: Callable[[random.Random], bytes]
    read: Callable[[pathlib.Path], object]
    ending: str = ".npz"


def _array(draw: random.Random, shape: tuple[int, ...] | None) -> np.ndarray:
    if shape is None or draw.random() < 0.15:
        shape = draw.choice(_SHAPES)
    value = draw.choice(_EXTREMES) if draw.random() < 0.15 else draw.random()
    with np.errstate(all="ignore"):
        kind = draw.choice(_TYPES) if draw.random() < 0.2 else "<f4"
        return np.full(shape, value).astype(kind)


def npy(array: np.ndarray) -> bytes:
    """An array as `np.save` writes it, some ten times as fast."""
    text = (
        f"{{'descr': {array.dtype.str!r}, 'fortran_order': False,"
        f" 'shape': {array.shape!r}, }}"
    )
    text += " " * (-(len(text) + 11) % 64) + "\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    return head + array.tobytes()


def _npz(wanted: dict[str, object], draw: random.Random, text: object = None) -> bytes:
    """An archive: of each name an array of the shape, or what is given instead."""
    members = {}
    for name, shape in wanted.items():
        if draw.random() < 0.05:
            continue
        key = f"{name}x" if draw.random() < 0.03 else name
        members[f"{key}.npy"] = npy(_array(draw, shape))
    if draw.random() < 0.05:
        members["more.npy"] = npy(_array(draw, None))
    if text is not None:
        members[f"{text[0]}.npy"] = npy(
            np.array(_json(text[1], draw).decode("latin-1"))
        )
    content = siblings.stored_zip(members)
    if draw.random() < 0.1:
        place = draw.randrange(len(content))
        flipped = bytes([content[place] ^ 1 << draw.randrange(8)])
        content = content[:place] + flipped + content[place + 1 :]
    return content


def _json(tree: object, draw: random.Random) -> bytes:
    if draw.random() < 0.9:
        tree = next(edited for _, edited in edits.edits(tree, 1, draw.getrandbits(32)))
    text = json.dumps(tree).encode()
    if draw.random() < 0.05:
        place = draw.randrange(len(text) + 1)
        text = (
            text[:place] + draw.choice((b"\xff", b"", b"[" * 3000)) + text[place:][1:]
        )
    return text


def _statistics(draw: random.Random) -> bytes:
    wanted = {"w_avg": (3,), "w_std": ()}
    for prefix in draw.choice((("p_", "w_n_"), ("w_n_",), ())):
        wanted |= {f"{prefix}mean": (3,), f"{prefix}components": (3, 3)}
        wanted |= {f"{prefix}std": (3,)}
    return _npz(wanted, draw)


def _codes(draw: random.Random) -> bytes:
    about = {"format": "codes 1", "space": "w+", "measures": {"psnr": 1.0}}
    wanted = {draw.choice(("ws", "w", "z", "wp")): (4, 3), "noise_00": (4, 4)}
    return _npz(wanted, draw, ("metadata", about))


def _directions(draw: random.Random) -> bytes:
    fields = {"space": "w", "unit": "sd", "scale": 1.0, "rows": [0, 2]}
    about = {
        "format": "directions 1",
        "generator_sha256": "0" * 64,
        "directions": {"age": {**fields, "provenance": {"x": 1}}},
    }
    if draw.random() < 0.3:
        wanted = {"lat_comp": (2, 1, 3), "lat_mean": (1, 3), "lat_stdev": (2,)}
        return _npz(wanted, draw)
    wanted = {"vector:age": (3,), "origin:age": (3,)}
    return _npz(wanted, draw, ("metadata", about))


def _batch(draw: random.Random) -> bytes:
    about = {"names": ["a"], "digests": ["0"], "seconds": 1.0, "num_leaves": 2}
    wanted = {"losses": (2, 1), "leaf_000": (3,), "leaf_001": (3, 3)}
    return _npz(wanted, draw, ("about", about))


def _journal(draw: random.Random) -> bytes:
    row = {"name": "a", "file": "a.png", "status": "ok", "sha256": "0" * 64}
    rows = [{"settings": {"seed": 0}}, {**row, "outputs": {".npy": "0" * 64}}, row]
    return b"\n".join(_json(entry, draw) for entry in rows) + b"\n"


def _bundle(draw: random.Random) -> bytes:
    return _json(_description(), draw)


@functools.cache
def _description() -> dict[str, object]:
    """That of the demo's generator."""
    from experiments.networks import resources

    path = resources.ASSETS / "avatars" / "config.json"
    return json.loads(path.read_text())


def _read_bundle(path: pathlib.Path) -> None:
    """The description, then the settings of the network."""
    from jax_encoder.io import bundles

    bundles.constructor(path.parent, bundles.describe(path.parent))


def _points(draw: random.Random) -> bytes:
    return _json({"a.png": [[[1.5, 2], [3, 4.5]] * 3], "b.png": []}, draw)


@functools.cache
def targets() -> dict[str, Target]:
    """All of them, by name."""
    import converters
    from experiments.runs import saved_files, settings, verdicts
    from jax_encoder.alignment import point_files
    from jax_encoder.editing import direction_files
    from jax_encoder.io import codes, loading
    from jax_encoder.latents import statistics

    table = functools.partial(_json, _TABLE)
    return {
        "statistics": Target(_statistics, lambda p: statistics.load(p, w_dim=3)),
        "codes": Target(_codes, codes.load),
        "any_codes": Target(_codes, converters.load_codes),
        "directions": Target(_directions, direction_files.load),
        "batch": Target(_batch, saved_files.read_batch),
        "journal": Target(
            _journal, lambda p: saved_files.read_list(p.read_bytes(), p), ".jsonl"
        ),
        "config": Target(_bundle, _read_bundle, ".json"),
        "settings": Target(
            lambda draw: _json({"seed": 0, "a": {"b": [1]}}, draw),
            lambda p: settings.differences(settings.read(p), {"seed": 0}),
            ".json",
        ),
        "table": Target(table, verdicts.read, ".json"),
        "points": Target(_points, point_files.read, ".json"),
        "json": Target(table, loading.read_json, ".json"),
    }


@functools.cache
def refusals() -> tuple[type[Exception], ...]:
    """What a reader may raise: its own errors, nothing else."""
    from converters import conversion_errors
    from jax_encoder.alignment import landmarks
    from jax_encoder.editing import directions
    from jax_encoder.io import bundles, codes, loading

    return (
        conversion_errors.ConversionError,
        landmarks.FaceError,
        directions.DirectionError,
        bundles.BundleError,
        codes.CodeError,
        loading.LoadError,
    )


@functools.cache
def _folder() -> pathlib.Path:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    place = tempfile.TemporaryDirectory(prefix="fuzz_", dir=memory)
    _KEPT.append(place)
    return pathlib.Path(place.name)


_KEPT: list[object] = []  # removed with the process


def make(name: str, seed: int) -> bytes:
    """Draws a file for the reader of that name."""
    return targets()[name].draw(random.Random(f"{name} own {seed}"))


def check(name: str, content: bytes) -> bool:
    """Gives a file to its reader; whether it was accepted.

    Raises:
      Exception: anything but a refusal of `refusals` is a defect.
    """
    target = targets()[name]
    stem = "config" if name == "config" else f"w_{name}"
    path = _folder() / f"{stem}{target.ending}"
    path.write_bytes(content)
    try:
        target.read(path)
    except refusals():
        return False
    return True
