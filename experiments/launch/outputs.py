"""The folder that a run writes to: made, and held until the process ends."""

import atexit
import contextlib
import os
import pathlib

from jax_encoder.io import files, locks

_HELD: dict[pathlib.Path, contextlib.ExitStack] = {}


def claim(directory: str | os.PathLike[str]) -> pathlib.Path:
    """Makes a folder, and keeps other runs out of it while this process lives.

    Args:
      directory: where the run writes; a run may claim it several times.

    Returns:
      The folder.

    Raises:
      LockedError: another run writes to it; says which.
      WriteError: it cannot be made or written to.
    """
    path = files.make_directory(directory)
    key = path.resolve()
    if key not in _HELD:
        stack = contextlib.ExitStack()
        stack.enter_context(locks.hold(path))
        _HELD[key] = stack
    return path


@atexit.register
def release() -> None:
    """Gives all claimed folders free."""
    while _HELD:
        _HELD.popitem()[1].close()
