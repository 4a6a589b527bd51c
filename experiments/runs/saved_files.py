"""Reads the files of a journal, of which any may be damaged.

What cannot be read is told from what was never written, so that the journal can say so,
forget it, and do that part of the run again.
"""

import contextlib
import os
import pathlib
from collections.abc import Mapping
from typing import TypedDict, TypeGuard

import numpy as np

from jax_encoder.io import files, json_types, loading

_MAX_BATCH = 1 << 16
_MAX_SECONDS = 1e12
_TEXTS = ("name", "file", "status")

Texts = tuple[str, ...]


class BatchFields(TypedDict):
    """The fields of a `batch_states.BatchState`."""

    names: Texts
    digests: Texts
    leaves: tuple[np.ndarray, ...]
    losses: np.ndarray
    seconds: float


def read_list(
    content: bytes, source: str | os.PathLike[str]
) -> tuple[json_types.Row | None, list[json_types.Row], int]:
    """Understands the lines of `pictures.jsonl`.

    Args:
      content: of the file.
      source: the file, for messages.

    Returns:
      The settings, or None where their line is damaged; the rows of the pictures; and
      how many lines are damaged.
    """
    settings: json_types.Row | None = None
    rows: list[json_types.Row] = []
    num_damaged = 0
    for index, line in enumerate(content.splitlines()):
        entry: object = None
        with contextlib.suppress(loading.LoadError):
            entry = loading.parse_json(line, source)
        if index == 0:
            found = entry.get("settings") if isinstance(entry, dict) else None
            settings = found if isinstance(found, dict) else None
        elif _is_row(entry):
            rows.append(entry)
        else:
            num_damaged += 1
    return settings, rows, num_damaged


def _is_row(entry: object) -> TypeGuard[json_types.Row]:
    """Whether a line is what `Journal.record` writes."""
    if not isinstance(entry, dict):
        return False
    outputs, seen = entry.get("outputs", {}), entry.get("seen", {})
    texts = _TEXTS if entry.get("status") == "failed" else (*_TEXTS, "sha256")
    return (
        all(isinstance(entry.get(key), str) for key in texts)
        and isinstance(seen, dict)
        and isinstance(outputs, dict)
        and all(isinstance(value, str) for value in outputs.values())
    )


def read_batch(path: pathlib.Path) -> BatchFields:
    """Reads `batch.npz`.

    Args:
      path: the file.

    Returns:
      The fields of a `BatchState`.

    Raises:
      LoadError: damaged, or not what `Journal.save_batch` writes.
    """
    arrays = loading.read_arrays(path)
    text = arrays.get("about")
    if text is None or text.dtype.kind != "U" or text.ndim:
        raise loading.LoadError(path, "no saved state")
    about = loading.parse_json(text.item(), path)
    names, digests, seconds, num_leaves = _about(path, about)
    losses = loading.check(path, _finite(arrays), "losses", (None, None))
    if not len(names) <= losses.shape[1] <= _MAX_BATCH:
        raise loading.LoadError(path, "a batch smaller than its pictures")
    keys = [f"leaf_{i:03d}" for i in range(num_leaves)]
    if not arrays.keys() >= set(keys) or len(arrays) != num_leaves + 2:
        raise loading.LoadError(path, "arrays are missing, or too many")
    return {
        "names": names,
        "digests": digests,
        "leaves": tuple(arrays[key] for key in keys),
        "losses": arrays["losses"],
        "seconds": seconds,
    }


def _finite(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The losses, where there are any, with zeros for pictures that diverged."""
    losses = arrays.get("losses")
    if losses is None:
        return {}
    if losses.dtype.kind == "f":
        losses = np.nan_to_num(losses, posinf=0.0, neginf=0.0)
    return {"losses": losses}


def _about(path: pathlib.Path, about: object) -> tuple[Texts, Texts, float, int]:
    """Names, digests, seconds and the number of leaves."""
    found: json_types.Row = about if isinstance(about, dict) else {}
    names, digests = found.get("names", []), found.get("digests", [])
    seconds, num_leaves = found.get("seconds", -1), found.get("num_leaves", -1)
    are_texts = all(
        isinstance(x, list) and x and all(isinstance(t, str) for t in x)
        for x in (names, digests)
    )
    is_time = isinstance(seconds, int | float) and 0 <= seconds < _MAX_SECONDS
    if not are_texts or not is_time or not isinstance(num_leaves, int):
        raise loading.LoadError(path, "what it says of itself is damaged")
    if len(names) != len(digests) or not 0 <= num_leaves <= 4096:
        raise loading.LoadError(path, "what it says of itself contradicts itself")
    return tuple(names), tuple(digests), float(seconds), num_leaves


Account = json_types.Row
"""What the journal notes of the files of a picture: "outputs", their SHA-256 by the
ends of their names, and "seen", size and time of change of each and of the source."""

SOURCE = ""
"""The key of the source in "seen"."""


def account(
    source: str | os.PathLike[str], stem: str | os.PathLike[str], endings
) -> Account:
    """What tells later whether a picture and its results are still the same.

    Args:
      source: the picture.
      stem: of the names of its results.
      endings: of these names.

    Raises:
      OSError: a file is gone.
    """
    paths = {end: f"{os.fspath(stem)}{end}" for end in endings}
    outputs = {end: files.sha256(path) for end, path in paths.items()}
    seen = {end: _sign(path) for end, path in (paths | {SOURCE: source}).items()}
    return {"outputs": outputs, "seen": seen}


def _sign(path: str | os.PathLike[str]) -> list[int]:
    """Size and time of change: a file that has both is not read again."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]


def is_same(path: str | os.PathLike[str], seen: object, digest: str | None) -> bool:
    """Whether a file is the one that was noted.

    Args:
      path: the file.
      seen: its entry in "seen"; None in journals of earlier versions.
      digest: its SHA-256, which is looked at where `seen` does not tell; None where
        none was noted.
    """
    try:
        return _sign(path) == seen or digest is None or files.sha256(path) == digest
    except OSError:
        return False
