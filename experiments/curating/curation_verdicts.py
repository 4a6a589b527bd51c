"""What `curate` finds wrong with pictures, and which of them it would keep."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from experiments.curating import measures
from experiments.curating.feature_stream import Described
from jax_encoder.alignment import picture_layouts
from jax_encoder.metrics import duplicates, oddity

REASONS = ("duplicate", "outlier", "misaligned", "blurred", "tiny")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurationLimits:
    """The limits from which on a picture is called something.

    Attributes:
      difference: of near-duplicates at most: the geometric mean of what they leave of
        each other unexplained, and how far apart their features are, relative to
        usual nearest neighbors.
      oddity: outliers deviate at least this far, in their features or in how their
        gradients are spread.
      evidence: for a move, of misaligned pictures.
      blur: blurred pictures are at least so many deviations less sharp than most.
      min_side: tiny pictures have a shorter side below; None: half of what most have.
    """

    difference: float = 0.18
    oddity: float = 3.5
    evidence: float = 0.0
    blur: float = 5.0
    min_side: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Verdicts:
    """What was found.

    Attributes:
      reasons: by name, `[N]` whether it holds.
      scores: by name, `[N]` on what it was decided.
      limits: by the scores' names.
      copy_of: `[N]` the picture that is kept instead of a duplicate; -1 elsewhere.
      moves: `[N]` how misaligned pictures lie, in words; "" elsewhere.
    """

    reasons: Mapping[str, np.ndarray]
    scores: Mapping[str, np.ndarray]
    limits: Mapping[str, float]
    copy_of: np.ndarray
    moves: tuple[str, ...]

    @property
    def is_kept(self) -> np.ndarray:
        """`[N]`, whether nothing was found."""
        return ~np.any(list(self.reasons.values()), axis=0)


def judge(
    described: Described, limits: CurationLimits, *, num_jobs: int | None = None
) -> Verdicts:
    """Judges measured pictures.

    Args:
      described: of `measures.measure`.
      limits: from where on.
      num_jobs: threads of the search for neighbors.
    """
    rows = described.rows
    difference, copy_of = _duplicates(described, limits, num_jobs)
    side = np.minimum(rows["width"], rows["height"])
    min_side = limits.min_side or 0.5 * float(np.median(side))
    scores = {
        "difference": difference,
        "oddity": _oddity(rows, num_jobs),
        "evidence": rows["evidence"].astype(float),
        "sharpness": oddity.robust(rows["sharpness"]),
        "side": side,
    }
    is_moved = scores["evidence"] > limits.evidence
    reasons = {
        "duplicate": copy_of >= 0,
        "outlier": scores["oddity"] > limits.oddity,
        "misaligned": is_moved,
        "blurred": scores["sharpness"] < -limits.blur,
        "tiny": side < min_side,
    }
    return Verdicts(
        reasons=reasons,
        scores=scores,
        limits={
            "difference": limits.difference,
            "oddity": limits.oddity,
            "evidence": limits.evidence,
            "sharpness": -limits.blur,
            "side": min_side,
        },
        copy_of=copy_of,
        moves=tuple(
            str(picture_layouts.MOVES[int(k)]) if moved else ""
            for k, moved in zip(rows["move"], is_moved, strict=True)
        ),
    )


def _oddity(rows, num_jobs) -> np.ndarray:
    """`[N]`: far from others by features, or laid out like none, however moved."""
    strangeness = np.log(np.maximum(rows["strangeness"].astype(float), 1e-12))
    far = oddity.deviations(rows["color"], num_jobs=num_jobs)
    return np.maximum(far, oddity.robust(strangeness))


def _duplicates(described: Described, limits: CurationLimits, num_jobs):
    """`[N]` the smallest difference to another picture, and what is kept instead."""
    pairs, far = duplicates.candidates(described.rows["gray"], num_jobs=num_jobs)
    sides = [measures.thumbnails(described, pairs[:, k]) for k in range(2)]
    score = np.sqrt(np.maximum(duplicates.unexplained(*sides), 0.0) * far)
    difference = np.ones(len(described))
    for k in range(2):
        np.minimum.at(difference, pairs[:, k], score)
    order = sorted(
        range(len(described)), key=lambda k: _quality(described, k), reverse=True
    )
    return difference, duplicates.thin(pairs[score <= limits.difference], order)


def _quality(described: Described, index: int) -> tuple[float, float, int]:
    """What is worth keeping: many pixels, sharp ones, then a large file."""
    rows, path = described.rows, described.paths[index]
    pixels = float(rows["width"][index] * rows["height"][index])
    return pixels, float(path.stat().st_size), -index
