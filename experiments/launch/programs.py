"""Damaged entries of the cache of compiled programs are made again, once.

JAX warns about an entry that it cannot read, compiles, and keeps the damaged one, so
that every later run does so again. The warning comes before the program is written:
what it names is removed then, and the whole entry takes its place.
"""

import pathlib
import re
import warnings
from typing import Any

from jax_encoder.io import caches, loading

_WARNING = "Error reading persistent compilation cache entry for '([^']+)'"


def replace_damaged(directory: pathlib.Path) -> None:
    """Has the entries replaced that JAX cannot read.

    Args:
      directory: of the cache; a later call takes the place of an earlier one.
    """
    warnings.filterwarnings("always", message=_WARNING)
    shown = getattr(warnings.showwarning, "before", warnings.showwarning)

    def show(message: Any, *arguments: Any, **options: Any) -> None:
        found = re.match(_WARNING, str(message))
        if found is None:
            shown(message, *arguments, **options)
        else:
            discard(directory, found[1])

    show.before = shown  # pyright: ignore[reportFunctionMemberAccess]
    warnings.showwarning = show


def discard(directory: pathlib.Path, program: str) -> None:
    """Removes the entries of a program, of which one is damaged.

    Args:
      directory: of the cache.
      program: its name, with which the names of its files begin.
    """
    damaged = [path for path in directory.iterdir() if path.name.startswith(program)]
    for path in damaged:
        loading.discard(path)
    caches.say(f"{directory}: the compiled {program} is damaged: made again.")
