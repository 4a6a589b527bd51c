"""The loop of a training: log, look, save, resume, and stop where it diverges."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Protocol, SupportsInt, TypeVar

from experiments.launch import command_line, signals
from experiments.training import training_log
from jax_encoder.io import finite
from jax_encoder.training import checkpoints


class TrainingState(Protocol):
    """What a training's state has at least.

    One with `is_sound`, a boolean, also tells whether all its gradients were finite.
    """

    @property
    def step(self) -> SupportsInt:
        """Steps done."""
        ...


S = TypeVar("S", bound=TrainingState)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a training goes on, and how often something happens.

    Attributes:
      num_steps: of the whole training.
      log_every: steps between lines of the log.
      checkpoint_every: steps between checkpoints and looks.
      look_every: steps between further looks; None for none.
      looks_first: also look before the first step.
    """

    num_steps: int
    log_every: int = 50
    checkpoint_every: int = 500
    look_every: int | None = None
    looks_first: bool = False


class PacedJob(Protocol):
    """What the flags of any training say of its pace."""

    @property
    def log_every(self) -> int:
        """Steps between lines of the log."""
        ...

    @property
    def checkpoint_every(self) -> int:
        """Steps between checkpoints."""
        ...


def pace_of(job: PacedJob, num_steps: int) -> Pace:
    """Returns the pace that a job asks for.

    Args:
      job: what to train.
      num_steps: of the whole training.
    """
    return Pace(
        num_steps=num_steps,
        log_every=job.log_every,
        checkpoint_every=job.checkpoint_every,
    )


Look = Callable[[object, training_log.TrainingLog, int], Mapping[str, float]]
"""From a state, the log and the steps done to measures by name; draws sheets."""


def run(
    directory: pathlib.Path,
    state: S,
    step: Callable[[S, int], tuple[S, Mapping[str, object]]],
    *,
    pace: Pace,
    batch_size: int,
    look: Look,
    remedy: str = "Lower --learning_rate, or look at the pictures.",
) -> S:
    """Trains, from the last whole checkpoint on if there is one.

    The checkpoint comes last: what a resumed training does not repeat, it has logged.

    Args:
      directory: of the log, the sheets and `checkpoints`.
      state: where the training begins.
      step: takes the state and the number of steps done; returns the new state and
        scalars by name.
      pace: how long and how often.
      batch_size: pictures per step.
      look: draws sheets, and returns measures by name.
      remedy: what a person may do about a training that diverged.

    Returns:
      the state at the end.

    Raises:
      Failure: a loss, gradient or weight is not finite. The last good checkpoint is
        kept.
      Stopped: a signal has come; the checkpoint of this step is saved.
    """
    where = directory / "checkpoints"
    if checkpoints.steps(where):
        state = checkpoints.restore(where, state)
    log = training_log.TrainingLog(directory, int(state.step))
    if pace.looks_first and not int(state.step):
        _note(log, 0, look(state, log, 0))
    with signals.saving():
        while (done := int(state.step)) < pace.num_steps:
            state, report = step(state, done)
            log.add(report, batch_size)
            done, is_stopping = done + 1, signals.is_stopping()
            is_last = done == pace.num_steps or is_stopping
            is_saved = done % pace.checkpoint_every == 0 or is_last
            is_seen = is_saved or bool(pace.look_every and not done % pace.look_every)
            if done % pace.log_every == 0 or is_seen:
                _check(state, log, done, remedy, weights=is_saved)
                print(log.flush(done), flush=True)
            with log.paused():
                if is_seen and not is_stopping:
                    _note(log, done, look(state, log, done))
                if is_saved:
                    checkpoints.save(where, done, state)
            signals.check()
    log.close()
    return state


def _check(
    state: object,
    log: training_log.TrainingLog,
    done: int,
    remedy: str,
    *,
    weights: bool,
) -> None:
    """Ends a training that has diverged, before anything of it is written."""
    if broken := log.broken(done):
        step, name = broken
        raise _diverged(log, step, f"{name} is no longer finite", remedy)
    if not bool(getattr(state, "is_sound", True)):
        raise _diverged(log, done, "a gradient is no longer finite", remedy)
    if not weights:
        return
    try:
        finite.check(state, f"step {done}")
    except finite.NotFiniteError as error:
        what = f"{error.entries[0]} and {len(error.entries) - 1} other arrays"
        what = f"{what} are no longer finite"
        raise _diverged(log, done, what, remedy) from error


def _diverged(log: training_log.TrainingLog, step: int, what: str, remedy: str):
    root = log.directory / "checkpoints"
    kept = checkpoints.steps(root)
    last = (
        f"The last good checkpoint is {root / f'step_{kept[-1]}'}"
        if kept
        else "There is no checkpoint from before"
    )
    log.close()
    return command_line.Failure(f"Stopped at step {step}: {what}. {last}. {remedy}")


def _note(log: training_log.TrainingLog, done: int, values) -> None:
    log.curves()
    if values:
        print(log.measures(done, values), flush=True)
