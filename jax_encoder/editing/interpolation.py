"""Paths through several codes: great circles in Z, lines in W, W+ and P; easing; loops.

Every frame has a place on the path: 0 at the first code, 1 at the second, and so on.
A schedule lets each row of W+ travel at its own time within a stretch, so that shape
(the coarse rows) changes first and color (the fine rows) later, or the other way.
"""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.latents import paths, statistics

EASINGS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda t: t,
    # Both rest at the codes: a half period of a cosine, and Perlin's quintic.
    "cosine": lambda t: 0.5 - 0.5 * np.cos(np.pi * t),
    "smooth": lambda t: t**3 * (t * (6.0 * t - 15.0) + 10.0),
}
SPACES = ("z", "w", "w+", "p", "p+")


def places(num_codes: int, num_frames: int, *, is_loop: bool = False) -> np.ndarray:
    """Spreads frames evenly over a path.

    Args:
      num_codes: two or more.
      num_frames: of the whole path.
      is_loop: return to the first code; the last frame is then one step before it, so
        that a film that repeats does not stand still.

    Returns:
      `[num_frames]` between 0 and `num_codes - 1`, or `num_codes` in a loop.

    Raises:
      ValueError: too few codes or frames.
    """
    if num_codes < 2 or num_frames < 2:
        raise InputError(
            "A path needs two codes and two frames at least: got"
            f" {num_codes} codes, {num_frames} frames."
        )
    if is_loop:
        return np.arange(num_frames) * (num_codes / num_frames)
    return np.linspace(0.0, num_codes - 1.0, num_frames)


def back_and_forth(num_frames: int, easing: str = "cosine") -> np.ndarray:
    """Shares from 0 to 1 and back to 0, for a film that repeats without a jump.

    Args:
      num_frames: of the whole film; its first frame is at 0, none at 0 ends it.
      easing: of `EASINGS`.

    Returns:
      `[num_frames]` in [0, 1].
    """
    t = np.arange(num_frames) * (2.0 / max(num_frames, 1))
    return ease(np.where(t <= 1.0, t, 2.0 - t), easing)


def ease(t: np.ndarray, easing: str) -> np.ndarray:
    """Applies an easing of `EASINGS` to shares in [0, 1].

    Raises:
      ValueError: there is no such easing.
    """
    if easing not in EASINGS:
        raise InputError(f"`easing` is one of {tuple(EASINGS)}, got {easing!r}.")
    return EASINGS[easing](np.asarray(t, np.float64))


def schedule(name: str, num_ws: int, *, overlap: float = 0.5) -> np.ndarray:
    """When every row travels within a stretch.

    Args:
      name: "together", "coarse-first" (shape, then color) or "fine-first".
      num_ws: rows.
      overlap: the share of the stretch that one row takes, in (0, 1]. At 1 all rows
        travel together; near 0 one after the other.

    Returns:
      `[num_ws, 2]`: the row starts at the first share of the stretch and arrives at the
      second.

    Raises:
      ValueError: there is no such schedule, or the overlap is out of range.
    """
    if not 0.0 < overlap <= 1.0:
        raise InputError(f"`overlap` must be in (0, 1], got {overlap}.")
    if name == "together":
        return np.tile([0.0, 1.0], (num_ws, 1))
    if name not in ("coarse-first", "fine-first"):
        raise InputError(
            f"A schedule is together, coarse-first or fine-first; got {name!r}."
        )
    starts = np.linspace(0.0, 1.0 - overlap, num_ws)
    starts = starts if name == "coarse-first" else starts[::-1]
    return np.stack([starts, starts + overlap], axis=1)


def path(
    values: np.ndarray,
    where: np.ndarray,
    *,
    space: str,
    easing: str = "linear",
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Finds the codes at places of a path.

    Args:
      values: `[K, D]`, or `[K, num_ws, D]` in W+ and P+.
      where: `[F]` of `places`; place K is the first code again.
      space: "z" goes along great circles, with lengths in between; "w" and "w+" along
        straight lines; "p" and "p+" take values of W and W+ and go straight in P, the
        space before the mapping's last activation.
      easing: of `EASINGS`, within every stretch.
      rows: `[num_ws, 2]` of `schedule`; W+ and P+ only.

    Returns:
      `[F, D]` or `[F, num_ws, D]`: values of Z, W or W+.

    Raises:
      ValueError: an unknown space or easing, or rows where there are none.
    """
    values = np.asarray(values, np.float32)
    if space not in SPACES:
        raise InputError(f"`space` is one of {SPACES}, got {space!r}.")
    if rows is not None and values.ndim != 3:
        raise InputError("Only codes with several rows (W+) can move row by row.")
    first = np.floor(where).astype(int) % len(values)
    share = (np.asarray(where, np.float64) % 1.0)[:, None]
    if rows is not None:
        share = (share - rows[None, :, 0]) / (rows[None, :, 1] - rows[None, :, 0])
    share = ease(np.clip(share, 0.0, 1.0), easing).astype(np.float32)
    share = jnp.asarray(share.reshape(len(share), *(-1, 1)[3 - values.ndim :]))
    a, b = jnp.asarray(values[first]), jnp.asarray(values[(first + 1) % len(values)])
    if space == "z":
        lengths = paths.lerp(_length(a), _length(b), share)
        return np.asarray(paths.slerp(a, b, share) * lengths)
    if space.startswith("p"):
        a, b = statistics.w_to_p(a), statistics.w_to_p(b)
        return np.asarray(statistics.p_to_w(paths.lerp(a, b, share)))
    return np.asarray(paths.lerp(a, b, share))


def at(values: np.ndarray, shape: float, color: float) -> np.ndarray:
    """Finds the code whose coarse rows are at one place of a path, the fine at another.

    Args:
      values: `[K, num_ws, D]` in W+.
      shape: the place of the coarser half of the rows, 0 to `K - 1`; pose and shape
        come from them.
      color: the place of the finer half.

    Returns:
      `[num_ws, D]`.

    Raises:
      ValueError: codes of one row, or a place beyond the path.
    """
    values = np.asarray(values, np.float32)
    if values.ndim != 3:
        raise InputError(f"Only codes with several rows have halves: {values.shape}.")
    if not all(0.0 <= place <= len(values) - 1.0 for place in (shape, color)):
        raise InputError(
            f"Places lie in 0 to {len(values) - 1} on this path, got {shape} and"
            f" {color}."
        )
    coarse, fine = path(values, np.array([shape, color]), space="w+")
    half = values.shape[1] // 2
    return np.concatenate([coarse[:half], fine[half:]])


def _length(z):
    return jnp.linalg.norm(z, axis=-1, keepdims=True)
