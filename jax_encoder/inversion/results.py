"""What an inversion gives back."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from jax_encoder.inversion import state as states
from jax_encoder.inversion.tuner import Tuned


@dataclasses.dataclass(frozen=True)
class Status:
    """How the inversion of a picture ended.

    Attributes:
      name: "done" after all steps, "stopped" where it was good enough or improved no
        longer, "diverged" where its objective ceased to be a number.
      remedy: in words, what to do about it; "" where nothing is.
    """

    name: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.remedy}" if self.remedy else self.name


DONE, STOPPED = Status("done"), Status("stopped")
DIVERGED = Status(
    "diverged",
    "its loss became NaN; the best code before that is kept. Lower the learning rate,"
    " or start elsewhere.",
)
_STATUS = {states.RUNNING: DONE, states.STOPPED: STOPPED, states.DIVERGED: DIVERGED}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inversion:
    """The codes of N pictures, and how good they are; arrays on the host.

    Attributes:
      ws: `[N, num_ws, w_dim]`.
      values: `[N, ...]` in the searched space.
      noises: optimized noise maps `[N, H, W]`, coarse to fine; empty otherwise.
      features: `[N, H, W, C]` offset of the space's feature map; None without.
      images: `[N, R, R, 3]` the reconstructions, not clamped.
      measures: by name, `[N]` each: "psnr" in decibels, "lpips" where the network was
        given; after pivotal tuning, those of the pivots as "pivot_psnr"..., and
        "tuning_steps".
      curves: `[S, N]` by the name of the term, unweighted, and the objective as "loss";
        NaN after a picture's last step.
      best_step: `[N]` the step at which the best objective was seen.
      status: N, how each inversion ended.
      targets: `[N, R, R, 3]` the pictures as they were compared, before their colors
        were moved.
      colors: `[N, 2, 2, 3]` of `colors.as_array`, where colors were moved.
      tuned: the tuned generators; None without pivotal tuning.
    """

    ws: np.ndarray
    values: np.ndarray
    noises: tuple[np.ndarray, ...]
    features: np.ndarray | None
    images: np.ndarray
    measures: Mapping[str, np.ndarray]
    curves: Mapping[str, np.ndarray]
    best_step: np.ndarray
    status: tuple[Status, ...]
    targets: np.ndarray
    colors: np.ndarray | None = None
    tuned: Tuned | None = None

    def __len__(self) -> int:
        return len(self.ws)

    def first(self, num: int) -> "Inversion":
        """Returns the first `num` pictures, before they are tuned around."""

        def cut(array):
            return None if array is None else array[:num]

        return dataclasses.replace(
            self,
            ws=self.ws[:num],
            values=self.values[:num],
            noises=tuple(noise[:num] for noise in self.noises),
            features=cut(self.features),
            images=self.images[:num],
            measures={name: rows[:num] for name, rows in self.measures.items()},
            curves={name: rows[:, :num] for name, rows in self.curves.items()},
            best_step=self.best_step[:num],
            status=self.status[:num],
            targets=self.targets[:num],
            colors=cut(self.colors),
        )


def of_codes(codes: np.ndarray) -> tuple[Status, ...]:
    """Translates the numbers `[N]` of `inversion.state` into words."""
    return tuple(_STATUS[int(code)] for code in codes)


def join(parts: Sequence[Inversion]) -> Inversion:
    """Puts batches one behind the other, before they are tuned around.

    Args:
      parts: one at least, of one preset.

    Returns:
      All pictures; curves of batches that ended early are filled up with NaN.
    """
    length = max(len(part.curves["loss"]) for part in parts)

    def rows(name):
        return np.concatenate([getattr(part, name) for part in parts])

    def filled(curve):
        missing = length - len(curve)
        return np.pad(curve, ((0, missing), (0, 0)), constant_values=np.nan)

    first = parts[0]
    return Inversion(
        ws=rows("ws"),
        values=rows("values"),
        noises=jax.tree.map(lambda *x: np.concatenate(x), *[p.noises for p in parts]),
        images=rows("images"),
        measures={
            name: np.concatenate([part.measures[name] for part in parts])
            for name in first.measures
        },
        curves={
            name: np.concatenate([filled(part.curves[name]) for part in parts], axis=1)
            for name in first.curves
        },
        best_step=rows("best_step"),
        status=tuple(status for part in parts for status in part.status),
        targets=rows("targets"),
        colors=None if first.colors is None else rows("colors"),
        features=None if first.features is None else rows("features"),
    )
