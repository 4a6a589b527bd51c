"""The loop of a training: log, look, save, resume, and stop where it diverges."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from experiments.launch import command_line, signals
from experiments.training import training_log
from jax_encoder.training import checkpoints


class State(Protocol):
    """What a training's state has at least."""

    @property
    def step(self) -> Any:
        """Steps done."""
        ...

    @property
    def is_sound(self) -> Any:
        """Whether all losses and gradients so far were finite."""
        ...


S = TypeVar("S", bound=State)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a training goes on, and how often something happens.

    Attributes:
      num_steps: of the whole training.
      log_every: steps between lines of the log.
      checkpoint_every: steps between checkpoints, sheets and measures.
    """

    num_steps: int
    log_every: int = 50
    checkpoint_every: int = 500


def run(
    directory: pathlib.Path,
    state: S,
    step: Callable[[S, int], tuple[S, Mapping[str, Any]]],
    *,
    pace: Pace,
    batch_size: int,
    look: Callable[[S, training_log.TrainingLog, int], Mapping[str, float]],
) -> S:
    """Trains, from the last whole checkpoint on if there is one.

    Args:
      directory: of the log, the sheets and `checkpoints`.
      state: where the training begins.
      step: takes the state and the number of steps done; returns the new state and
        scalars by name.
      pace: how long and how often.
      batch_size: pictures per step.
      look: draws sheets at a checkpoint, and returns measures by name.

    Returns:
      the state at the end.

    Raises:
      Failure: a loss or gradient is not finite. The last good checkpoint is kept.
      Stopped: a signal has come; the checkpoint of this step is saved.
    """
    where = directory / "checkpoints"
    if checkpoints.steps(where):
        state = checkpoints.restore(where, state)
    log = training_log.TrainingLog(directory, int(state.step))
    with signals.saving():
        while (done := int(state.step)) < pace.num_steps:
            state, report = step(state, done)
            log.add(report, batch_size)
            done, is_stopping = done + 1, signals.is_stopping()
            is_last = done == pace.num_steps or is_stopping
            is_saved = done % pace.checkpoint_every == 0 or is_last
            if done % pace.log_every == 0 or is_saved:
                _check(state, where, done)
                print(log.flush(done), flush=True)
            if is_saved:
                with log.paused():
                    if not is_stopping:
                        _note(log, done, look(state, log, done))
                    checkpoints.save(where, done, state)
            signals.check()
    log.close()
    return state


def _check(state: State, where: pathlib.Path, done: int) -> None:
    if bool(state.is_sound):
        return
    found = checkpoints.steps(where)
    kept = f"the checkpoint of step {found[-1]} is kept" if found else "none was saved"
    raise command_line.Failure(
        f"The training diverged by step {done}: a loss or gradient is not finite;"
        f" {kept}. Lower --learning_rate, or look at the pictures."
    )


def _note(log: training_log.TrainingLog, done: int, values) -> None:
    log.curves()
    if not values:
        return
    found = {f"measure/{name}": float(value) for name, value in values.items()}
    log.write(done, found)
    line = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
    print(f"step {done}: {line}", flush=True)
