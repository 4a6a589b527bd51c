"""What is computed or downloaded once and kept: one directory for everything.

`$JAX_ENCODER_CACHE`, or `jax_encoder` in the user's cache directory, holds
`checkpoints`, `statistics` (with typical colors), `pools` of seeds and compiled
`programs`. All of it can be deleted at any time. A name in it is a digest of what the
content was computed from, never a text out of a file.
"""

import logging
import os
import pathlib
from collections.abc import Callable
from typing import TypeVar

from jax_encoder.errors import InputError
from jax_encoder.io import files, loading

VARIABLE = "JAX_ENCODER_CACHE"
KINDS = ("checkpoints", "statistics", "pools", "programs")

T = TypeVar("T")


def directory(kind: str) -> pathlib.Path:
    """Where one kind of content is kept; need not exist.

    Args:
      kind: one of `KINDS`.
    """
    if kind not in KINDS:
        raise InputError(f"`kind` must be one of {KINDS}, got {kind!r}.")
    root = os.environ.get(VARIABLE)
    if not root:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        root = os.path.join(base, "jax_encoder")
    return pathlib.Path(root) / kind


def recall(kind: str, name: str, read: Callable[[pathlib.Path], T]) -> T | None:
    """Reads a file of the cache.

    Args:
      kind: one of `KINDS`.
      name: of the file.
      read: reads it; a ValueError says that it is damaged or does not fit.

    Returns:
      What `read` returned; None if there is no file, or a damaged one, which is said in
      one line and removed.
    """
    path = files.inside(directory(kind), name)
    if not path.is_file():
        return None
    try:
        return read(path)
    except ValueError as error:
        say(f"{error}: removed, and made again.")
        loading.discard(path)
        return None


def keep(kind: str, name: str, write: Callable[[pathlib.Path], None]) -> None:
    """Writes a file of the cache; where that fails, it is said and nothing is kept.

    Args:
      kind: one of `KINDS`.
      name: of the file.
      write: writes the file, whole or not at all.
    """
    try:
        write(files.inside(files.make_directory(directory(kind)), name))
    except files.WriteError as error:
        say(f"Nothing is kept for the next run: {error}")


def say(text: str) -> None:
    """Tells the person that something of ours was damaged, and what comes of it."""
    logging.getLogger(__name__).warning("Note: %s", text)
