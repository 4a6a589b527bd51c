"""Directions of a latent space that change one attribute, with what is known of them.

A direction says in which space it lives, how far one unit of strength goes, which rows
it moves and where it came from; a published file says only the first numbers.
"""

import dataclasses
import difflib
from collections.abc import Mapping

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.nn.checks import describe

SPACES = ("z", "w", "w+", "s")
UNITS = ("length", "sd")


class DirectionError(InputError):
    """A direction cannot be used; the message says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Direction:
    """One unit of strength along an attribute.

    Attributes:
      name: of the attribute, such as "smile".
      vector: `[D]`, or `[num_ws, D]` with a move of its own for every row. One unit of
        strength adds it to a code.
      space: "z", "w" or "w+", the space of the codes it was made for. A direction of
        "w" moves rows of "w+" as well. One of "s" moves the styles of the layers, of
        any code.
      unit: what one unit of strength is: "length", one of the latent space, as
        published boundaries have it, or "sd", one standard deviation of the attribute.
      scale: the standard deviation in the attribute's own unit; 1 where unknown.
      rows: first row and the one after the last that move; None: all.
      origin: `[D]` from where distances along it are measured; None: from zero, as
        InterFaceGAN does.
      provenance: JSON values: method, samples, measured effect, source file...
    """

    name: str
    vector: np.ndarray
    space: str = "w"
    unit: str = "length"
    scale: float = 1.0
    rows: tuple[int, int] | None = None
    origin: np.ndarray | None = None
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        vector = np.asarray(self.vector)
        self._check_types(vector)
        if self.space not in SPACES:
            raise DirectionError(
                f"The space of a direction is one of {SPACES}, got {self.space!r}."
            )
        if vector.ndim not in (1, 2) or (vector.ndim == 2 and self.space != "w+"):
            raise DirectionError(
                f"Direction {self.name!r} must be [D], or [num_ws, D] in w+: got"
                f" {vector.shape} in {self.space}."
            )
        if not np.isfinite(vector).all() or not vector.any():
            raise DirectionError(
                f"Direction {self.name!r} is zero or not finite; make it again."
            )
        if self.rows is not None and not 0 <= self.rows[0] < self.rows[1]:
            raise DirectionError(
                f"`rows` must be (first, end) with 0 <= first < end, got {self.rows}."
            )

    def _check_types(self, vector: np.ndarray) -> None:
        """Refuses what a file or a caller may put in the place of a value."""
        origin = vector if self.origin is None else np.asarray(self.origin)
        is_number = isinstance(self.scale, int | float | np.number | np.ndarray)
        fits = {
            "vector": vector.dtype.kind in "fiu",
            "origin": origin.dtype.kind in "fiu"
            and origin.shape[-1:] == vector.shape[-1:],
            "unit": self.unit in UNITS,
            "scale": is_number and bool(np.isfinite(self.scale)),
            "provenance": isinstance(self.provenance, Mapping),
        }
        wrong = [name for name, is_right in fits.items() if not is_right]
        if wrong:
            shown = ", ".join(f"{n}={describe(getattr(self, n))}" for n in wrong)
            raise DirectionError(f"A direction cannot have {shown}.")

    @property
    def width(self) -> int:
        """D, the length of a code's row."""
        return self.vector.shape[-1]

    def position(self, codes: np.ndarray) -> np.ndarray:
        """How many units codes lie from the hyperplane that the direction stands on.

        Args:
          codes: `[N, D]`.

        Returns:
          `[N]`; for a direction of unit length the signed distance.

        Raises:
          DirectionError: the direction has a move of its own for every row.
        """
        vector = np.asarray(self.vector, np.float64)
        if vector.ndim != 1:
            raise DirectionError(
                f"Direction {self.name!r} moves every row in its own way and stands on"
                " no hyperplane: give offsets instead of distances."
            )
        origin = 0.0 if self.origin is None else self.origin
        return (codes - origin) @ vector / np.sum(vector * vector)

    def check(self, *, width: int, num_ws: int) -> None:
        """Tells whether a generator's codes can move along this direction.

        Args:
          width: of the rows of the codes.
          num_ws: rows that the synthesis network takes.

        Raises:
          DirectionError: another width, other rows, or a row range beyond the last.
        """
        if self.width != width:
            raise DirectionError(
                f"Direction {self.name!r} has {self.width} entries per row, the codes"
                f" of this generator {width}: it belongs to another generator."
            )
        if self.vector.ndim == 2 and self.vector.shape[0] != num_ws:
            raise DirectionError(
                f"Direction {self.name!r} has {self.vector.shape[0]} rows, this"
                f" generator takes {num_ws}: it belongs to another resolution."
            )
        if self.rows is not None and self.rows[1] > num_ws:
            raise DirectionError(
                f"Direction {self.name!r} moves the rows {self.rows[0]} to"
                f" {self.rows[1] - 1}; this generator has 0 to {num_ws - 1}."
            )

    def layered(self, num_ws: int) -> np.ndarray:
        """The move of every row for one unit of strength, `[num_ws, D]`."""
        rows = np.broadcast_to(self.vector, (num_ws, self.width)).astype(np.float32)
        if self.rows is None:
            return rows
        is_moved = np.zeros((num_ws, 1), np.float32)
        is_moved[slice(*self.rows)] = 1.0
        return rows * is_moved


def find(directions: Mapping[str, Direction], name: str) -> Direction:
    """Finds a direction by name.

    Args:
      directions: by name.
      name: any case; spaces and hyphens count as underscores.

    Returns:
      The direction.

    Raises:
      DirectionError: there is none of this name; suggests the nearest names.
    """
    wanted = _plain(name)
    for known, direction in directions.items():
        if _plain(known) == wanted:
            return direction
    raise DirectionError(f"There is no direction {name!r}. {suggest(name, directions)}")


def suggest(name: str, known: Mapping[str, object]) -> str:
    """A sentence with the names nearest to one that is unknown.

    Args:
      name: what was asked for.
      known: by name.
    """
    plain = {_plain(other): other for other in known}
    near = difflib.get_close_matches(_plain(name), plain, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(plain[other] for other in near)}?"
    return f"There are: {', '.join(known) or 'none'}."


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
