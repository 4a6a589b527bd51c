"""Inversions, a chunk at a time, that can be stopped and gone on with."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.editing.code_sets import Code
from experiments.runs import engines, tuning
from experiments.studio_page import picture_files, safety
from experiments.studio_page.tray import TrayEntry
from experiments.studio_page.visits import Upload, Visit
from experiments.studio_page.workshop import InversionMethod, Workshop
from jax_encoder.alignment import frames
from jax_encoder.io import files, images, names
from jax_encoder.nn import base

WAITING, PREPARING, RUNNING = "waiting", "preparing", "running"
STOPPED, FINISHING, DONE, FAILED = "stopped", "finishing", "done", "failed"


class PictureInversion:
    """The inversion of one picture: a task of `turns.Turns`.

    Args:
      visit: whose it is.
      upload: the picture.
      workshop: of the generator.
      method: how.
      keep: takes the code that was found, `keep(entry)`.
    """

    def __init__(
        self,
        visit: Visit,
        upload: Upload,
        workshop: Workshop,
        method: InversionMethod,
        keep: Callable[[TrayEntry], TrayEntry],
    ):
        assert upload.target is not None
        self.id = visit.number()
        self.visit, self.upload, self.workshop = visit, upload, workshop
        self.method, self._keep = method, keep
        self.target = upload.target
        self.status, self.sentence, self.entry = WAITING, "", ""
        self.step, self.num_steps = 0, 0
        self.measures: dict[str, float] = {}
        self.preview: tuple[bytes, str] | None = None
        self.num_previews = 0
        self._engine: Any = None
        self._state: base.Tree = None
        self._steps: Iterator[tuple[base.Tree, np.ndarray]] | None = None
        self._losses: list[np.ndarray] = []
        self._is_enough = False
        self._since, self._since_step = 0.0, 0

    @property
    def seconds_left(self) -> float | None:
        """The rest at the speed so far, which others share; None before it is known."""
        done = self.step - self._since_step
        if self.status != RUNNING or done <= 0:
            return None
        speed = (time.monotonic() - self._since) / done
        return speed * (self.num_steps - self.step)

    def set_status(self, status: str, sentence: str = "") -> None:
        """Changes the status and lets the page know."""
        self.status, self.sentence = status, sentence
        self.visit.changed()

    @property
    def is_waiting(self) -> bool:
        """Whether it wants a turn."""
        return self.status == WAITING and not self.visit.is_over

    def stop(self) -> bool:
        """Stops after the chunk at work; returns whether there was anything to stop."""
        if self.status not in (WAITING, PREPARING, RUNNING):
            return False
        self.set_status(STOPPED)
        return True

    def go_on(self) -> bool:
        """Goes on where it was stopped; returns whether it had been."""
        if self.status != STOPPED:
            return False
        self._since = 0.0
        self.set_status(WAITING)
        return True

    def settle(self) -> bool:
        """Takes a stopped one as it is; returns whether there is anything to take."""
        if self.status != STOPPED or self._state is None:
            return False
        self._is_enough = True
        return self.go_on()

    def advance(self) -> bool:
        """Does a chunk; returns whether there is more."""
        if self.status not in (WAITING, RUNNING) or self.visit.is_over:
            return False
        try:
            return self._advance()
        except Exception as error:  # whatever it is, the others go on
            self.fail(error)
            return False

    def fail(self, error: BaseException) -> None:
        """Tells the visitor what went wrong."""
        logging.getLogger(__name__).info("An inversion failed.", exc_info=error)
        self._steps = self._state = None
        text = safety.sentence(error, self.visit.shown_names())
        self.set_status(FAILED, text)

    def _advance(self) -> bool:
        if self._steps is None:
            self._begin()
        assert self._steps is not None
        if not self._since:
            self._since, self._since_step = time.monotonic(), self.step
        found = None if self._is_enough else next(self._steps, None)
        if found is None:
            return self._end()
        self._state, losses = found
        self._losses.append(np.asarray(losses, np.float32)[:, 0])
        self.step += len(losses)
        self._show(self._engine.render(self.target[None], self._state)[0])
        if self.status == STOPPED:
            return False
        self.set_status(RUNNING)
        return self._end() if self.step >= self.num_steps else True

    def _begin(self) -> None:
        self._engine = self.workshop.engine(self.method)
        self.num_steps = self._engine.num_steps
        targets = self.target[None]
        self._state = self._engine.init(targets, [self.upload.name])
        self._steps = iter(self._engine.iterate(targets, self._state))
        self._show(self._engine.render(targets, self._state)[0])

    def _show(self, picture: np.ndarray) -> None:
        self.preview = picture_files.encode(picture)
        self.num_previews += 1
        shown = np.clip(picture, -1.0, 1.0)
        error = float(np.mean(np.square(shown - self.target)))
        self.measures = {"psnr": 10 * float(np.log10(4.0 / max(error, 1e-12)))}

    def _end(self) -> bool:
        """Measures and keeps the code; tuning, which takes long, in its own thread."""
        self.set_status(FINISHING)
        if self._engine.finishing_share:
            threading.Thread(target=self._finish_guarded, daemon=True).start()
        else:
            self._finish()
        return False

    def _finish_guarded(self) -> None:
        try:
            self._finish()
        except Exception as error:
            self.fail(error)

    def _finish(self) -> None:
        outcome = self._engine.finish(self.target[None], self._state, 1)
        self._steps = self._state = None
        if self.visit.is_over:
            return
        if not np.isfinite(outcome.ws).all():
            raise safety.Refusal("Its start is not finite; take another preset.")
        measures = {k: float(v[0]) for k, v in outcome.measures.items()}
        is_diverged = bool(outcome.is_diverged[0])
        self.measures = {k: v for k, v in measures.items() if np.isfinite(v)}
        row = {"status": "diverged" if is_diverged else "ok", **self.measures}
        picture = images.to_uint8(outcome.images[0])
        self.preview = picture_files.encode(picture)
        self.num_previews += 1
        entry = self._keep(
            TrayEntry(
                code=self._code(outcome, row),
                picture=picture,
                generator_sha256=self.workshop.source.sha256,
                target=images.to_uint8(self.target),
                row=row,
                preset=self.method.preset,
            )
        )
        self.entry = entry.name
        note = "Its loss became NaN; the best code before that is kept."
        self.set_status(DONE, note if is_diverged else "")

    def _code(self, outcome: engines.EngineOutcome, row) -> Code:
        """The code with all that `encode_image` writes into its file."""
        frame = {frames.KEY: self.upload.frame} if self.upload.frame else {}
        picture = self.upload.picture or self.upload.path
        stem = names.safe(self.upload.name.rpartition(".")[0] or self.upload.name)
        difference = None
        for extension, write in outcome.attachments.items():
            assert extension == tuning.DIFFERENCE
            difference = self.visit.folder / f"tuned{self.id}{extension}"
            write(0, str(difference))
        return Code(
            name=stem,
            value=outcome.ws[0],
            space="w+",
            arrays={
                "losses": np.concatenate([np.zeros(0, np.float32), *self._losses]),
                **{k: v[0] for k, v in outcome.arrays.items()},
            },
            metadata={
                "measures": {k: v for k, v in row.items() if k != "status"},
                "picture": self.upload.name,
                "picture_sha256": files.sha256(picture),
                **self._engine.details,
                **frame,
            },
            difference=difference,
        )
