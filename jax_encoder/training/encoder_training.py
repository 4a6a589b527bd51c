"""Training encoders from pictures to W+: pSp, e4e, ReStyle and small ones.

Richardson et al. 2021 (arXiv:2008.00951), Tov et al. 2021 (arXiv:2102.02766), Alaluf et
al. 2021 (arXiv:2104.02699). They differ in options alone: rows as differences that are
unlocked one after the other and judged (e4e), or several looks at the reconstruction
(ReStyle). State in, state out; nothing here draws from global state.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import base, latent_discriminator
from jax_encoder.nn.variables import Buffer
from jax_encoder.training import (
    ema,
    encoder_losses,
    encoder_objective,
    latent_adversary,
    weight_optimizers,
)
from jax_encoder.training.encoder_objective import Batch, EncoderNetworks

S = TypeVar("S")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Options of the training; hashable, hence static under `jax.jit`.

    Attributes:
      batch_size: pictures per step, over all devices.
      num_accumulated: parts of the batch whose gradients are added up one by one.
      weights: of the losses.
      optimizer: of the encoder.
      loss_size: side to which larger pictures are averaged before they are compared.
      num_refinements: looks at the reconstruction in every step (ReStyle); 1 for none.
      progressive_start: step at which the second row of a progressive encoder is
        unlocked; None to train all rows from the beginning.
      progressive_interval: steps between unlocking a row and the next.
      judge: of the latent discriminator; trained where `weights.adversarial` counts.
      ema_half_life: of the averaged encoder, in pictures; None for no average.
      norm: "frozen" to normalize by stored statistics, as when training goes on from
        known weights; "batch" to normalize by batches and let the stored ones follow.
      dtype: of the encoder's and the generator's convolutions: "float32" or "bfloat16".
    """

    batch_size: int = 8
    num_accumulated: int = 1
    weights: encoder_losses.LossWeights = encoder_losses.LossWeights()
    optimizer: weight_optimizers.OptimizerConfig = weight_optimizers.OptimizerConfig(
        name="ranger", learning_rate=1e-4
    )
    loss_size: int = 256
    num_refinements: int = 1
    progressive_start: int | None = None
    progressive_interval: int = 2_000
    judge: latent_adversary.LatentAdversaryConfig = (
        latent_adversary.LatentAdversaryConfig()
    )
    ema_half_life: float | None = None
    norm: str = "frozen"
    dtype: str = "float32"

    def __post_init__(self):
        if self.batch_size < 1 or self.batch_size % self.num_accumulated:
            raise InputError(
                "`batch_size` must be a positive multiple of `num_accumulated`: got"
                f" {self.batch_size} and {self.num_accumulated}."
            )
        if self.num_refinements < 1 or self.progressive_interval < 1:
            raise InputError(
                "`num_refinements` and `progressive_interval` must be positive: got"
                f" {self.num_refinements} and {self.progressive_interval}."
            )
        if self.norm not in ("frozen", "batch"):
            raise InputError(f'`norm` must be "frozen" or "batch": got {self.norm!r}.')
        if self.dtype not in ("float32", "bfloat16"):
            raise InputError(
                f'`dtype` must be "float32" or "bfloat16": got {self.dtype!r}.'
            )

    def stage(self, step: jax.Array | int, num_ws: int) -> jax.Array | int:
        """The last row of a progressive encoder unlocked at a step, a scalar."""
        if self.progressive_start is None:
            return num_ws - 1
        unlocked = (step - self.progressive_start) // self.progressive_interval + 1
        return jnp.clip(unlocked, 0, num_ws - 1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderState:
    """What changes from one step to the next.

    Attributes:
      params: the encoder's weights.
      buffers: its other variables: statistics of normalizations.
      average: the moving average of the weights: the result of the training.
      opt_state: of the optimizer.
      judge: of the latent discriminator; None where it does not count.
      step: steps done.
      is_sound: whether all losses and gradients so far were finite.
    """

    params: nnx.State
    buffers: nnx.State
    average: nnx.State
    opt_state: optax.OptState
    judge: latent_adversary.LatentAdversaryState | None
    step: jax.Array
    is_sound: jax.Array


def changed(config: EncoderConfig, changes: Mapping[str, object]) -> EncoderConfig:
    """Returns a config with other options.

    Args:
      config: the options so far.
      changes: by name: fields of the config, or those of its `weights`, `optimizer`
        and `judge` after a dot ("weights.lpips").

    Raises:
      ValueError: there is no option of such a name.
    """
    for name, value in changes.items():
        head, _, tail = name.partition(".")
        part: Any = getattr(config, head, None)
        try:
            if tail:
                value = dataclasses.replace(part, **{tail: value})
            config = dataclasses.replace(config, **{head: value})
        except TypeError as error:
            raise InputError(f"There is no option {name!r}: {error}.") from error
    return config


def for_steps(config: EncoderConfig, num_steps: int) -> EncoderConfig:
    """Returns a config whose learning rate is scheduled over so many steps."""
    optimizer = dataclasses.replace(config.optimizer, num_steps=num_steps)
    return dataclasses.replace(config, optimizer=optimizer)


def init(
    encoder: base.Network,
    generator: base.Generator,
    config: EncoderConfig,
    *,
    latent_avg: jax.Array | None = None,
    networks: dict[str, base.Network] | None = None,
    metric: jax.Array | None = None,
    seed: int = 0,
) -> tuple[EncoderState, EncoderNetworks]:
    """Starts a training.

    Args:
      encoder: a `StyleEncoder`, or a `SmallEncoder`.
      generator: stays as it is.
      config: options.
      latent_avg: `[num_ws, w_dim]`, what the encoder's output is relative to
        ("start from latent avg"); default: the generator's mean in all rows.
      networks: "lpips" and "identity", where their losses count.
      metric: `[w_dim, w_dim]` of the loss of codes, as of `code_metric`.
      seed: of the latent discriminator.

    Returns:
      the state, and the networks that `train_step` needs beside it.

    Raises:
      ValueError: a network that a loss needs is missing, or the encoder is of another
        generator.
    """
    networks = networks or {}
    _check(encoder, generator, config, networks)
    if hasattr(encoder, "latent_avg"):  # The training adds it itself.
        encoder = nnx.merge(*nnx.split(encoder))
        encoder.latent_avg = Buffer(jnp.zeros_like(encoder.latent_avg[...]))
    graphdef, params, buffers = nnx.split(encoder, nnx.Param, ...)
    shape = (generator.config.num_ws, generator.config.w_dim)
    if latent_avg is None:
        latent_avg = jnp.broadcast_to(generator.w_avg[...][None], shape)
    judge_config = latent_discriminator.LatentDiscriminatorConfig(w_dim=shape[1])
    judge = latent_discriminator.LatentDiscriminator(judge_config, rngs=nnx.Rngs(seed))
    is_judged = config.weights.adversarial > 0
    state = EncoderState(
        params=params,
        buffers=buffers,
        average=jax.tree.map(jnp.copy, params),
        opt_state=weight_optimizers.make(config.optimizer).init(params),
        judge=latent_adversary.init(judge, config.judge) if is_judged else None,
        step=jnp.zeros((), jnp.int32),
        is_sound=jnp.ones((), bool),
    )
    return state, EncoderNetworks(
        encoder=graphdef,
        judge=nnx.graphdef(judge),
        generator=generator,
        lpips=networks.get("lpips"),
        identity=networks.get("identity"),
        latent_avg=latent_avg,
        metric=metric,
    )


def _check(encoder, generator, config: EncoderConfig, networks) -> None:
    got = (encoder.config.num_ws, encoder.config.w_dim)
    wanted = (generator.config.num_ws, generator.config.w_dim)
    if got != wanted:
        raise InputError(
            f"The encoder gives codes of {got}, the generator takes {wanted}; make an"
            " encoder for this generator."
        )
    for name in ("lpips", "identity"):
        if getattr(config.weights, name) > 0 and name not in networks:
            raise InputError(
                f"The loss {name!r} counts, but there is no network for it: give one,"
                " or set its weight to zero."
            )
    if config.num_refinements > 1 and encoder.config.in_channels != 6:
        raise InputError(
            "`num_refinements` above 1 need an encoder of six channels, which sees the"
            f" reconstruction: this one takes {encoder.config.in_channels}."
        )


@functools.partial(jax.jit, static_argnames="config", donate_argnames="state")
def train_step(
    state: EncoderState,
    networks: EncoderNetworks,
    batch: Batch,
    key: jax.Array,
    *,
    config: EncoderConfig,
) -> tuple[EncoderState, dict[str, jax.Array]]:
    """Takes a step of the encoder, and one of the latent discriminator.

    Args:
      state: where the training stands; its memory is reused.
      networks: of `init`.
      batch: `config.batch_size` pictures, with their codes where these are known.
      key: of the whole training.
      config: options.

    Returns:
      the new state, and the losses: scalars by name.
    """
    key = jax.random.fold_in(key, state.step)
    stage = config.stage(state.step, networks.num_ws)
    found = encoder_objective.gradients(state, networks, batch, stage, config)
    updates, opt_state = weight_optimizers.make(config.optimizer).update(
        found.gradient, state.opt_state, state.params
    )
    params: base.Tree = optax.apply_updates(state.params, updates)
    report = dict(found.report)
    judge = state.judge
    if judge is not None:
        judge, report["loss/judge"] = _judge(
            judge, networks, found.ws, stage, key, state.step, config
        )
    norm = optax.tree.norm(found.gradient)
    report["gradient"] = norm
    state = EncoderState(
        params=params,
        buffers=found.buffers,
        average=_average(state, params, config),
        opt_state=opt_state,
        judge=judge,
        step=state.step + 1,
        is_sound=state.is_sound
        & jnp.isfinite(norm)
        & jnp.isfinite(report["loss/total"]),
    )
    return state, report


def _judge(
    judge, networks: EncoderNetworks, ws, stage, key, step, config: EncoderConfig
):
    z_key, row_key, pool_key = jax.random.split(key, 3)
    z = jax.random.normal(z_key, (len(ws), networks.generator.config.z_dim))
    real = networks.generator.mapping(z)
    fake = latent_adversary.pick_rows(ws, stage, row_key)
    return latent_adversary.step(
        judge, networks.judge, real, fake, pool_key, step, config.judge
    )


def _average(state: EncoderState, params, config: EncoderConfig):
    if config.ema_half_life is None:
        return params
    factor = ema.decay(
        config.batch_size,
        config.ema_half_life,
        num_seen=(state.step + 1) * config.batch_size,
        rampup=0.1,
    )
    return ema.update(state.average, params, factor)


def encoder(state: EncoderState, networks: EncoderNetworks) -> base.Network:
    """Returns the encoder that the training has arrived at.

    A `SmallEncoder` that sees pictures alone gives whole codes from then on; others
    still give codes relative to the mean.
    """
    network = nnx.merge(networks.encoder, state.average, state.buffers)
    network = nnx.clone(network)
    if hasattr(network, "latent_avg") and network.config.in_channels == 3:
        network.latent_avg.set_value(jnp.array(networks.latent_avg))
    return network
