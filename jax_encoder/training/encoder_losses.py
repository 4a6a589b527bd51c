"""What encoders are trained by: losses of codes and of the pictures they render.

Richardson et al. 2021 (pSp, arXiv:2008.00951, Section 3.3) and Tov et al. 2021 (e4e,
arXiv:2102.02766, Section 4). All are means over the batch unless they say otherwise.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.training import losses


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much every loss counts; what counts nothing is not computed.

    Attributes:
      l2: mean squared difference of pictures.
      lpips: the learned perceptual distance.
      identity: one minus the cosine of face descriptors.
      w_norm: distance of a code from the mean one.
      delta: length of the differences between rows (e4e).
      adversarial: of the latent discriminator (e4e).
      code: squared difference from a known code.
    """

    l2: float = 1.0
    lpips: float = 0.8
    identity: float = 0.1
    w_norm: float = 0.0
    delta: float = 0.0
    adversarial: float = 0.0
    code: float = 0.0

    def __post_init__(self):
        wrong = {k: v for k, v in dataclasses.asdict(self).items() if v < 0}
        if wrong:
            raise InputError(f"Weights of losses must not be negative: got {wrong}.")

    @property
    def has_pictures(self) -> bool:
        """Whether codes must be rendered."""
        return max(self.l2, self.lpips, self.identity) > 0


def progressive(ws: jax.Array, stage: jax.Array | int) -> jax.Array:
    """Puts the first row in the place of those that are not unlocked yet.

    Args:
      ws: `[N, num_ws, w_dim]`.
      stage: the last unlocked row, a scalar.

    Returns:
      `[N, num_ws, w_dim]`.
    """
    is_unlocked = jnp.arange(ws.shape[1]) <= stage
    return jnp.where(is_unlocked[None, :, None], ws, ws[:, :1])


def l2(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns the mean squared difference of pictures, a scalar."""
    return jnp.mean(jnp.square(images - targets))


def identity(descriptors: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns one minus the mean cosine of descriptors `[N, D]` of unit length."""
    return 1.0 - jnp.mean(jnp.sum(descriptors * targets, axis=1))


def w_norm(ws: jax.Array, latent_avg: jax.Array | None = None) -> jax.Array:
    """Returns the mean distance of codes from the mean code, a scalar.

    Args:
      ws: `[N, num_ws, w_dim]`.
      latent_avg: `[num_ws, w_dim]`; None to measure from zero.
    """
    if latent_avg is not None:
        ws = ws - latent_avg[None]
    return jnp.mean(_lengths(ws, (1, 2)))


def delta(ws: jax.Array, stage: jax.Array | int | None = None) -> jax.Array:
    """Returns the summed lengths of differences to the first row (e4e, Eq. 7).

    Args:
      ws: `[N, num_ws, w_dim]`.
      stage: the last row that counts, a scalar; None for all.

    Returns:
      the sum over rows of the mean over pictures, a scalar.
    """
    means = jnp.mean(_lengths(ws - ws[:, :1], (2,)), axis=0)
    return jnp.sum(jnp.where(_counts(ws, stage), means, 0.0))


def adversarial(logits: jax.Array, stage: jax.Array | int | None = None) -> jax.Array:
    """Returns how little codes look like mapped ones (e4e, Eq. 5).

    Args:
      logits: `[N, num_ws]` of a latent discriminator, row by row.
      stage: the last row that counts, a scalar; None for all.

    Returns:
      the mean over pictures and counted rows, a scalar.
    """
    rows = jax.vmap(losses.generator_loss, in_axes=1)(logits)
    counted = _counts(logits, stage)
    return jnp.sum(jnp.where(counted, rows, 0.0)) / jnp.sum(counted)


def code(
    ws: jax.Array,
    targets: jax.Array,
    is_known: jax.Array,
    metric: jax.Array | None = None,
) -> jax.Array:
    """Returns how far codes are from known ones.

    Args:
      ws: `[N, num_ws, w_dim]`.
      targets: of the same shape.
      is_known: `[N]`, one where the target counts, else zero.
      metric: `[w_dim, w_dim]`, how much a difference of w matters; None for the
        identity over `w_dim`, which makes it the mean squared difference.

    Returns:
      the mean over rows and known pictures, a scalar; zero where none is known.
    """
    apart = ws - targets
    pulled = apart / ws.shape[2] if metric is None else apart @ metric
    each = jnp.mean(jnp.sum(apart * pulled, axis=2), axis=1)
    return jnp.sum(each * is_known) / jnp.maximum(jnp.sum(is_known), 1.0)


def total(terms: dict[str, jax.Array], weights: LossWeights) -> jax.Array:
    """Returns the weighted sum of scalar losses, by the names of their weights."""
    return sum(
        (getattr(weights, name) * value for name, value in terms.items()),
        start=jnp.zeros(()),
    )


def _counts(rows: jax.Array, stage: jax.Array | int | None) -> jax.Array:
    numbers = jnp.arange(rows.shape[1])
    return numbers <= (rows.shape[1] - 1 if stage is None else stage)


def _lengths(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """Euclidean lengths, whose gradient at zero is zero."""
    squares = jnp.sum(jnp.square(x), axis=axes)
    is_zero = squares == 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, squares)))
