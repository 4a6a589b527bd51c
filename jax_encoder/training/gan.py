"""Training a StyleGAN2: state in, state out (Karras et al. 2020, arXiv:1912.04958).

The four phases of the official training are four functions: the generator's loss, its
path length regularization, the discriminator's loss and its R1 regularization. The
regularizers run every few steps with a larger weight ("lazy", Appendix B). `train_step`
runs those that are due. Nothing here draws from global state: the key of a phase is
derived from the training's key and the step, so that a resumed training repeats itself.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import stylegan2, stylegan2_discriminator
from jax_encoder.training import augment, ema, fakes, losses

AUGMENTATIONS = ("none", "ada", "diff")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANConfig:
    """Options of the training; hashable, hence static under `jax.jit`.

    Attributes:
      batch_size: pictures per step, over all devices.
      learning_rate: of both Adams, before the correction for lazy regularization.
      generator_learning_rate: of the generator's where it differs, or None.
      head_start: steps at the beginning in which only the discriminator learns. A
        generator that can draw already would be led astray by a new discriminator.
      beta1, beta2, epsilon: of both Adams.
      r1_gamma: weight of R1; the loss is `r1_gamma / 2` times the squared norm.
      r1_interval: steps between R1 regularizations; 0 for none.
      path_weight: weight of the path length regularization.
      path_interval: steps between them; 0 for none.
      path_batch_shrink: by how much smaller their batch is.
      path_decay: of the running mean of path lengths.
      mixing_probability: share of pictures with two parents.
      ema_half_life: of the averaged generator, in pictures.
      ema_rampup: bound on it as a share of the pictures seen, or None.
      w_avg_decay: of the mean latent.
      augmentation: "none", "ada" or "diff".
      ada_target: mean sign of D's logits on real pictures to aim at; None to keep the
        initial probability.
      ada_initial: the probability to start with.
      ada_interval: steps between adjustments.
      ada_speed: pictures over which the probability may move by one.
      lesson_weight: of `fakes.lesson_error`, for which steps then need a lesson.
      dtype: of the convolutions: "float32" or "bfloat16".
    """

    batch_size: int = 32
    learning_rate: float = 0.002
    generator_learning_rate: float | None = None
    head_start: int = 0
    beta1: float = 0.0
    beta2: float = 0.99
    epsilon: float = 1e-8
    r1_gamma: float = 10.0
    r1_interval: int = 16
    path_weight: float = 2.0
    path_interval: int = 4
    path_batch_shrink: int = 2
    path_decay: float = 0.01
    mixing_probability: float = 0.9
    ema_half_life: float = 10_000.0
    ema_rampup: float | None = None
    w_avg_decay: float = 0.995
    augmentation: str = "none"
    ada_target: float | None = 0.6
    ada_initial: float = 0.0
    ada_interval: int = 4
    ada_speed: float = 500_000.0
    lesson_weight: float = 0.0
    dtype: str = "float32"

    def __post_init__(self):
        if self.augmentation not in AUGMENTATIONS:
            raise InputError(
                f"`augmentation` must be one of {AUGMENTATIONS}, got"
                f" {self.augmentation!r}."
            )
        if self.batch_size < 1 or self.batch_size % self.path_batch_shrink:
            raise InputError(
                "`batch_size` must be a positive multiple of `path_batch_shrink`: got"
                f" {self.batch_size} and {self.path_batch_shrink}."
            )
        if self.lesson_weight < 0:
            raise InputError(
                f"`lesson_weight` must not be negative: got {self.lesson_weight}."
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class GANState:
    """What changes from one step to the next.

    Attributes:
      generator: weights of the generator.
      average: their moving average: the result of the training.
      discriminator: weights of the discriminator.
      generator_opt, discriminator_opt: states of the optimizers.
      w_avg: `[w_dim]`, the running mean of w.
      path_mean: running mean of the path lengths.
      probability: of augmentation.
      sign_sum: sum over steps of the mean sign of D's logits of real pictures, since
        the last adjustment of the probability.
      step: steps done.
    """

    generator: nnx.State
    average: nnx.State
    discriminator: nnx.State
    generator_opt: optax.OptState
    discriminator_opt: optax.OptState
    w_avg: jax.Array
    path_mean: jax.Array
    probability: jax.Array
    sign_sum: jax.Array
    step: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANNetworks:
    """The architectures, and what does not change while they train."""

    generator: nnx.GraphDef
    generator_rest: nnx.State
    discriminator: nnx.GraphDef
    discriminator_rest: nnx.State


jax.tree_util.register_dataclass(
    GANNetworks,
    data_fields=["generator_rest", "discriminator_rest"],
    meta_fields=["generator", "discriminator"],
)


def optimizer(
    config: GANConfig, interval: int, learning_rate: float | None = None
) -> optax.GradientTransformation:
    """Returns Adam, corrected for steps that only regularize (Appendix B).

    Args:
      config: options.
      interval: steps between regularizations of the network; 0 for none.
      learning_rate: default: the config's.
    """
    ratio = interval / (interval + 1) if interval else 1.0
    rate = config.learning_rate if learning_rate is None else learning_rate
    return optax.adam(
        rate * ratio,
        b1=config.beta1**ratio if config.beta1 else 0.0,
        b2=config.beta2**ratio,
        eps=config.epsilon,
    )


def init(
    generator: stylegan2.StyleGAN2Generator,
    discriminator: stylegan2_discriminator.StyleGAN2Discriminator,
    config: GANConfig,
) -> tuple[GANState, GANNetworks]:
    """Starts a training from two networks.

    Returns:
      the state, and the architectures that `train_step` needs beside it.
    """
    g_def, g_params, g_rest = nnx.split(generator, nnx.Param, ...)
    d_def, d_params, d_rest = nnx.split(discriminator, nnx.Param, ...)
    state = GANState(
        generator=g_params,
        average=jax.tree.map(jnp.copy, g_params),
        discriminator=d_params,
        generator_opt=_generator_optimizer(config).init(g_params),
        discriminator_opt=optimizer(config, config.r1_interval).init(d_params),
        w_avg=jnp.array(generator.w_avg[...]),
        path_mean=jnp.zeros(()),
        probability=jnp.asarray(config.ada_initial, jnp.float32),
        sign_sum=jnp.zeros(()),
        step=jnp.zeros((), jnp.int32),
    )
    networks = GANNetworks(
        generator=g_def,
        generator_rest=g_rest,
        discriminator=d_def,
        discriminator_rest=d_rest,
    )
    return state, networks


def averaged_generator(
    state: GANState, networks: GANNetworks
) -> stylegan2.StyleGAN2Generator:
    """Returns the generator that the training has arrived at, its mean latent set."""
    generator = nnx.merge(networks.generator, state.average, networks.generator_rest)
    generator = nnx.clone(generator)
    generator.w_avg[...] = state.w_avg
    return generator


def train_step(
    state: GANState,
    networks: GANNetworks,
    images: jax.Array,
    key: jax.Array,
    config: GANConfig,
    sharding: jax.sharding.NamedSharding | None = None,
    lesson: fakes.Lesson | None = None,
) -> tuple[GANState, dict[str, jax.Array]]:
    """Runs the phases that are due, and moves the averages.

    Each phase is compiled by itself, once.

    Args:
      state: where the training stands; its buffers are reused.
      networks: the architectures.
      images: `[N, H, W, 3]` real pictures in [-1, 1].
      key: of the whole training.
      config: options.
      sharding: how batches lie on the devices; None for one device.
      lesson: as many known pictures; needed for a `lesson_weight` once the generator
        learns.

    Returns:
      the new state, and the losses: scalars by name.
    """
    if images.shape[0] != config.batch_size:
        raise InputError(
            f"`images` must hold {config.batch_size} pictures: got {images.shape}."
        )
    step = int(state.step)
    is_taught = config.lesson_weight > 0 and step >= config.head_start
    if is_taught and (lesson is None or lesson.targets.shape != images.shape):
        raise InputError(
            f"`lesson_weight` needs a lesson with targets of {images.shape}: got"
            f" {None if lesson is None else lesson.targets.shape}."
        )
    options = {"config": config, "sharding": sharding}
    report: dict[str, jax.Array] = {}
    if step >= config.head_start:
        state, report = generator_phase(state, networks, key, lesson, **options)
        if config.path_interval and step % config.path_interval == 0:
            state, more = path_phase(state, networks, key, **options)
            report |= more
    state, more = discriminator_phase(state, networks, images, key, **options)
    report |= more
    if config.r1_interval and step % config.r1_interval == 0:
        state, more = r1_phase(state, networks, images, key, **options)
        report |= more
    return finish_step(state, config=config), report


_PHASE = functools.partial(
    jax.jit, static_argnames=("config", "sharding"), donate_argnames="state"
)


@_PHASE
def generator_phase(
    state, networks, key, lesson=None, *, config: GANConfig, sharding=None
):
    """Takes a step of the generator's loss, and of the lesson's if there is one."""
    keys = _keys(key, state.step, 0)

    def objective(params):
        drawn = _draw(params, networks, keys[0], config, sharding, lesson)
        logits = _judge(
            state.discriminator, networks, drawn.images, keys[1], state, config
        )
        loss = losses.generator_loss(logits)
        report = {"loss/generator": loss}
        if lesson is not None:
            error = fakes.lesson_error(drawn, lesson)
            report["loss/lesson"] = error
            loss = loss + config.lesson_weight * error
        return loss, (drawn.w, report)

    gradient, (w, report) = jax.grad(objective, has_aux=True)(state.generator)
    w_avg = jnp.mean(w, axis=0)
    w_avg = w_avg + (state.w_avg - w_avg) * config.w_avg_decay
    state = _update_generator(state, gradient, config)
    return dataclasses.replace(state, w_avg=w_avg), report


@_PHASE
def path_phase(state, networks, key, *, config: GANConfig, sharding=None):
    """Takes a step of the path length regularization."""
    keys = _keys(key, state.step, 1)
    num = config.batch_size // config.path_batch_shrink

    def objective(params):
        generator = nnx.merge(networks.generator, params, networks.generator_rest)
        ws, _, _ = fakes.draw_ws(
            generator,
            keys[0],
            num,
            mixing_probability=config.mixing_probability,
            sharding=sharding,
        )
        noise = fakes.draw_noise(generator.config, keys[1], num)

        def synthesize(ws):
            return generator.synthesis(ws, noise, dtype=config.dtype)

        lengths = losses.path_lengths(synthesize, ws, keys[2])
        penalty, mean = losses.path_penalty(
            lengths, state.path_mean, decay=config.path_decay
        )
        weight = config.path_weight * config.path_interval
        return penalty * weight, (mean, jnp.mean(lengths), penalty)

    (_, aux), gradient = jax.value_and_grad(objective, has_aux=True)(state.generator)
    mean, length, penalty = aux
    state = _update_generator(state, gradient, config)
    report = {"path/length": length, "path/penalty": penalty}
    return dataclasses.replace(state, path_mean=mean), report


@_PHASE
def discriminator_phase(
    state, networks, images, key, *, config: GANConfig, sharding=None
):
    """Takes a step of the discriminator's loss."""
    keys = _keys(key, state.step, 2)
    fake = _draw(state.generator, networks, keys[0], config, sharding).images
    real = fakes.spread(images, sharding)

    def objective(params):
        fake_logits = _judge(params, networks, fake, keys[1], state, config)
        real_logits = _judge(params, networks, real, keys[2], state, config)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        return loss, (real_logits, fake_logits)

    (loss, logits), gradient = jax.value_and_grad(objective, has_aux=True)(
        state.discriminator
    )
    sign = jnp.mean(jnp.sign(logits[0]))
    state = _update_discriminator(state, gradient, config)
    report = {
        "loss/discriminator": loss,
        "logits/real": jnp.mean(logits[0]),
        "logits/fake": jnp.mean(logits[1]),
        "augment/sign": sign,
        "augment/probability": state.probability,
    }
    return dataclasses.replace(state, sign_sum=state.sign_sum + sign), report


@_PHASE
def r1_phase(state, networks, images, key, *, config: GANConfig, sharding=None):
    """Takes a step of the R1 regularization."""
    keys = _keys(key, state.step, 3)
    real = fakes.spread(images, sharding)

    def objective(params):
        def discriminate(images):
            return _judge(params, networks, images, keys[0], state, config)

        penalty = losses.r1_penalty(discriminate, real)
        return penalty * (config.r1_gamma / 2 * config.r1_interval), penalty

    (_, penalty), gradient = jax.value_and_grad(objective, has_aux=True)(
        state.discriminator
    )
    return _update_discriminator(state, gradient, config), {"r1/penalty": penalty}


@functools.partial(jax.jit, static_argnames="config", donate_argnames="state")
def finish_step(state: GANState, *, config: GANConfig) -> GANState:
    """Moves the averaged generator, the augmentation's probability and the count."""
    step = state.step + 1
    factor = ema.decay(
        config.batch_size,
        config.ema_half_life,
        num_seen=step * config.batch_size,
        rampup=config.ema_rampup,
    )
    state = dataclasses.replace(
        state, average=ema.update(state.average, state.generator, factor), step=step
    )
    if config.augmentation != "ada" or config.ada_target is None:
        return dataclasses.replace(state, sign_sum=jnp.zeros(()))
    is_due = step % config.ada_interval == 0
    adapted = augment.adapt(
        state.probability,
        state.sign_sum / config.ada_interval,
        config.batch_size * config.ada_interval,
        target=config.ada_target,
        speed=config.ada_speed,
    )
    return dataclasses.replace(
        state,
        probability=jnp.where(is_due, adapted, state.probability),
        sign_sum=jnp.where(is_due, 0.0, state.sign_sum),
    )


def _draw(params, networks, key, config, sharding, lesson=None) -> fakes.Fakes:
    generator = nnx.merge(networks.generator, params, networks.generator_rest)
    return fakes.draw(
        generator,
        key,
        config.batch_size,
        mixing_probability=config.mixing_probability,
        dtype=config.dtype,
        sharding=sharding,
        z=None if lesson is None else lesson.z,
    )


def _judge(params, networks, images, key, state, config):
    """Logits `[N, 1]` of augmented images."""
    if config.augmentation == "ada":
        images = augment.ada(key, images, state.probability)
    elif config.augmentation == "diff":
        images = augment.diff_augment(key, images)
    rest = networks.discriminator_rest
    discriminator = nnx.merge(networks.discriminator, params, rest)
    return discriminator(images, dtype=config.dtype)


def _keys(key: jax.Array, step: jax.Array, phase: int) -> jax.Array:
    return jax.random.split(jax.random.fold_in(jax.random.fold_in(key, step), phase), 3)


def _finite(gradient):
    """Replaces what is not a number, and bounds the rest, as the official code does."""
    return jax.tree.map(
        lambda x: jnp.nan_to_num(x, nan=0.0, posinf=1e5, neginf=-1e5), gradient
    )


def _generator_optimizer(config: GANConfig) -> optax.GradientTransformation:
    return optimizer(config, config.path_interval, config.generator_learning_rate)


def _update_generator(state: GANState, gradient, config: GANConfig) -> GANState:
    adam = _generator_optimizer(config)
    updates, opt = adam.update(_finite(gradient), state.generator_opt)
    params = optax.apply_updates(state.generator, updates)
    return dataclasses.replace(state, generator=params, generator_opt=opt)


def _update_discriminator(state: GANState, gradient, config: GANConfig) -> GANState:
    adam = optimizer(config, config.r1_interval)
    updates, opt = adam.update(_finite(gradient), state.discriminator_opt)
    params = optax.apply_updates(state.discriminator, updates)
    return dataclasses.replace(state, discriminator=params, discriminator_opt=opt)
