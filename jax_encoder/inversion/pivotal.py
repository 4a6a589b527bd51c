"""Pivotal tuning: the generator itself is tuned around fixed codes.

Roich et al. 2021, "Pivotal Tuning for Latent-based Editing of Real Images",
arXiv:2106.05744. The codes ("pivots") stay; the weights move until the pictures match,
and a regularizer holds the generator in place around them (Section 3.3).
"""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.inversion import objectives, rendering
from jax_encoder.inversion.state import Models
from jax_encoder.latents import sampling, styles
from jax_encoder.nn import base, checks, frozen


@dataclasses.dataclass(frozen=True, kw_only=True)
class PivotalConfig:
    """Options of `tune`; hashable, hence static under `jax.jit`.

    Attributes:
      num_steps: at most.
      learning_rate: of Adam.
      pixel_weight: of the mean squared difference.
      perceptual_weight: of the perceptual distance, at full resolution.
      network: the perceptual network's name among the networks.
      stop_below: a picture is done when its perceptual distance is at or below this,
        tested before the update; 0 never stops.
      tuned: a regular expression on the paths of the parameters ("synthesis.b4...").
      shares_weights: one generator for all pictures, instead of one for each.
      num_parallel: generators tuned at once; each needs its own memory.
      locality_weight: of the locality regularizer; 0 leaves it out.
      locality_samples: random codes per step.
      locality_alpha: distance from the pivot at which the generator is held (Eq. 4).
      locality_pixel_weight: of the mean squared difference inside the regularizer.
      locality_perceptual_weight: of the perceptual distance inside the regularizer.
    """

    num_steps: int = 350
    learning_rate: float = 3e-4
    pixel_weight: float = 1.0
    perceptual_weight: float = 1.0
    network: str = "lpips"
    stop_below: float = 0.06
    tuned: str = ".*"
    shares_weights: bool = False
    num_parallel: int = 1
    locality_weight: float = 0.0
    locality_samples: int = 1
    locality_alpha: float = 30.0
    locality_pixel_weight: float = 0.1
    locality_perceptual_weight: float = 0.1

    def __post_init__(self):
        checks.check_whole(self.num_steps, "num_steps", low=1)
        re.compile(self.tuned)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """What pivotal tuning found.

    Attributes:
      parameters: the tuned weights; with a leading axis `[N]` unless shared.
      images: `[N, R, R, 3]` of the tuned generator.
      perceptual: `[steps, N]` the distance before every step; NaN after the stop.
      pixel: `[steps, N]` the mean squared difference before every step, likewise.
      num_steps: `[N]` steps until the picture was done.
    """

    parameters: base.Tree
    images: jax.Array
    perceptual: jax.Array
    pixel: jax.Array
    num_steps: jax.Array


def split(
    generator: base.Generator, tuned: str
) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
    """Divides a generator into its structure, what is tuned, and what stays.

    Args:
      generator: any nnx module.
      tuned: a regular expression on the dotted paths of the parameters.

    Returns:
      (graphdef, tuned state, other state), for `nnx.merge`.

    Raises:
      ValueError: no parameter's path matches.
    """
    pattern = re.compile(tuned)

    def is_tuned(path, variable):
        name = ".".join(str(part) for part in path)
        return isinstance(variable, nnx.Param) and bool(pattern.match(name))

    graphdef, chosen, rest = nnx.split(generator, is_tuned, ...)
    if not jax.tree.leaves(chosen):
        raise InputError(
            f"No parameter's path matches {tuned!r}; paths look like"
            " 'synthesis.b4.conv1.weight'."
        )
    return graphdef, chosen, rest


def morph(ws: jax.Array, pivot: jax.Array, alpha: float) -> jax.Array:
    """The point at the distance `alpha` from the pivot on the way to `ws` (Eq. 4).

    Args:
      ws: `[N, num_ws, w_dim]`.
      pivot: `[1, num_ws, w_dim]` or `[N, num_ws, w_dim]`.
      alpha: the distance, over all rows together.

    Returns:
      `[N, num_ws, w_dim]`.
    """
    direction = ws - pivot
    squares = jnp.sum(jnp.square(direction), axis=(1, 2), keepdims=True)
    return pivot + alpha * direction * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))


def locality(
    tuned: base.Generator,
    models: Models,
    pivot: jax.Array,
    z: jax.Array,
    config: PivotalConfig,
) -> jax.Array:
    """How much the tuned generator changed around a pivot (Eq. 5).

    Args:
      tuned: the generator being tuned.
      models: hold the generator as it was, and the perceptual network.
      pivot: `[1, num_ws, w_dim]`.
      z: `[M, z_dim]` random latents, mapped with truncation 0.5.
      config: `locality_*`.

    Returns:
      The mean over the samples.
    """
    original = models.generator
    ws = sampling.map_to_ws(original, z)
    ws = styles.truncate(ws, original.w_avg[...], 0.5)
    ws = morph(ws, pivot, config.locality_alpha)
    old = jax.lax.stop_gradient(rendering.render(original, ws, noise="none"))
    new = rendering.render(tuned, ws, noise="none")
    loss = config.locality_pixel_weight * objectives.mse(new, old)
    if config.locality_perceptual_weight:
        network = models.networks[config.network]
        distance = network.distance(network.features(new), network.features(old))
        loss = loss + config.locality_perceptual_weight * distance
    return jnp.mean(loss)


@functools.partial(jax.jit, static_argnames="config")
def tune(
    models: Models,
    ws: jax.Array,
    targets: jax.Array,
    key: jax.Array,
    *,
    config: PivotalConfig,
    noises: tuple[jax.Array, ...] | None = None,
) -> Tuning:
    """Tunes the generator around the pivots.

    Args:
      models: the frozen networks; their generator is where the tuning starts.
      ws: `[N, num_ws, w_dim]` the pivots.
      targets: `[N, R, R, 3]` in [-1, 1].
      key: PRNG key of the locality samples.
      config: what to do.
      noises: `[N, H, W]` noise maps of the pivots; default: the checkpoint's.

    Returns:
      The tuning; `tuned_generator` makes a generator of it.
    """
    parts = split(models.generator, config.tuned)
    # What stays as it is may be prepared; what is tuned may not.
    frozen_models = frozen.prepare(models)

    def tune_around(ws, targets, noises):
        return _tune(parts, frozen_models, ws, targets, noises, key, config)

    if config.shares_weights:
        return tune_around(ws, targets, noises)
    each = functools.partial(_tune_one, tune_around)
    tuning = jax.lax.map(
        lambda picture: each(*picture),
        (ws, targets, noises),
        batch_size=config.num_parallel,
    )
    return dataclasses.replace(
        tuning, perceptual=tuning.perceptual.T, pixel=tuning.pixel.T
    )


def _tune_one(tune, ws, target, noises):
    tuning = tune(*jax.tree.map(lambda x: x[None], (ws, target, noises)))
    return dataclasses.replace(
        tuning,
        images=tuning.images[0],
        perceptual=tuning.perceptual[:, 0],
        pixel=tuning.pixel[:, 0],
        num_steps=tuning.num_steps[0],
    )


def _objective(parts, models, ws, targets, noise, config):
    """From tuned weights and a key to the loss, and the parts that are reported."""
    graphdef, _, rest = parts
    network = models.networks[config.network]
    features = network.features(targets)

    def objective(chosen, key):
        tuned = nnx.merge(graphdef, chosen, rest)
        images = rendering.render(tuned, ws, noise=noise)
        pixel = objectives.mse(images, targets)
        perceptual = network.distance(network.features(images), features)
        loss = jnp.mean(
            config.pixel_weight * pixel + config.perceptual_weight * perceptual
        )
        if config.locality_weight:
            index_key, z_key = jax.random.split(key)
            index = jax.random.randint(index_key, (), 0, ws.shape[0])
            z_shape = (config.locality_samples, models.generator.config.z_dim)
            z = jax.random.normal(z_key, z_shape)
            pivot = jax.lax.dynamic_slice_in_dim(ws, index, 1)
            loss = loss + config.locality_weight * locality(
                tuned, models, pivot, z, config
            )
        return loss, (pixel, perceptual)

    return objective


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class _TuningState:
    """What changes from one step of a tuning to the next."""

    step: jax.Array
    chosen: nnx.State
    opt_state: optax.OptState
    is_done: jax.Array
    count: jax.Array
    perceptual: jax.Array
    pixel: jax.Array


def _tune(parts, models, ws, targets, noises, key, config):
    graphdef, chosen, rest = parts
    optimizer = optax.adam(config.learning_rate)
    noise = "const" if noises is None else noises
    objective = _objective(parts, models, ws, targets, noise, config)
    keys = jax.random.split(key, config.num_steps)

    def body(state: _TuningState) -> _TuningState:
        gradients, measured = jax.grad(objective, has_aux=True)(
            state.chosen, keys[state.step]
        )
        is_done = jnp.all(measured[1] <= config.stop_below)
        updates, opt_state = optimizer.update(gradients, state.opt_state)
        moved = jax.tree.map(jnp.add, state.chosen, updates)
        keep = functools.partial(jnp.where, is_done)
        return _TuningState(
            step=state.step + 1,
            chosen=jax.tree.map(keep, state.chosen, moved),
            opt_state=jax.tree.map(keep, state.opt_state, opt_state),
            is_done=is_done,
            count=state.count + jnp.where(is_done, 0, 1),
            perceptual=state.perceptual.at[state.step].set(measured[1]),
            pixel=state.pixel.at[state.step].set(measured[0]),
        )

    state = jax.lax.while_loop(
        lambda state: (state.step < config.num_steps) & ~state.is_done,
        body,
        _first_state(chosen, optimizer, (config.num_steps, len(ws))),
    )
    tuned = nnx.merge(graphdef, state.chosen, rest)
    return Tuning(
        parameters=state.chosen,
        images=rendering.render(tuned, ws, noise=noise),
        perceptual=state.perceptual,
        pixel=state.pixel,
        num_steps=jnp.broadcast_to(state.count, (ws.shape[0],)),
    )


def _first_state(chosen, optimizer, shape) -> _TuningState:
    return _TuningState(
        step=jnp.asarray(0),
        chosen=chosen,
        opt_state=optimizer.init(chosen),
        is_done=jnp.asarray(False),
        count=jnp.asarray(0),
        perceptual=jnp.full(shape, jnp.nan),
        pixel=jnp.full(shape, jnp.nan),
    )


def tuned_generator(
    generator: base.Generator,
    tuning: Tuning,
    config: PivotalConfig,
    index: int | None = None,
) -> base.Generator:
    """Makes a generator of tuned weights.

    Args:
      generator: the one that the tuning started from.
      tuning: from `tune`.
      config: the one that was given to `tune`.
      index: of the picture; None where one generator is shared.

    Returns:
      The tuned generator; the original stays as it was.

    Raises:
      ValueError: an index is missing, or given for a shared generator.
    """
    if config.shares_weights != (index is None):
        raise InputError(
            "Give the picture's `index` unless the weights are shared, got"
            f" {index=} and {config.shares_weights=}."
        )
    graphdef, _, rest = split(generator, config.tuned)
    chosen = tuning.parameters
    if index is not None:
        chosen = jax.tree.map(lambda x: x[index], chosen)
    return nnx.merge(graphdef, chosen, rest)
