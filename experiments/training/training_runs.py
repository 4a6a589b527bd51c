"""One training at a time in a directory, with what a person reads when it stops."""

import pathlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from experiments.launch import command_line, signals
from jax_encoder.errors import InputError
from jax_encoder.io import files, locks


class _HasOutput(Protocol):
    """A job: what to train, and where it is written."""

    @property
    def output(self) -> pathlib.Path:
        """The directory."""
        ...


Job = TypeVar("Job", bound=_HasOutput)


def run(make_job: Callable[[], Job], train: Callable[[Job], object]) -> None:
    """Trains, from the last checkpoint on; two at once in a directory are refused.

    Args:
      make_job: reads the flags.
      train: runs the stages that are not done yet.

    Raises:
      UsageError: flags, pictures or networks that do not fit.
    """
    signals.name_remedy("; the same command goes on from where it stopped")
    try:
        job = make_job()
        files.make_directory(job.output)
        with locks.hold(job.output, ".training.lock"):
            train(job)
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
