"""The latent discriminator's own training (e4e, arXiv:2102.02766, Section 4.2).

It tells mapped w from rows of codes by an encoder. Both come out of pools that remember
earlier ones (Shrivastava et al. 2017, arXiv:1612.07828, Section 2.3), so that it does
not forget what the encoder did before.
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jax_encoder.nn import latent_discriminator
from jax_encoder.training import losses


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentAdversaryConfig:
    """Options of the discriminator's training.

    Attributes:
      learning_rate: of its Adam.
      r1_gamma: weight of R1; the loss is `r1_gamma / 2` times the squared norm.
      r1_interval: steps between R1 regularizations; 0 for none.
      pool_size: how many w each pool remembers; 0 for no pools.
    """

    learning_rate: float = 2e-5
    r1_gamma: float = 10.0
    r1_interval: int = 16
    pool_size: int = 50


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentPool:
    """Remembered w.

    Attributes:
      w: `[pool_size, w_dim]`.
      count: how many were filled.
    """

    w: jax.Array
    count: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentAdversaryState:
    """What changes from one step to the next.

    Attributes:
      params: the discriminator's weights.
      opt_state: of its optimizer.
      real, fake: the pools of mapped and of encoded w.
    """

    params: nnx.State
    opt_state: optax.OptState
    real: LatentPool
    fake: LatentPool


def init(
    discriminator: latent_discriminator.LatentDiscriminator,
    config: LatentAdversaryConfig,
) -> LatentAdversaryState:
    """Starts from a discriminator's weights, with empty pools."""
    params = nnx.state(discriminator, nnx.Param)
    shape = (config.pool_size, discriminator.config.w_dim)
    empty = [
        LatentPool(w=jnp.zeros(shape), count=jnp.zeros((), jnp.int32)) for _ in "rf"
    ]
    return LatentAdversaryState(
        params=params,
        opt_state=optax.adam(config.learning_rate).init(params),
        real=empty[0],
        fake=empty[1],
    )


def query(
    pool: LatentPool, w: jax.Array, key: jax.Array
) -> tuple[LatentPool, jax.Array]:
    """Exchanges w with remembered ones.

    While the pool is not full, a w is remembered and handed back. Later, with
    probability one half, it takes the place of a remembered one, which is handed back.

    Args:
      pool: what is remembered.
      w: `[N, w_dim]`, one after the other.
      key: PRNG key.

    Returns:
      the new pool, and as many w `[N, w_dim]`.
    """
    size = pool.w.shape[0]
    if not size:
        return pool, w
    slot_key, swap_key = jax.random.split(key)
    slots = jax.random.randint(slot_key, (len(w),), 0, size)
    is_swapped = jax.random.bernoulli(swap_key, 0.5, (len(w),))

    def exchange(pool: LatentPool, drawn):
        new, slot, is_swapped = drawn
        is_full = pool.count >= size
        slot = jnp.where(is_full, slot, pool.count)
        given = jnp.where(is_full & is_swapped, pool.w[slot], new)
        kept = jnp.where(is_full & ~is_swapped, pool.w[slot], new)
        count = jnp.minimum(pool.count + 1, size)
        return LatentPool(w=pool.w.at[slot].set(kept), count=count), given

    return jax.lax.scan(exchange, pool, (w, slots, is_swapped))


def pick_rows(ws: jax.Array, stage: jax.Array | int, key: jax.Array) -> jax.Array:
    """Takes one unlocked row of every code, at random: `[N, w_dim]`."""
    rows = jax.random.randint(key, (ws.shape[0],), 0, stage + 1)
    return jnp.take_along_axis(ws, rows[:, None, None], axis=1)[:, 0]


def step(
    state: LatentAdversaryState,
    graphdef: nnx.GraphDef,
    real: jax.Array,
    fake: jax.Array,
    key: jax.Array,
    number: jax.Array,
    config: LatentAdversaryConfig,
) -> tuple[LatentAdversaryState, jax.Array]:
    """Takes a step of the logistic loss, and of R1 where it is due.

    Args:
      state: where the training stands.
      graphdef: the discriminator's architecture; it has nothing but weights.
      real: `[N, w_dim]`, mapped.
      fake: `[N, w_dim]`, rows of codes.
      key: PRNG key of the pools.
      number: steps done so far, a scalar.
      config: options.

    Returns:
      the new state, and the logistic loss, a scalar.
    """
    real_key, fake_key = jax.random.split(key)
    real_pool, real = query(state.real, real, real_key)
    fake_pool, fake = query(state.fake, fake, fake_key)

    def objective(params):
        judge = nnx.merge(graphdef, params)
        return losses.discriminator_loss(judge(real), judge(fake))

    loss, gradient = jax.value_and_grad(objective)(state.params)
    state = dataclasses.replace(state, real=real_pool, fake=fake_pool)
    state = _update(state, gradient, config)
    if not config.r1_interval:
        return state, loss
    is_due = number % config.r1_interval == 0
    state = jax.lax.cond(
        is_due, lambda s: _regularize(s, graphdef, real, config), lambda s: s, state
    )
    return state, loss


def r1_penalty(
    discriminator: latent_discriminator.LatentDiscriminator, w: jax.Array
) -> jax.Array:
    """Returns the mean over w `[N, w_dim]` of the squared gradient of the logit."""
    gradient = jax.grad(lambda x: jnp.sum(discriminator(x)))(w)
    return jnp.mean(jnp.sum(jnp.square(gradient), axis=1))


def _regularize(
    state, graphdef, real, config: LatentAdversaryConfig
) -> LatentAdversaryState:
    weight = config.r1_gamma / 2 * config.r1_interval

    def objective(params):
        return weight * r1_penalty(nnx.merge(graphdef, params), real)

    return _update(state, jax.grad(objective)(state.params), config)


def _update(
    state: LatentAdversaryState, gradient, config: LatentAdversaryConfig
) -> LatentAdversaryState:
    adam = optax.adam(config.learning_rate)
    updates, opt_state = adam.update(gradient, state.opt_state)
    params = optax.apply_updates(state.params, updates)
    return dataclasses.replace(state, params=params, opt_state=opt_state)
