"""Edits: several directions at once, applied to codes in steps.

InterFaceGAN (Shen et al. 2020, arXiv:1907.10786) gives its positions two meanings. A
code of Z or W goes to a *distance*: at position 3 every code lies 3 units beyond the
hyperplane through the origin, however strong its attribute was, so that all pictures
end up alike in it. A code of W+ moves by an *offset*: 3 units from where it was, so
that differences between pictures stay. `walk` keeps both and lets one choose.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from jax_encoder.editing import boundaries
from jax_encoder.editing.directions import Direction, DirectionError

Meaning = Literal["offset", "distance"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Edit:
    """Directions and how far to go along each.

    Attributes:
      parts: (direction, amount): amount times the direction's unit at position 1.
    """

    parts: tuple[tuple[Direction, float], ...]

    def __post_init__(self):
        if not self.parts:
            raise DirectionError("An edit needs a direction, got none.")
        if "z" in self.spaces and len(self.spaces) > 1:
            raise DirectionError(
                f"{self.name}: directions of Z and of W cannot be added up; edit in two"
                " goes, those of Z first."
            )

    @property
    def spaces(self) -> frozenset[str]:
        """The spaces of its directions of codes."""
        return frozenset(direction.space for direction, _ in self._of_codes)

    @property
    def _of_codes(self) -> tuple[tuple[Direction, float], ...]:
        return tuple(part for part in self.parts if part[0].space != "s")

    @property
    def styles(self) -> np.ndarray | None:
        """`[S]`, what it adds to the styles of the layers at position 1; None: nothing.

        Such an edit leaves codes as they are (`style_space`).
        """
        terms = [amount * d.vector for d, amount in self.parts if d.space == "s"]
        return np.sum(terms, axis=0).astype(np.float32) if terms else None

    @property
    def space(self) -> str:
        """The smallest space whose codes it can move: "z", "w" or "w+"."""
        is_layered = any(
            direction.space == "w+" or direction.rows for direction, _ in self.parts
        )
        moves_nothing_else = not self._of_codes
        is_first = "z" in self.spaces or moves_nothing_else
        return "z" if is_first else "w+" if is_layered else "w"

    @property
    def name(self) -> str:
        """Such as "smile=2,age=-1"; an amount of 1 is left out."""
        return ",".join(
            direction.name if amount == 1 else f"{direction.name}={amount:g}"
            for direction, amount in self.parts
        )

    def change(self, num_ws: int) -> np.ndarray:
        """What it adds at position 1: `[D]` for Z and W, `[num_ws, D]` for W+."""
        if self.space != "w+":
            terms = [amount * part.vector for part, amount in self._of_codes]
        else:
            terms = [amount * part.layered(num_ws) for part, amount in self._of_codes]
        return np.sum(terms, axis=0).astype(np.float32)


def published_meaning(space: str) -> Meaning:
    """What InterFaceGAN's positions mean for codes of a space."""
    return "offset" if space == "w+" else "distance"


def walk(
    values: np.ndarray,
    edit: Edit,
    positions: Sequence[float] | np.ndarray,
    *,
    meaning: Meaning = "offset",
) -> np.ndarray:
    """Moves codes along an edit.

    Args:
      values: `[N, D]` codes of Z or W, or `[N, num_ws, D]` of W+.
      edit: of the same space; an edit of W moves every row of W+.
      positions: `[S]`, multiples of the edit.
      meaning: "offset" adds `position * edit`. "distance" goes to this many units from
        the hyperplane that the edit's only direction stands on. Of a code of W+ the
        first row tells where it is, as encoder4editing has it.

    Returns:
      `[N, S, D]` or `[N, S, num_ws, D]`.

    Raises:
      DirectionError: codes of another space or width, or a distance that has no
        meaning.
    """
    values = np.asarray(values, np.float32)
    if not edit.spaces:  # It moves styles alone.
        return np.repeat(values[:, None], len(positions), axis=1)
    is_layered = values.ndim == 3
    if edit.space == "w+" and not is_layered:
        raise DirectionError(
            f"{edit.name}: moves rows apart, which codes of one row cannot; give the"
            " codes as W+ (-s WP)."
        )
    num_ws = values.shape[1] if is_layered else 1
    for direction, _ in edit._of_codes:
        direction.check(width=values.shape[-1], num_ws=num_ws)
    offsets = np.broadcast_to(
        np.asarray(positions, float), (len(values), len(positions))
    )
    if meaning == "distance":
        first = values[:, 0] if is_layered else values
        offsets = offsets - _position(edit, first)[:, None]
    change = edit.change(num_ws)
    if is_layered:
        change = np.broadcast_to(change, values.shape[1:])
    steps = offsets.reshape(*offsets.shape, *(1,) * change.ndim) * change[None, None]
    return (values[:, None] + steps).astype(np.float32)


def _position(edit: Edit, codes: np.ndarray) -> np.ndarray:
    if len(edit.parts) != 1:
        raise DirectionError(
            f"{edit.name}: the distance from a hyperplane is defined for one direction;"
            " give offsets for a sum of several."
        )
    direction, amount = edit.parts[0]
    return direction.position(codes) / amount


def conditional(primal: Direction, others: Sequence[Direction]) -> Direction:
    """Removes from a direction what it has in common with others (Section 3.3).

    Args:
      primal: the direction wanted.
      others: of the same space; codes keep their distance from these.

    Returns:
      The direction, orthogonal to the others. Of unit length where that is the unit;
      else as far along the primal per unit as before.

    Raises:
      DirectionError: another space or width, or nothing is left.
    """
    for other in others:
        if (other.space == "z") != (primal.space == "z") or other.width != primal.width:
            raise DirectionError(
                f"{primal.name!r} is {primal.width} wide in {primal.space}, and"
                f" {other.name!r} {other.width} in {other.space}: a condition must be a"
                " direction of the same space."
            )
    vectors = [_flat(direction, (primal, *others)) for direction in (primal, *others)]
    try:
        normals = [vector / np.linalg.norm(vector) for vector in vectors]
        rest = boundaries.project_boundary(*normals)
    except ValueError as error:
        raise DirectionError(f"{primal.name}: {error}") from error
    length = 1.0
    if primal.unit != "length":
        length = np.sum(np.square(vectors[0])) / np.sum(vectors[0] * rest)
    vector = (length * rest[0]).astype(np.float32)
    is_layered = vector.size > primal.width
    provenance = dict(primal.provenance) | {"conditional": [o.name for o in others]}
    return dataclasses.replace(
        primal,
        vector=vector.reshape(-1, primal.width) if is_layered else vector,
        space="w+" if is_layered else primal.space,
        provenance=provenance,
    )


def _flat(direction: Direction, all_: Sequence[Direction]) -> np.ndarray:
    """`[1, D]`, or all rows in one where any of the directions has several."""
    num_ws = max((d.vector.shape[0] for d in all_ if d.vector.ndim == 2), default=0)
    if not num_ws:
        return np.asarray(direction.vector, np.float64)[None]
    rows = np.broadcast_to(direction.vector, (num_ws, direction.width))
    return np.asarray(rows, np.float64).reshape(1, -1)
