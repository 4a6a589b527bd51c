"""Training regressors: pictures or descriptors to codes, landmarks and attributes.

The first learnt starts of inversions (ImageToLatent, VGGToLatent) and their relatives:
one network, one loss, pairs of inputs and targets. State in, state out.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.latents import sampling
from jax_encoder.nn import base
from jax_encoder.ops import activation
from jax_encoder.training import batch_norms, ema, weight_optimizers

LOSSES = ("log_cosh", "mse", "cosine", "cross_entropy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressorConfig:
    """Options of the training; hashable, hence static under `jax.jit`.

    Attributes:
      batch_size: examples per step.
      loss: of `LOSSES`: "log_cosh" (ImageToLatent), "cosine" (VGGToLatent; of codes
        across the rows, as published), "mse", or "cross_entropy" of probabilities.
      optimizer: and its learning rate.
      ema_half_life: of the averaged weights, in examples; None for no average.
      norm: "batch" to normalize by batches and let the stored statistics follow,
        "frozen" to normalize by the stored ones.
    """

    batch_size: int = 32
    loss: str = "log_cosh"
    optimizer: weight_optimizers.OptimizerConfig = weight_optimizers.OptimizerConfig()
    ema_half_life: float | None = None
    norm: str = "batch"

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise InputError(f"`loss` must be one of {LOSSES}: got {self.loss!r}.")
        if self.norm not in ("frozen", "batch") or self.batch_size < 1:
            raise InputError(
                '`norm` must be "frozen" or "batch" and `batch_size` positive: got'
                f" {self.norm!r} and {self.batch_size}."
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressorState:
    """What changes from one step to the next.

    Attributes:
      params: the network's weights.
      buffers: its other variables: statistics of normalizations.
      average: the moving average of the weights: the result of the training.
      opt_state: of the optimizer.
      step: steps done.
      is_sound: whether all losses and gradients so far were finite.
    """

    params: nnx.State
    buffers: nnx.State
    average: nnx.State
    opt_state: optax.OptState
    step: jax.Array
    is_sound: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressorNetworks:
    """The architecture, and the generator where z is predicted and must be mapped."""

    graphdef: nnx.GraphDef
    generator: base.Generator | None = None


jax.tree_util.register_dataclass(
    RegressorNetworks, data_fields=["generator"], meta_fields=["graphdef"]
)


def init(
    network: object, config: RegressorConfig, generator: base.Generator | None = None
) -> tuple[RegressorState, RegressorNetworks]:
    """Starts from a network's weights.

    Args:
      network: any module that maps inputs to predictions.
      config: options.
      generator: where the network predicts z: predictions are normalized and mapped,
        and compared with codes. Else None.
    """
    graphdef, params, buffers = nnx.split(network, nnx.Param, ...)
    state = RegressorState(
        params=params,
        buffers=buffers,
        average=jax.tree.map(jnp.copy, params),
        opt_state=weight_optimizers.make(config.optimizer).init(params),
        step=jnp.zeros((), jnp.int32),
        is_sound=jnp.ones((), bool),
    )
    return state, RegressorNetworks(graphdef=graphdef, generator=generator)


@functools.partial(jax.jit, static_argnames="config", donate_argnames="state")
def train_step(
    state: RegressorState,
    networks: RegressorNetworks,
    inputs: jax.Array,
    targets: jax.Array,
    *,
    config: RegressorConfig,
) -> tuple[RegressorState, dict[str, jax.Array]]:
    """Takes a step.

    Args:
      state: where the training stands; its memory is reused.
      networks: of `init`.
      inputs: `[N, ...]`, what the network takes.
      targets: `[N, ...]`, what it is to give.
      config: options.

    Returns:
      the new state, and the loss by its name.
    """

    def objective(params):
        network = nnx.merge(networks.graphdef, params, state.buffers)
        if config.norm == "batch":
            network = batch_norms.learning(network)
        found = predict(network, inputs, networks.generator)
        return loss(found, targets, config.loss), batch_norms.stored(network)

    (value, buffers), gradient = jax.value_and_grad(objective, has_aux=True)(
        state.params
    )
    updates, opt_state = weight_optimizers.make(config.optimizer).update(
        gradient, state.opt_state, state.params
    )
    params: base.Tree = optax.apply_updates(state.params, updates)
    norm = optax.tree.norm(gradient)
    average = params
    if config.ema_half_life is not None:
        num_seen = (state.step + 1) * config.batch_size
        factor = ema.decay(
            config.batch_size, config.ema_half_life, num_seen=num_seen, rampup=0.1
        )
        average = ema.update(state.average, params, factor)
    state = RegressorState(
        params=params,
        buffers=buffers,
        average=average,
        opt_state=opt_state,
        step=state.step + 1,
        is_sound=state.is_sound & jnp.isfinite(norm) & jnp.isfinite(value),
    )
    return state, {f"loss/{config.loss}": value, "gradient": norm}


def regressor(state: RegressorState, networks: RegressorNetworks) -> nnx.Module:
    """Returns the network that the training has arrived at."""
    network = nnx.merge(networks.graphdef, state.average, state.buffers)
    return nnx.clone(network)


def predict(
    network: base.Network, inputs: jax.Array, generator: base.Generator | None = None
) -> jax.Array:
    """Returns what a network says of inputs.

    Args:
      network: the regressor.
      inputs: `[N, ...]`.
      generator: where z is predicted, else None.

    Returns:
      the predictions; of z the codes `[N, num_ws, w_dim]` that it is mapped to, its
      length put to that of random ones, as published.
    """
    found = network(inputs)
    if generator is None:
        return found
    z = activation.normalize_second_moment(found)
    return sampling.map_to_ws(generator, z)


def loss(predictions: jax.Array, targets: jax.Array, name: str) -> jax.Array:
    """Returns how wrong predictions are, a scalar.

    Args:
      predictions: `[N, ...]`.
      targets: of the same shape.
      name: of `LOSSES`.
    """
    apart = predictions - targets
    if name == "log_cosh":
        size = jnp.abs(apart)
        return jnp.mean(size + jax.nn.softplus(-2.0 * size) - jnp.log(2.0))
    if name == "mse":
        return jnp.mean(jnp.square(apart))
    if name == "cosine":
        return -jnp.mean(_cosines(predictions, targets))
    probability = jnp.clip(predictions, 1e-7, 1.0 - 1e-7)
    entropy = targets * jnp.log(probability)
    return -jnp.mean(entropy + (1.0 - targets) * jnp.log1p(-probability))


def _cosines(a: jax.Array, b: jax.Array) -> jax.Array:
    """Cosines along the second axis, that of the rows of codes, as torch's default."""
    lengths = [jnp.sqrt(jnp.sum(jnp.square(x), axis=1) + 1e-16) for x in (a, b)]
    return jnp.sum(a * b, axis=1) / jnp.maximum(lengths[0] * lengths[1], 1e-8)


def mean_loss(targets: jax.Array, name: str) -> jax.Array:
    """Returns the loss of predicting the mean of the targets `[N, ...]` for all."""
    mean = jnp.mean(targets, axis=0, keepdims=True)
    return loss(jnp.broadcast_to(mean, targets.shape), targets, name)
