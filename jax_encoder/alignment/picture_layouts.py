"""Whether a picture is laid out as most pictures of its folder are.

A typical picture is moved in many ways (turned, enlarged, shifted); how gradients are
spread over a picture tells which of these moves it looks like. The moves are classes of
a linear discriminant (Fisher 1936) with a common covariance, so whatever kind of
picture the folder holds, a few hundred of them teach what its layout is.
"""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import ndimage

from jax_encoder.errors import InputError

SIDE = 64
"""Pixels of the squares that are looked at."""

_CELL = 4
_RIDGE = 0.1
_NUM_LEARNT = 200


@dataclasses.dataclass(frozen=True)
class Move:
    """How a picture is moved.

    Attributes:
      degrees: turned, counterclockwise.
      log_scale: enlarged by the exponential of this.
      right: shifted, as a share of the side.
      down: shifted, as a share of the side.
    """

    degrees: float = 0.0
    log_scale: float = 0.0
    right: float = 0.0
    down: float = 0.0

    def __str__(self) -> str:
        parts = [
            f"turned {self.degrees:+.0f}" if self.degrees else "",
            f"size {np.exp(self.log_scale):.2f}" if self.log_scale else "",
            f"{abs(self.right):.0%} {'right' if self.right > 0 else 'left'}"
            if self.right
            else "",
            f"{abs(self.down):.0%} {'down' if self.down > 0 else 'up'}"
            if self.down
            else "",
        ]
        return ", ".join(filter(None, parts)) or "as most are"


_SHIFTS = (-0.13, 0.0, 0.13)
MOVES = (
    *itertools.starmap(
        Move, itertools.product((-25.0, 0.0, 25.0), (-0.3, 0.0, 0.3), _SHIFTS, _SHIFTS)
    ),
    *(Move(degrees=degrees) for degrees in (-90.0, -50.0, 50.0, 90.0, 180.0)),
)
"""Every turn at every scale and place, and turns on the spot; one moves nothing."""

_IDENTITY = MOVES.index(Move())


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureLayout:
    """What pictures of a folder look like when they are moved.

    Attributes:
      weights: `[F, K]` of the K moves.
      offsets: `[K]`.
      precision: `[F, F]`, the inverse of the common covariance.
    """

    weights: jax.Array
    offsets: jax.Array
    precision: jax.Array


def learn(
    pictures: np.ndarray, *, num: int = _NUM_LEARNT, seed: int = 0
) -> PictureLayout:
    """Learns how pictures are laid out.

    Args:
      pictures: `[N, H, W, 3]` in [-1, 1], at least 8; a few that are laid out otherwise
        do no harm.
      num: as many are looked at, of those drawn at random.
      seed: of the choice.

    Returns:
      The layout.

    Raises:
      ValueError: fewer than 8 pictures.
    """
    if len(pictures) < 8:
        raise InputError(
            f"A layout is learnt from 8 pictures or more: {len(pictures)}."
        )
    chosen = np.random.default_rng(seed).permutation(len(pictures))[:num]
    gray = _gray(jnp.asarray(pictures[chosen]))
    rows = np.stack(
        [
            np.asarray(_gradients(_moved(gray, jnp.asarray(dataclasses.astuple(move)))))
            for move in MOVES
        ]
    )
    means = rows.mean(axis=1)
    inner = (rows - means[:, None]).reshape(-1, rows.shape[-1]).astype(np.float64)
    scatter = inner.T @ inner / len(inner)
    ridge = _RIDGE * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    precision = np.linalg.inv(scatter + ridge)
    weights = precision @ means.T.astype(np.float64)
    offsets = -0.5 * np.sum(means.T * weights, axis=0)
    return PictureLayout(
        weights=jnp.asarray(weights, jnp.float32),
        offsets=jnp.asarray(offsets, jnp.float32),
        precision=jnp.asarray(precision, jnp.float32),
    )


@jax.jit
def judge(
    layout: PictureLayout, pictures: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Tells how pictures are moved.

    Args:
      layout: of their folder.
      pictures: `[N, H, W, 3]` in [-1, 1].

    Returns:
      Evidence `[N]`, the logarithm of how much likelier the best move is than none:
      above 0 where a picture is laid out otherwise; the number `[N]` of the best of
      `MOVES`; and how strange `[N]` the picture is even then, the squared Mahalanobis
      distance to the mean of that move.
    """
    rows = _gradients(_gray(pictures))
    scores = rows @ layout.weights + layout.offsets[None]
    others = scores.at[:, _IDENTITY].set(-jnp.inf)
    evidence = jnp.max(others, axis=1) - scores[:, _IDENTITY]
    length = jnp.sum((rows @ layout.precision) * rows, axis=1)
    return evidence, jnp.argmax(scores, axis=1), length - 2 * jnp.max(scores, axis=1)


def _gray(pictures: jax.Array) -> jax.Array:
    """`[N, SIDE, SIDE]`, of mean 0 and deviation 1."""
    shape = (len(pictures), SIDE, SIDE, pictures.shape[-1])
    resized = jax.image.resize(pictures, shape, "linear", antialias=True)
    gray = resized @ jnp.asarray([0.299, 0.587, 0.114])
    mean = jnp.mean(gray, axis=(1, 2), keepdims=True)
    return (gray - mean) / (jnp.std(gray, axis=(1, 2), keepdims=True) + 0.04)


@jax.jit
def _moved(gray: jax.Array, move: jax.Array) -> jax.Array:
    """Moves pictures `[N, SIDE, SIDE]`; their edges are continued outwards."""
    degrees, log_scale, right, down = move
    center = (SIDE - 1) / 2
    line = jnp.arange(SIDE, dtype=jnp.float32) - center
    x, y = line[None, :] - right * SIDE, line[:, None] - down * SIDE
    angle, scale = jnp.deg2rad(degrees), jnp.exp(-log_scale)
    columns = scale * (jnp.cos(angle) * x - jnp.sin(angle) * y) + center
    rows = scale * (jnp.sin(angle) * x + jnp.cos(angle) * y) + center
    sample = functools.partial(ndimage.map_coordinates, order=1, mode="nearest")
    return jax.vmap(lambda picture: sample(picture, [rows, columns]))(gray)


@jax.jit
def _gradients(gray: jax.Array) -> jax.Array:
    """`[N, F]` of unit length: gradients to four sides, averaged over cells."""
    right = jnp.pad(gray[:, :, 2:] - gray[:, :, :-2], ((0, 0), (0, 0), (1, 1)), "edge")
    down = jnp.pad(gray[:, 2:] - gray[:, :-2], ((0, 0), (1, 1), (0, 0)), "edge")
    sides = [jax.nn.relu(part) for part in (right, -right, down, -down)]
    num = SIDE // _CELL
    cells = jnp.stack(sides, axis=-1).reshape(-1, num, _CELL, num, _CELL, len(sides))
    rows = jnp.mean(cells, axis=(2, 4)).reshape(len(gray), -1)
    return rows / (jnp.linalg.norm(rows, axis=1, keepdims=True) + 1e-6)
