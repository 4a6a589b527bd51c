"""Ways to invert, run at equal evaluations or equal seconds, and what they cost."""

import dataclasses
import time
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.inversion import batch_inverter, presets, results, terms
from jax_encoder.inversion.state import Models
from jax_encoder.metrics import pairs

PIXEL_WEIGHT = 10.0
"""The objective in which all are compared is 10 x MSE + LPIPS."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Attempt:
    """What one way to invert made of the targets.

    Attributes:
      name: of the preset or the peer.
      ws: `[N, num_ws, w_dim]`.
      images: `[N, R, R, C]`, not clamped.
      objective: `[S, N]` the least objective so far at every evaluation.
      seconds: `[S]` processor seconds up to there, for all pictures, without compiling.
      features: `[N, H, W, C]` offset of a feature map; None without.
    """

    name: str
    ws: np.ndarray
    images: np.ndarray
    objective: np.ndarray
    seconds: np.ndarray
    features: np.ndarray | None = None


Peer = Callable[[Models, np.ndarray, int | None], Attempt]
"""From the networks, targets and a number of steps, or None, to an attempt."""


def measured(preset: presets.Preset) -> presets.Preset:
    """The preset, with terms of weight 0 for what all are compared by."""
    has = {type(term) for term in preset.config.terms}
    added = [kind(weight=0.0) for kind in (terms.Pixel, terms.Perceptual)]
    more = tuple(term for term in added if type(term) not in has)
    config = dataclasses.replace(preset.config, terms=(*preset.config.terms, *more))
    grid = preset.weight_grid
    if grid:  # The weights of the added terms are not tried.
        grid = (*grid, *((0.0,) for _ in more))
    return dataclasses.replace(preset, config=config, weight_grid=grid)


def run(
    preset: presets.Preset,
    models: Models,
    targets: np.ndarray,
    *,
    num_steps: int | None,
    seconds: float | None = None,
    seed: int = 0,
    chunk: int = 10,
) -> Attempt:
    """Inverts the targets by a preset.

    Args:
      preset: the method.
      models: the frozen networks.
      targets: `[N, R, R, C]`.
      num_steps: gradient evaluations, those that try weights included; None for the
        preset's own.
      seconds: of the processor, after which no further chunk begins; None for none.
      seed: of what is random.
      chunk: steps between two looks at the clock.

    Returns:
      The attempt.
    """
    changed = measured(preset).changed(num_steps=num_steps)
    fitted = changed.fitted(models.generator.config)
    engine = batch_inverter.BatchInverter(models=models, preset=fitted, chunk=chunk)
    key = jax.random.key(seed)
    _warm_up(engine, targets, key)
    begin = time.process_time()
    state = engine.init(targets, key=key)
    rows, clock = [], []
    for latest, curves in engine.iterate(targets, state):
        state = jax.block_until_ready(latest)
        rows.append(objective(curves.by_name()))
        clock += [time.process_time() - begin] * len(rows[-1])
        if seconds is not None and clock[-1] >= seconds:
            break
    found = engine.finish(targets, state)
    losses, clock = np.concatenate(rows), np.asarray(clock)
    if fitted.pivotal is not None:
        found = engine.tune(found, key)
        losses, clock = _with_tuning(found, losses, clock, time.process_time() - begin)
    return Attempt(
        name=preset.name,
        ws=found.ws,
        images=found.images,
        objective=least_so_far(losses),
        seconds=clock,
        features=found.features,
    )


def enter(
    contestant: presets.Preset | tuple[str, Peer],
    models: Models,
    targets: np.ndarray,
    *,
    num_steps: int | None,
    seconds: float | None,
) -> Attempt:
    """Lets a preset or a peer invert the targets; as `run`.

    A peer takes steps as many as it likes where no number is given; of seconds it
    knows nothing.
    """
    if isinstance(contestant, presets.Preset):
        return run(contestant, models, targets, num_steps=num_steps, seconds=seconds)
    _, peer = contestant
    return peer(models, targets, num_steps)


def _with_tuning(found: results.Inversion, losses, clock, seconds: float):
    """Adds one entry for the tuned generators, whose steps are no evaluations of w."""
    shown, wanted = jnp.clip(jnp.asarray(found.images), -1, 1), found.targets
    pixels = np.asarray(pairs.mse(shown, jnp.asarray(wanted)))
    last = PIXEL_WEIGHT * pixels + found.measures["lpips"]
    return np.concatenate([losses, last[None]]), np.append(clock, seconds)


def _warm_up(engine: batch_inverter.BatchInverter, targets, key) -> None:
    """Compiles what runs first, on a state that is thrown away."""
    next(engine.iterate(targets, engine.init(targets, key=key)))


def objective(curves: Mapping[str, jax.Array | np.ndarray]) -> np.ndarray:
    """The objective `[S, N]` in which all are compared, of curves by name."""
    return np.asarray(PIXEL_WEIGHT * curves["pixel"] + curves["lpips"])


def least_so_far(losses: np.ndarray) -> np.ndarray:
    """The least of all losses up to every step; NaN counts as infinite."""
    return np.minimum.accumulate(np.where(np.isnan(losses), np.inf, losses), axis=0)


def time_to(attempt: Attempt, level: np.ndarray) -> np.ndarray:
    """The seconds a picture took to come down to its level, `[N]`; NaN if never.

    All pictures of an attempt were worked on in turn: each gets its share of the
    seconds.
    """
    reached = attempt.objective <= level[None]
    first = np.argmax(reached, axis=0)
    share = attempt.seconds[first] / attempt.objective.shape[1]
    return np.where(reached.any(axis=0), share, np.nan)
