"""What comes before inversions: compiled programs, and tables for the verdicts."""

import threading
from collections.abc import Iterator

import numpy as np

from experiments.runs import verdicts
from experiments.studio_page.inverting import PREPARING, WAITING, PictureInversion
from experiments.studio_page.turns import Turns
from experiments.studio_page.workshop import InversionMethod, Workshop
from jax_encoder.nn import base


class Preparation:
    """Compiles a method's programs before pictures take their turns with it.

    So nobody whose program is ready waits for somebody else's compiler.

    Args:
      turns: where inversions go once their program is ready.
    """

    def __init__(self, turns: Turns):
        self._turns = turns
        self._lock = threading.Lock()
        self._ready: set[tuple[str, InversionMethod]] = set()
        self._waiting: dict[tuple[str, InversionMethod], list[PictureInversion]] = {}
        self._compiling = threading.Lock()  # one at a time: it takes all processors

    def submit(self, task: PictureInversion) -> None:
        """Sends an inversion on its way; prepares its program first where needed."""
        key = (task.workshop.source.sha256, task.method)
        with self._lock:
            if key not in self._ready:
                task.set_status(PREPARING)
                is_new = key not in self._waiting
                self._waiting.setdefault(key, []).append(task)
                if is_new:
                    self._start(key, task.workshop)
                return
        self._turns.add(task.visit.id, task)

    def warm_up(self, workshop: Workshop, method: InversionMethod) -> None:
        """Prepares a method that nobody waits for yet."""
        key = (workshop.source.sha256, method)
        with self._lock:
            if key in self._ready or key in self._waiting:
                return
            self._waiting[key] = []
            self._start(key, workshop)

    def _start(self, key, workshop: Workshop) -> None:
        arguments = (key, workshop)
        threading.Thread(target=self._prepare, args=arguments, daemon=True).start()

    def _prepare(self, key: tuple[str, InversionMethod], workshop: Workshop) -> None:
        error: Exception | None = None
        with self._compiling:
            try:
                workshop.warm_up()
                compile_method(workshop, key[1])
            except Exception as found:
                error = found
        with self._lock:
            tasks = self._waiting.pop(key)
            if error is None:
                self._ready.add(key)
        for task in tasks:
            if error is not None:
                task.fail(error)
            elif task.status == PREPARING:
                task.set_status(WAITING)
                self._turns.add(task.visit.id, task)
        if error is None and workshop.table(key[1].preset) is None:
            self._turns.add_house(Calibration(workshop, key[1].plain))


def compile_method(workshop: Workshop, method: InversionMethod) -> None:
    """Runs every program of a method once, for a chunk of a gray picture."""
    engine = workshop.engine(method)
    shape = (1, engine.resolution, engine.resolution, engine.channels)
    targets = np.zeros(shape, np.float32)
    state = engine.init(targets, ["gray"])
    engine.render(targets, state)
    state, _ = next(iter(engine.iterate(targets, state)))
    engine.render(targets, state)
    if not engine.finishing_share:
        engine.finish(targets, state, 1)


class Calibration:
    """Inverts a generator's own pictures, by whose errors others are judged.

    A task of the house. What it finds goes into the cache, once for all visits.

    Args:
      workshop: of the generator.
      method: a preset as it is.
    """

    def __init__(self, workshop: Workshop, method: InversionMethod):
        self._workshop, self._method = workshop, method
        self._targets: np.ndarray | None = None
        self._found: list[dict[str, float]] = []
        self._steps: Iterator[tuple[base.Tree, np.ndarray]] | None = None
        self._state: base.Tree = None

    @property
    def is_waiting(self) -> bool:
        """Never: it is done once."""
        return False

    def advance(self) -> bool:
        """Does a chunk of one of the pictures; returns whether there is more."""
        engine = self._workshop.engine(self._method)
        if self._targets is None:
            network = self._workshop.source.network
            num = verdicts.NUM_PICTURES
            self._targets = verdicts.own_pictures(network, num, engine.label)
        target = self._targets[len(self._found)][None]
        if self._steps is None:
            self._state = engine.init(target, [f"own {len(self._found)}"])
            self._steps = iter(engine.iterate(target, self._state))
        found = next(self._steps, None)
        if found is not None:
            self._state = found[0]
            return True
        measures = engine.finish(target, self._state, 1).measures
        self._found.append({k: float(v[0]) for k, v in measures.items()})
        self._steps = self._state = None
        if len(self._found) < len(self._targets):
            return True
        self._keep()
        return False

    def _keep(self) -> None:
        arrays = {k: np.array([f[k] for f in self._found]) for k in self._found[0]}
        about = {"preset": self._method.preset}
        table = verdicts.tabulate(arrays, {}, about)
        self._workshop.keep_table(self._method.preset, table)
