"""How inversions move: where a search is among the samples, step by step."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.launch import command_line
from jax_encoder.inversion import inverter, presets, schedules, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.latents import spaces, statistics
from jax_encoder.nn import base

DEFAULT = "z,w,w+,p_n:0.01,p_n:0.001"
_OBJECTIVE = (terms.Pixel(weight=10.0), terms.Perceptual())


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathSearch:
    """A space to search, and how strongly its codes are kept among the samples.

    Attributes:
      name: as it was asked for.
      space: what is searched, of `spaces.names()`.
      prior: weight of the P_N prior (arXiv:2012.09036, Eq. 4); 0 for none.
      drawn_in: the space of `latent_samples.TITLES` in which it is shown.
    """

    name: str
    space: str
    prior: float
    drawn_in: str

    def config(self, num_steps: int, rate: float) -> ProjectorConfig:
        """What the projector does: Adam, pixels and LPIPS, and the prior."""
        prior = (terms.LatentPrior(weight=self.prior),) if self.prior else ()
        return ProjectorConfig(
            space=self.space,
            num_steps=num_steps,
            terms=(*_OBJECTIVE, *prior),
            schedule=schedules.CosineRamps(learning_rate=rate),
            keep="last",
        )

    @property
    def title(self) -> str:
        """The space, and lambda where there is a prior."""
        shown = {"z": "Z", "w": "W", "w+": "W+", "p": "P", "p+": "P+", "p_n+": "P_N"}
        name = shown.get(self.space, self.space)
        return f"{name}, lambda {self.prior:g}" if self.prior else name


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Trail:
    """Where a search was after every few steps.

    Attributes:
      search: the search.
      steps: `[F]` steps done.
      places: `[F, N, K, D]` in the space where it is drawn; K rows, or one.
      images: `[F, N, R, R, C]` clipped to [-1, 1].
      psnr: `[F, N]` in decibels.
      strangeness: `[F, N]` the root mean square of the code in P_N; 1 is what the
        generator's own codes have.
    """

    search: PathSearch
    steps: np.ndarray
    places: np.ndarray
    images: np.ndarray
    psnr: np.ndarray
    strangeness: np.ndarray


def parse(text: str) -> list[PathSearch]:
    """Reads "z,w,w+,p_n:0.01": spaces, and lambda after a colon.

    P_N is searched with a row per layer, as its publication does.

    Raises:
      UsageError: it does not read so.
    """
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, prior = part.partition(":")
        space = "p_n+" if name == "p_n" else name
        drawn_in = space.rstrip("+")
        known = [n for n in spaces.names() if n.rstrip("+") in ("z", "w", "p", "p_n")]
        try:
            weight = float(prior or 0)
        except ValueError:
            weight = -1.0
        if space not in known or not 0 <= weight < 1e6:
            raise command_line.UsageError(
                f"--searches: {part!r} is none of {', '.join(known)}, with :LAMBDA"
                " behind it where the P_N prior is wanted."
            )
        found.append(
            PathSearch(name=part, space=space, prior=weight, drawn_in=drawn_in)
        )
    return found


def follow(
    search: PathSearch,
    generator: base.Generator,
    lpips: base.PerceptualDistance,
    latent_statistics: statistics.LatentStatistics,
    targets: np.ndarray,
    *,
    num_steps: int = 200,
    every: int = 5,
    rate: float = 0.05,
) -> Trail:
    """Inverts pictures and keeps where it was.

    Args:
      search: what to search.
      generator: the network.
      lpips: the perceptual distance.
      latent_statistics: statistics of the generator, with those of P.
      targets: `[N, R, R, C]` in [-1, 1], at the generator's resolution.
      num_steps: gradient steps.
      every: steps between two places of the trail.
      rate: the largest learning rate.

    Raises:
      ValueError: the targets do not fit the generator.
    """
    preset = presets.Preset(name="trail", config=search.config(num_steps, rate))
    engine = inverter.Inverter(
        generator, preset, {"lpips": lpips}, statistics=latent_statistics, chunk=every
    ).batch
    state = engine.init(targets)
    frames = [_frame(search, engine, targets, state, latent_statistics)]
    for latest, _ in engine.iterate(targets, state):
        frames.append(_frame(search, engine, targets, latest, latent_statistics))
    columns = [np.stack(column) for column in zip(*frames, strict=True)]
    return _trail(search, columns)


def _trail(search: PathSearch, columns: Sequence[np.ndarray]) -> Trail:
    names = ("steps", "places", "images", "psnr", "strangeness")
    return Trail(search=search, **dict(zip(names, columns, strict=True)))


def _frame(search: PathSearch, engine, targets, state, latent_statistics) -> tuple:
    """A step number, places, pictures and measures."""
    result = engine.finish(targets, state)
    drawn: Any = spaces.get(search.drawn_in)
    if search.drawn_in == "z":
        places = np.asarray(result.values)[:, None]
    else:
        places = np.asarray(drawn.from_w(jnp.asarray(result.ws), latent_statistics))
        places = places if search.space.endswith("+") else places[:, :1]
    p_n: object = spaces.get("p_n+")
    white = np.asarray(p_n.from_ws(jnp.asarray(result.ws), latent_statistics))
    strangeness = np.sqrt(np.mean(np.square(white), axis=(1, 2)))
    shown = np.clip(result.images, -1.0, 1.0)
    step = np.asarray(int(state.projector.step))
    return step, places, shown, result.measures["psnr"], strangeness


def ends(trail: Trail) -> Iterator[str]:
    """What every picture's search ended at, in words."""
    for psnr, strangeness in zip(trail.psnr[-1], trail.strangeness[-1], strict=True):
        yield f"PSNR {psnr:.1f} dB, RMS in P_N {strangeness:.2f}"
