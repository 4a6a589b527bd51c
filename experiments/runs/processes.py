"""Several processes that share one run, each with devices of its own.

`jax.distributed` makes them known to each other. An inversion needs nothing else: every
process inverts its share of the pictures, and the first one writes the summary of all.
They need a directory that all can see.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.experimental import multihost_utils

from experiments.launch import command_line
from jax_encoder.io import files, loading


def join(coordinator: str | None, num: int | None, index: int | None) -> None:
    """Joins the other processes, if there are any; before anything is computed.

    Args:
      coordinator: HOST:PORT of the first process; None: there is only this one.
      num: of processes.
      index: of this process.

    Raises:
      UsageError: some are given and others not.
      Failure: the others do not answer.
    """
    given = (coordinator, num, index)
    if given == (None, None, None):
        return
    if None in given:
        raise command_line.UsageError(
            "Several processes need --coordinator, --num_processes and --process_id."
        )
    try:
        # All finish together: one that is gone after a minute has failed.
        jax.distributed.initialize(*given, shutdown_timeout_seconds=60)
    except (RuntimeError, ValueError) as error:
        raise command_line.Failure(
            f"Cannot join the process at {coordinator}: {error}"
        ) from error


def share(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """The pictures of this process.

    Args:
      paths: all pictures, in the same order in every process.
    """
    return list(dict.fromkeys(paths))[jax.process_index() :: jax.process_count()]


def wait(name: str) -> None:
    """Waits until all processes have come to the point of this name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def gather(
    rows: Sequence[Mapping[str, Any]],
    paths: Sequence[pathlib.Path],
    output: pathlib.Path,
) -> list[dict[str, object]]:
    """Brings the rows of all processes together.

    Args:
      rows: of this process's pictures.
      paths: all pictures.
      output: a directory that all processes see.

    Returns:
      The rows in the order of `paths`; in every process.

    Raises:
      WriteError: the disk is full or read-only.
    """
    if jax.process_count() == 1:
        return [dict(row) for row in rows]
    own = _rows_file(output, jax.process_index())
    files.write_json(own, rows)
    wait("rows written")
    found: dict[str, dict[str, Any]] = {}
    for index in range(jax.process_count()):
        part = loading.read_json(_rows_file(output, index))
        found |= {row["file"]: row for row in part}
    wait("rows read")
    own.unlink()
    return [found[str(path)] for path in dict.fromkeys(paths)]


def _rows_file(output: pathlib.Path, index: int) -> pathlib.Path:
    return output / f".rows_{index}.json"
