"""Visits: what each visitor has, seen by nobody else, and gone when the visit ends."""

import dataclasses
import pathlib
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from experiments.studio_page import safety
from experiments.studio_page.tray import TrayEntry
from jax_encoder.editing.directions import Direction
from jax_encoder.io import json_types

if TYPE_CHECKING:
    from experiments.studio_page.inverting import PictureInversion


@dataclasses.dataclass(eq=False)
class Upload:
    """A picture that was dropped, or taken from the examples or a seed.

    Attributes:
      id: of the visit's own count.
      name: as the visitor has it.
      path: the file in the visit's folder.
      size: (width, height) of the picture.
      align: the name of the alignment, or "".
      picture: the file that is inverted: the upload, or what alignment made of it.
      target: `[R, R, C]` float32 in [-1, 1], what the inversion sees.
      frame: where an aligned picture lies in its photograph, JSON values, or None.
      problem: why it cannot be used as it is, or "".
    """

    id: str
    name: str
    path: pathlib.Path
    size: tuple[int, int]
    align: str = ""
    picture: pathlib.Path | None = None
    target: np.ndarray | None = None
    frame: json_types.Row | None = None
    problem: str = ""


class Visit:
    """One visitor's pictures, codes and running work.

    Attributes:
      id: the secret that the visitor's cookie holds.
      folder: for files; removed when the visit ends.
      generator: the name of the one that is in use.
      uploads: pictures by id.
      jobs: inversions by id.
      entries: the tray, by name, of all generators.
      directions: imported ones by name, of all generators.
      version: counts the changes, so that the page knows when to look.
      lock: held while any of these is changed.
    """

    def __init__(self, folder: pathlib.Path, generator: str):
        self.id = secrets.token_urlsafe(24)
        self.folder = folder
        self.generator = generator
        self.uploads: dict[str, Upload] = {}
        self.jobs: dict[str, PictureInversion] = {}
        self.entries: dict[str, TrayEntry] = {}
        self.directions: dict[str, Direction] = {}
        self.version = 1
        self.lock = threading.RLock()
        self.is_over = False
        self.ends_at = 0.0
        self._count = 0

    def number(self) -> str:
        """A name for the visit's next thing."""
        with self.lock:
            self._count += 1
            return f"{self._count}"

    def changed(self) -> None:
        """Lets the page know that there is something new."""
        with self.lock:
            self.version += 1

    def put(self, entry: TrayEntry, limits: safety.VisitorLimits) -> TrayEntry:
        """Adds a code to the tray, under a name of its own.

        Raises:
          Refusal: the tray is full.
        """
        with self.lock:
            if len(self.entries) >= limits.max_codes:
                raise safety.Refusal(
                    f"The tray holds {limits.max_codes} codes and is full; save it and"
                    " remove some."
                )
            name = safety.unique_name(entry.name, list(self.entries))
            found = entry.renamed(name)
            self.entries[name] = found
            self.changed()
        return found

    def shown_names(self) -> dict[str, str]:
        """The visitor's names of the files in the folder, by ours."""
        with self.lock:
            return {u.path.name: u.name for u in self.uploads.values()}


class Visits:
    """All visits, and the folder that holds theirs.

    Args:
      limits: how many, and how long they last.
      generator: the name of the generator that a visit begins with.
      on_end: is told of every visit that ends.
      clock: seconds.
    """

    def __init__(
        self,
        limits: safety.VisitorLimits,
        generator: str,
        on_end: Callable[[Visit], None] = lambda visit: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.limits = limits
        self.generator = generator
        self._on_end = on_end
        self._clock = clock
        self._lock = threading.Lock()
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="studio_"))
        self._by_id: dict[str, Visit] = {}

    def begin(self) -> Visit:
        """Begins a visit.

        Raises:
          Refusal: there are too many already.
        """
        self.sweep()
        with self._lock:
            if len(self._by_id) >= self.limits.max_visits:
                raise safety.Refusal(
                    f"All {self.limits.max_visits} places are taken; come back later."
                )
            folder = pathlib.Path(tempfile.mkdtemp(dir=self._root))
            visit = Visit(folder, self.generator)
            self._by_id[visit.id] = visit
        self.touch(visit)
        return visit

    def find(self, visit_id: str) -> Visit | None:
        """The visit of a cookie, which this keeps alive; None where it has ended."""
        with self._lock:
            visit = self._by_id.get(visit_id)
        if visit is None or self._clock() > visit.ends_at:
            return None
        self.touch(visit)
        return visit

    def touch(self, visit: Visit) -> None:
        """Takes a sign of life."""
        visit.ends_at = self._clock() + self.limits.idle_seconds

    def leave(self, visit: Visit) -> None:
        """The page was closed: the visit ends soon, unless it is opened again."""
        visit.ends_at = self._clock() + self.limits.grace_seconds

    def end(self, visit: Visit) -> None:
        """Ends a visit; nothing of it is left."""
        with self._lock:
            self._by_id.pop(visit.id, None)
        with visit.lock:
            visit.is_over = True
            visit.uploads.clear()
            visit.entries.clear()
            visit.directions.clear()
        self._on_end(visit)
        visit.jobs.clear()
        shutil.rmtree(visit.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Ends the visits whose time is over."""
        now = self._clock()
        with self._lock:
            over = [v for v in self._by_id.values() if now > v.ends_at]
        for visit in over:
            self.end(visit)

    def __len__(self) -> int:
        return len(self._by_id)

    def close(self) -> None:
        """Ends all visits."""
        for visit in list(self._by_id.values()):
            self.end(visit)
        shutil.rmtree(self._root, ignore_errors=True)
