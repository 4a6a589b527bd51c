"""Weights for an LPIPS-like distance, from pairs of faces of known difference.

Zhang et al. (2018, arXiv:1801.03924) weight the channels of a feature network by what
people see. Here the truth is the distance of the faces' attributes: the weights are
such that its square is as nearly as possible proportional to the perceptual distance,
over pairs that differ in little to everything.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jax_encoder.avatars import attribute_network as attributes_lib
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.errors import InputError
from jax_encoder.nn import lpips, vgg

_FLOOR = 1e-8


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """Options of `calibrate`.

    Attributes:
      num_pairs: pairs of faces to learn from.
      resolution: of their renderings.
      batch_size: pairs rendered at once.
      num_steps: of Adam on the weights.
      learning_rate: of Adam.
    """

    num_pairs: int = 4096
    resolution: int = 64
    batch_size: int = 64
    num_steps: int = 2000
    learning_rate: float = 0.02

    def __post_init__(self):
        if self.num_pairs % self.batch_size:
            raise InputError(
                "`num_pairs` must be a multiple of `batch_size`: got"
                f" {self.num_pairs} and {self.batch_size}."
            )


def draw_pairs(key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
    """Draws pairs of faces that differ in some attributes, by any amount.

    Of each pair a share of the attributes, itself drawn uniformly, moves from the first
    face towards those of another person, by a uniform fraction of the way. Binary ones
    move wholly or not at all.

    Args:
      key: PRNG key.
      num: pairs to draw.

    Returns:
      two arrays of attributes `[num, K]`.
    """
    people, shares, choices, moves = jax.random.split(key, 4)
    first, other = jnp.split(face_attributes.sample(people, 2 * num), 2)
    share = jax.random.uniform(shares, (num, 1))
    is_moved = jax.random.uniform(choices, first.shape) < share
    fraction = jax.random.uniform(moves, (num, 1))
    gap = other - first
    around = gap - jnp.round(gap)  # The shorter way round the circle.
    gap = jnp.where(face_attributes.IS_CIRCULAR[None], around, gap)
    moved = first + fraction * gap
    moved = jnp.where(face_attributes.IS_CIRCULAR[None], moved % 1.0, moved)
    moved = jnp.where(face_attributes.IS_BINARY[None], other, moved)
    return first, jnp.where(is_moved, moved, first)


def attribute_distance(attributes_a: jax.Array, attributes_b: jax.Array) -> jax.Array:
    """How different two faces are.

    Args:
      attributes_a: `[N, K]`.
      attributes_b: `[N, K]`.

    Returns:
      `[N]`: the root mean square, over the attributes, of their differences in standard
      deviations of the population. An attribute counts where it shows in both faces.
    """
    apart = attributes_lib.differences(attributes_a, attributes_b)
    apart = apart / attributes_lib.deviations()[None]
    shown = face_attributes.visible(attributes_a) * face_attributes.visible(
        attributes_b
    )
    return jnp.sqrt(jnp.mean(jnp.square(apart) * shown, axis=1))


def channel_distances(
    distance: lpips.LPIPS, images_a: jax.Array, images_b: jax.Array
) -> jax.Array:
    """What every channel adds to an uncalibrated distance.

    Args:
      distance: with equal weights.
      images_a: `[N, H, W, 3]` in [-1, 1].
      images_b: likewise.

    Returns:
      `[N, C]`, over the channels of all taps one after the other.
    """
    pairs = zip(distance.features(images_a), distance.features(images_b), strict=True)
    squares = [jnp.sum(jnp.square(a - b), axis=(1, 2)) for a, b in pairs]
    return jnp.concatenate(squares, axis=1)


@functools.partial(jax.jit, static_argnames="config")
def fit(
    channels: jax.Array, distances: jax.Array, config: CalibrationConfig
) -> tuple[jax.Array, jax.Array]:
    """Finds weights, none negative, whose sum follows the squared distances.

    Args:
      channels: `[N, C]` from `channel_distances`.
      distances: `[N]` from `attribute_distance`.
      config: the options.

    Returns:
      the weights `[C]`, and the losses `[num_steps]`: mean squared errors of the
      logarithm.
    """
    scale = jnp.mean(channels) * channels.shape[1]
    targets = 2.0 * jnp.log(distances + 1e-3)
    optimizer = optax.adam(
        optax.cosine_decay_schedule(config.learning_rate, config.num_steps)
    )

    def loss(logits):
        total = channels @ jnp.exp(logits)
        return jnp.mean(jnp.square(jnp.log(total + 1e-6) - targets))

    def body(carry, _):
        logits, state = carry
        value, gradient = jax.value_and_grad(loss)(logits)
        updates, state = optimizer.update(gradient, state)
        return (logits + updates, state), value

    start = jnp.full(channels.shape[1], -jnp.log(scale + _FLOOR))
    carry = (start, optimizer.init(start))
    (logits, _), losses = jax.lax.scan(body, carry, length=config.num_steps)
    return jnp.exp(logits), losses


def calibrate(
    network: vgg.VGG, key: jax.Array, config: CalibrationConfig
) -> lpips.LPIPS:
    """Makes a perceptual distance of a feature network.

    Args:
      network: trained to read attributes.
      key: PRNG key of the pairs.
      config: the options.

    Returns:
      the distance, with the network's own convolutions; about the squared
      `attribute_distance`.
    """
    plain = lpips.from_vgg(network)
    channels, distances = measure(plain, key, config)
    weights, _ = fit(channels, distances, config)
    return with_weights(plain, weights)


def measure(
    distance: lpips.LPIPS, key: jax.Array, config: CalibrationConfig
) -> tuple[jax.Array, jax.Array]:
    """Draws and compares pairs of faces.

    Returns:
      `channel_distances` `[num_pairs, C]` and `attribute_distance` `[num_pairs]`.
    """
    pairs = draw_pairs(key, config.num_pairs)
    parts = []
    for i in range(0, config.num_pairs, config.batch_size):
        part = [rows[i : i + config.batch_size] for rows in pairs]
        parts.append(_compare(distance, *part, config.resolution))
    return jnp.concatenate(parts), attribute_distance(*pairs)


def with_weights(distance: lpips.LPIPS, weights: jax.Array) -> lpips.LPIPS:
    """Returns the distance with learnt weights `[C]` of the channels of all taps."""
    config = dataclasses.replace(distance.config, is_calibrated=True)
    calibrated = nnx.eval_shape(lambda: lpips.LPIPS(config, rngs=nnx.Rngs(0)))
    calibrated.trunk = distance.trunk
    ends = np.cumsum(config.widths)
    if weights.shape != (ends[-1],):
        raise InputError(f"`weights` must be [{ends[-1]}]: got {weights.shape=}.")
    for index, part in enumerate(jnp.split(weights, ends[:-1])):
        setattr(calibrated.heads, f"lin{index}", nnx.Param(part))
    return calibrated


@functools.partial(jax.jit, static_argnames="resolution")
def _compare(distance, attributes_a, attributes_b, resolution):
    rows = jnp.concatenate([attributes_a, attributes_b])
    images = face_rendering.render(rows, resolution)
    return channel_distances(distance, *jnp.split(images, 2))
