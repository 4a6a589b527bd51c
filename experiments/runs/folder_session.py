"""The session of a folder: an engine, chunk by chunk, that can be killed and go on."""

import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np

from experiments.launch import signals
from experiments.runs import batch_states, engines, filming
from experiments.runs import journal as journals
from jax_encoder.io import files, progress
from jax_encoder.nn import base

if TYPE_CHECKING:
    from experiments.runs.batches import BatchOptions

Saved = tuple[pathlib.Path, batch_states.BatchState]


class FolderSession:
    """Computes a batch at a time, and saves its state after every chunk.

    Attributes:
      batch_size: pictures of the batch in work, with those that fill it up.
      target: how pictures become targets.
      digests: SHA-256 of the pictures of the batch, by name; who reads them notes it.
      curves: `[steps, N]` losses of the last batch.
      seconds: that each of its pictures took.
    """

    def __init__(
        self,
        engine: engines.Engine,
        options: "BatchOptions",
        size: int,
        journal: journals.Journal,
        reporter: progress.Progress,
    ):
        """Prepares for batches of an engine.

        Args:
          engine: computes.
          options: of the folder.
          size: of batches.
          journal: keeps states and frames.
          reporter: is told how far it is.
        """
        self._engine, self._options, self._size = engine, options, size
        self._journal, self._reporter = journal, reporter
        self.batch_size = size
        self.target: Mapping[str, object] = {
            "resolution": engine.resolution,
            "channels": engine.channels,
            "crop": options.crop,
        }
        self.curves, self.seconds = np.zeros((0, size), np.float32), 0.0
        self.digests: dict[str, str] = {}
        self._saved: Saved | None = None
        self._can_save = True

    def begin(self, saved: Saved | None) -> None:
        """Prepares for a batch, and for its state where it was saved."""
        self._saved, self.digests = saved, {}
        self.batch_size = self._size if saved is None else saved[1].losses.shape[1]

    def end(self, names: Sequence[str]) -> None:
        """Forgets the state of a batch that is done."""
        for path in {self._journal.batch, *([self._saved[0]] if self._saved else ())}:
            self._journal.forget(path, names)

    def encode(self, targets: np.ndarray, ids: Sequence[str]) -> engines.EngineOutcome:
        """Computes a batch; leaves it, saved, between two chunks when a signal came."""
        own = tuple(dict.fromkeys(ids))
        start = time.monotonic()
        state, losses, spent = self._state(targets, ids, own)
        start -= spent
        for advanced, part in self._engine.iterate(targets, state):
            state = advanced
            losses.append(np.asarray(part, np.float32))
            self._shoot(own, targets, state, sum(map(len, losses)))
            if len(part):  # Of a single pass there is nothing to go on with.
                self._save(own, state, losses, time.monotonic() - start)
            signals.check()
            told = _describe(losses[-1][-1:, : len(own)])
            self._advance(len(own), len(part), told)
        self.curves = np.concatenate(losses)
        missing = self._engine.num_steps - len(self.curves)  # All stopped early.
        self._advance(len(own), missing)
        outcome = self._engine.finish(targets, state, len(own))
        if self._engine.finishing_share:
            self._reporter.advance(len(own) * self._engine.finishing_share)
        self.seconds = (time.monotonic() - start) / len(own)
        return outcome

    def _state(self, targets, ids, own) -> tuple[base.Tree, list[np.ndarray], float]:
        """State, losses and seconds spent: the saved ones, or those of step 0."""
        if self._saved is not None and self._fits(self._saved[1], own):
            saved = self._saved[1]
            try:
                state = saved.restore(self._engine.template(targets))
                self._advance(len(own), len(saved.losses))
                return state, [saved.losses], saved.seconds
            except batch_states.MisfitError as error:
                self._reporter.say(f"{error}: its batch begins anew.")
        state = self._engine.init(targets, list(ids))
        self._shoot(own, targets, state, 0)
        return state, [np.zeros((0, len(targets)), np.float32)], 0.0

    def _fits(self, saved: batch_states.BatchState, own: tuple[str, ...]) -> bool:
        """Whether a state is that of these very pictures."""
        return (saved.names, saved.digests) == (own, self._digests_of(own))

    def _digests_of(self, own: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self.digests.__getitem__, own))

    def _advance(self, num: int, num_steps: int, note: str = "") -> None:
        if num_steps:
            share = (1 - self._engine.finishing_share) / self._engine.num_steps
            self._reporter.advance(num * num_steps * share, note)

    def _save(self, own, state, losses, seconds) -> None:
        """Saves the state; a full disk costs the resume, not the run."""
        if not self._can_save:
            return
        saved = batch_states.BatchState(
            names=own,
            digests=self._digests_of(own),
            leaves=tuple(np.asarray(x) for x in jax.tree.leaves(state)),
            losses=np.concatenate(losses),
            seconds=seconds,
        )
        try:
            saved.save(self._journal.batch)
        except files.WriteError as error:
            self._can_save = False
            self._reporter.say(f"This run cannot be resumed: {error}")

    def _shoot(self, own, targets, state, num_steps: int) -> None:
        """Keeps a frame of every picture, where films are asked for."""
        if not self._options.film or not self._can_save:
            return
        rendered = np.asarray(self._engine.render(targets, state))
        try:
            for name, image in zip(own, rendered, strict=False):
                filming.keep(self._journal.frames / name, num_steps, image)
        except files.WriteError as error:
            self._can_save = False
            self._reporter.say(f"There will be no films: {error}")


def _describe(losses: np.ndarray) -> str:
    """The median loss of the pictures that have one."""
    finite = losses[np.isfinite(losses)]
    return f"loss {np.median(finite):.4g}" if len(finite) else ""
