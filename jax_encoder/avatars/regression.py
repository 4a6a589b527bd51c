"""Bootstrapping a generator by regression on renderings.

Where a renderer can draw what a latent code means, a generator can be taught directly:
z names a face (`people`), the renderer draws it, and the generator imitates the drawing
at every resolution of its skip connections. The mapping network is taught first
(`mapping_lessons`). Nothing is ambiguous, so that the pictures become sharp in a
fraction of the steps that adversarial training needs; that can go on from there.

Rows of w can be taught their usual roles by style mixing (`mixing_probability`): pose
and proportions follow the coarse rows, features the middle ones, colors and light the
fine ones.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jax_encoder.avatars import face_attributes
from jax_encoder.nn import base, stylegan2
from jax_encoder.ops import activation
from jax_encoder.training import ema, pyramid

COARSE = (
    "yaw",
    "pitch",
    "face_width",
    "jaw",
    "hair_length",
    "hair_volume",
    "balding",
    "nose_length",
    "eye_spacing",
    "mouth_width",
)
FINE = (
    "skin_tone",
    "skin_warmth",
    "hair_lightness",
    "hair_redness",
    "graying",
    "eye_color",
    "lip_color",
    "glasses_color",
    "light",
    "background_hue",
    "background_lightness",
    "background_gradient",
    "clothes_hue",
    "clothes_lightness",
)
# First rows of w that middle and fine attributes follow: of the sides 16 and 32.
MIDDLE_ROW, FINE_ROW = 3, 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """Options of the bootstrap.

    Attributes:
      batch_size: pictures per step.
      learning_rate: of Adam.
      num_steps: of the whole bootstrap; the learning rate falls to zero at its end.
      num_cooldown: steps over which it falls.
      mixing_probability: share of the pictures with two parents.
      ema_half_life: of the averaged generator, in pictures.
    """

    batch_size: int = 16
    learning_rate: float = 0.008
    num_steps: int = 10_000
    num_cooldown: int = 2_000
    mixing_probability: float = 0.0
    ema_half_life: float = 3_000.0


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionState:
    """What changes from one step to the next.

    Attributes:
      params: the generator's weights.
      average: their moving average.
      opt_state: of Adam.
      step: steps done.
    """

    params: nnx.State
    average: nnx.State
    opt_state: optax.OptState
    step: jax.Array


def people(z: jax.Array) -> jax.Array:
    """Returns the attributes `[N, K]` of the faces that z `[N, z_dim]` names.

    Like the mapping network it ignores the length of z.
    """
    normals = activation.normalize_second_moment(z)
    return face_attributes.from_normals(normals[:, : face_attributes.NUM_NORMALS])


def optimizer(config: RegressionConfig) -> optax.GradientTransformation:
    """Returns Adam with a linear cool-down."""

    def schedule(step):
        left = (config.num_steps - step) / max(config.num_cooldown, 1)
        return config.learning_rate * jnp.clip(left, 0.0, 1.0)

    return optax.adam(schedule, b1=0.9, b2=0.99)


def init(
    generator: stylegan2.StyleGAN2Generator, config: RegressionConfig
) -> RegressionState:
    """Starts from a generator's weights."""
    params = nnx.state(generator, nnx.Param)
    return RegressionState(
        params=params,
        average=jax.tree.map(jnp.copy, params),
        opt_state=optimizer(config).init(params),
        step=jnp.zeros((), jnp.int32),
    )


def draw(
    key: jax.Array, num: int, z_dim: int, mixing_probability: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draws faces, some of them with two parents.

    Returns:
      z `[2, N, z_dim]`: both parents; first row of the second parent `[N]`, beyond all
      rows where there is only one; attributes `[N, K]`.
    """
    keys = jax.random.split(key, 3)
    z = jax.random.normal(keys[0], (2, num, z_dim))
    is_mixed = jax.random.uniform(keys[1], (num,)) < mixing_probability
    cutoff = jnp.where(jax.random.bernoulli(keys[2], 0.5, (num,)), MIDDLE_ROW, FINE_ROW)
    cutoff = jnp.where(is_mixed, cutoff, 1_000)
    rows = np.full(face_attributes.NUM_ATTRIBUTES, MIDDLE_ROW)
    rows[[face_attributes.index(name) for name in COARSE]] = 0
    rows[[face_attributes.index(name) for name in FINE]] = FINE_ROW
    is_second = rows[None] >= cutoff[:, None]
    attributes = jnp.where(is_second, people(z[1]), people(z[0]))
    return z, cutoff, attributes


def loss(
    generator: stylegan2.StyleGAN2Generator,
    z: jax.Array,
    cutoff: jax.Array,
    targets: jax.Array,
    resolution: int,
) -> jax.Array:
    """Compares every skip output up to `resolution` with the shrunken renderings.

    Args:
      generator: with architecture "skip".
      z: `[2, N, z_dim]` parents.
      cutoff: `[N]` first row of the second parent.
      targets: `[N, R, R, 3]` renderings at the generator's resolution.
      resolution: the last side that counts.

    Returns:
      a scalar.
    """
    num_ws = generator.config.num_ws
    first, second = (generator.mapping(half)[:, None] for half in z)
    is_second = jnp.arange(num_ws)[None] >= cutoff[:, None]
    ws = jnp.where(is_second[..., None], second, first)
    levels = {targets.shape[1]: targets}
    for side in generator.config.resolutions[-2::-1]:
        levels[side] = pyramid.halve(levels[2 * side])
    total = jnp.zeros(())
    for side, _, image in generator.synthesis.stages(ws, "none"):
        assert image is not None
        weight = 1.0 if side == resolution else 0.1
        total = total + weight * pyramid.distance(image, levels[side])
        if side == resolution:
            break
    return total


def step(
    state: RegressionState,
    generator: stylegan2.StyleGAN2Generator,
    z: jax.Array,
    cutoff: jax.Array,
    targets: jax.Array,
    config: RegressionConfig,
    resolution: int,
) -> tuple[RegressionState, jax.Array]:
    """Takes a step of Adam.

    Args:
      state: where the training stands.
      generator: gives the architecture; its weights are not used.
      z: `[2, N, z_dim]`, both parents, as `draw` draws them.
      cutoff: `[N]`, first row of the second parent.
      targets: `[N, R, R, 3]` renderings of the attributes that `draw` drew. They are
        drawn outside, since XLA would fuse the attributes into the drawing's loops.
      config: options.
      resolution: the last side that counts.

    Returns:
      the new state and the loss.
    """
    graphdef, _, rest = nnx.split(generator, nnx.Param, ...)

    def objective(params):
        network = nnx.merge(graphdef, params, rest)
        return loss(network, z, cutoff, targets, resolution)

    value, gradient = jax.value_and_grad(objective)(state.params)
    updates, opt_state = optimizer(config).update(gradient, state.opt_state)
    params: base.Tree = optax.apply_updates(state.params, updates)
    num_seen = state.step * config.batch_size
    factor = ema.decay(
        config.batch_size, config.ema_half_life, num_seen=num_seen, rampup=0.1
    )
    state = RegressionState(
        params=params,
        average=ema.update(state.average, params, factor),
        opt_state=opt_state,
        step=state.step + 1,
    )
    return state, value
