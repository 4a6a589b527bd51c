"""Inversion of a batch of pictures by gradient descent on their latent codes.

`init`, `advance` and `finish` are pure; `advance` is the compiled program. Every
picture of the batch has its own values, noise maps, optimizer state, weights, best
result and stop: what happens to one never reaches another. All pictures of a batch
see the same random numbers, so a picture's result does not depend on its place.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from jax_encoder.errors import InputError
from jax_encoder.inversion import batching, rendering, terms
from jax_encoder.inversion import regularizers as regularizers
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import (
    DIVERGED,
    RUNNING,
    STOPPED,
    Curves,
    Models,
    Problem,
    Projection,
    ProjectorState,
    Variables,
)
from jax_encoder.latents import styles
from jax_encoder.nn import base, feature_maps, frozen


def prepare(
    models: Models,
    targets: jax.Array,
    config: ProjectorConfig,
    *,
    weights: jax.Array | None = None,
    labels: jax.Array | None = None,
) -> Problem:
    """Computes all that depends on the targets only.

    Args:
      models: the frozen networks.
      targets: `[N, R, R, 3]` in [-1, 1], at the resolution that is rendered.
      config: of the inversion.
      weights: `[N, T]` of the terms; default: their own. What the objective has besides
        (`config.objective`) keeps its own weights.
      labels: `[N, c_dim]`; conditional generators searched in Z only.

    Returns:
      The problem.
    """
    row = jnp.asarray([term.weight for term in config.objective], jnp.float32)
    own = jnp.broadcast_to(row[None], (targets.shape[0], len(row)))
    if weights is None:
        weights = own
    elif weights.shape != (targets.shape[0], len(config.terms)):
        raise InputError(
            f"`weights` must be [{targets.shape[0]}, {len(config.terms)}], one per"
            f" picture and term, got {weights.shape}."
        )
    weights = jnp.concatenate([weights, own[:, weights.shape[1] :]], axis=1)
    prepared = _prepare(models.networks, targets, config)
    return Problem(prepared=prepared, weights=weights, labels=labels)


@functools.partial(jax.jit, static_argnames="config")
def _prepare(networks, targets, config):
    size = config.micro_batch
    return batching.map_batches(
        lambda batch: tuple(t.prepare(networks, batch) for t in config.objective),
        targets,
        size,
    )


def init(
    models: Models,
    values: jax.Array,
    key: jax.Array,
    config: ProjectorConfig,
    *,
    noises: tuple[jax.Array, ...] | None = None,
) -> ProjectorState:
    """Returns the state before the first step.

    Args:
      models: tell the sides of the noise maps.
      values: `[N, ...]` the start, in the searched space.
      key: PRNG key of the noise maps and the exploration.
      config: of the inversion.
      noises: `[N, H, W]` first noise maps; default: random, the same for all pictures.
    """
    num = values.shape[0]
    noise_key, key = jax.random.split(key)
    if noises is None:
        noises = ()
        if config.noise == "optimize":
            shapes = models.generator.config.noise_shapes
            noises = _random_noises(noise_key, shapes, num)
    layer = config.latent_space.feature_layer(models.generator.config)
    features = None if layer is None else jnp.zeros((num, *layer.shape))
    variables = Variables(values=values, noises=noises, features=features)
    optimizer: Any = config.make_optimizer()
    return ProjectorState(
        step=jnp.zeros((), jnp.int32),
        seed=jax.random.key_data(key),
        variables=variables,
        opt_state=jax.vmap(optimizer.init)(variables),
        best=variables,
        best_loss=jnp.full((num,), jnp.inf, jnp.float32),
        best_step=jnp.zeros((num,), jnp.int32),
        status=jnp.full((num,), RUNNING, jnp.int32),
    )


def _random_noises(key, shapes, num):
    keys = jax.random.split(key, len(shapes))
    maps = [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)]
    return tuple(jnp.broadcast_to(m[None], (num, *m.shape)) for m in maps)


def _advance(
    models: Models,
    problem: Problem,
    state: ProjectorState,
    num_steps: jax.Array,
    *,
    config: ProjectorConfig,
    resolution: int,
    chunk: int,
    mesh: Mesh | None = None,
) -> tuple[ProjectorState, Curves]:
    """Runs a chunk of steps; one compiled program for a batch shape and resolution.

    Args:
      models: the frozen networks.
      problem: from `prepare`, at `resolution`.
      state: from `init` or an earlier call.
      num_steps: how many steps to run, at most `chunk`; not static.
      config: of the inversion.
      resolution: at which to render.
      chunk: the length of the curves.
      mesh: devices with an axis "data" over which the pictures are divided; each
        device runs its pictures without a word to the others.

    Returns:
      The state after the steps, and the curves (NaN after `num_steps`).
    """
    run = functools.partial(_run, config=config, resolution=resolution, chunk=chunk)
    if mesh is None:
        return run(models, problem, state, num_steps)
    data, replicated = PartitionSpec("data"), PartitionSpec()
    state_specs = _state_specs(state)
    sharded = jax.shard_map(
        run,
        mesh=mesh,
        in_specs=(replicated, data, state_specs, replicated),
        out_specs=(state_specs, PartitionSpec(None, "data")),
        check_vma=False,
    )
    return sharded(models, problem, state, num_steps)


def _state_specs(state: ProjectorState) -> ProjectorState:
    """How a state lies on devices: pictures divided, what they share everywhere."""
    divided = jax.tree.map(lambda _: PartitionSpec("data"), state)
    return dataclasses.replace(divided, step=PartitionSpec(), seed=PartitionSpec())


_STATIC = ("config", "resolution", "chunk", "mesh")
advance = jax.jit(_advance, static_argnames=_STATIC)
# The same for a state that nobody needs any more: its memory is used again.
advance_in_place = jax.jit(_advance, static_argnames=_STATIC, donate_argnames="state")


def _run(models, problem, state, num_steps, *, config, resolution, chunk):
    models = frozen.prepare(models)
    spread = config.latent_space.spread(models.statistics, models.generator)
    num, num_terms = problem.weights.shape
    curves = Curves(
        loss=jnp.full((chunk, num), jnp.nan, jnp.float32),
        terms=jnp.full((chunk, num, num_terms), jnp.nan, jnp.float32),
        names=config.names,
    )

    units = _feature_units(models, config)

    def evaluate(offset, step, batch):
        variables, problem = batch
        measured, gradients = _evaluate(
            models,
            variables,
            problem,
            offset,
            units,
            config=config,
            resolution=resolution,
        )
        return measured, _hold(gradients, step, models, config)

    def body(index, carry):
        state, curves = carry
        state, measured = _step(evaluate, problem, state, spread, config)
        curves = jax.tree.map(lambda c, m: c.at[index].set(m), curves, measured)
        return state, curves

    return jax.lax.fori_loop(0, num_steps, body, (state, curves))


def _step(evaluate, problem, state, spread, config):
    """One gradient step for every picture that still runs."""
    offset = jnp.zeros_like(state.variables.values[:1])
    if config.exploration is not None:
        scale = config.exploration(state.step, config.num_steps) * spread
        key = jax.random.fold_in(jax.random.wrap_key_data(state.seed), state.step)
        offset = scale * exploration_noise(key, state.step, offset.shape)

    def step(batch):
        own, problem = batch
        own = dataclasses.replace(own, step=state.step)
        measured, gradients = evaluate(offset, state.step, (own.variables, problem))
        own = _follow(own, measured.loss, gradients, config)
        return dataclasses.replace(own, step=None), measured

    # All that happens to a picture happens in its slice, and so gives the same bits in
    # every batch: a line search sums over a picture's numbers, too.
    own = dataclasses.replace(state, step=None, seed=None)
    own, measured = batching.map_batches(step, (own, problem), config.micro_batch)
    return dataclasses.replace(own, step=state.step + 1, seed=state.seed), measured


def _follow(state, losses, gradients, config):
    """Takes what a step measured of some pictures; `step` and `seed` stay."""
    is_finite = _all_finite((losses, gradients))
    is_running = state.status == RUNNING
    is_diverged = is_running & ~is_finite
    if config.searches_lines:
        # After a first finite point, another means that the search went too far.
        is_diverged &= ~jnp.isfinite(state.best_loss)
    is_active = is_running & ~is_diverged
    improves = is_active & is_finite & (losses < state.best_loss)
    best = _where(improves, state.variables, state.best)
    best_loss = jnp.where(improves, losses, state.best_loss)
    best_step = jnp.where(improves, state.step, state.best_step)

    moved, opt_state = _move(state, gradients, losses, config)
    variables = _where(is_active, moved, state.variables)
    variables = _where(is_diverged, best, variables)
    status = jnp.where(is_diverged, DIVERGED, state.status)
    is_done = is_active & _is_done(best_loss, state.step - best_step, config)
    return dataclasses.replace(
        state,
        variables=variables,
        opt_state=_where(is_active, opt_state, state.opt_state),
        best=best,
        best_loss=best_loss,
        best_step=best_step,
        status=jnp.where(is_done, STOPPED, status),
    )


def _move(state, gradients, losses, config):
    """The next variables of every picture, and the state of its optimizer."""
    optimizer: Any = config.make_optimizer()
    updates, opt_state = jax.vmap(
        lambda g, s, v, loss: optimizer.update(g, s, v, value=loss)
    )(gradients, state.opt_state, state.variables, losses)
    moved = jax.tree.map(jnp.add, state.variables, updates)
    if not config.searches_lines:
        moved = _normalize_noises(moved, config)
    return moved, opt_state


def _normalize_noises(variables, config):
    noises = tuple(
        regularizers.normalize_noise(noise, unbiased=config.noise_is_unbiased)
        for noise in variables.noises
    )
    return dataclasses.replace(variables, noises=noises)


def restart(state: ProjectorState, config: ProjectorConfig) -> ProjectorState:
    """Forgets what belongs to an earlier objective, say at another resolution.

    Objectives at different resolutions cannot be compared, so the best one so far is
    forgotten. A line search goes on from the best variables, without its history;
    moments of first-order optimizers stay.

    Args:
      state: after the steps with the earlier objective; its best has been seen.
      config: of the inversion.
    """
    best_loss = jnp.full_like(state.best_loss, jnp.inf)
    if not config.searches_lines:
        return dataclasses.replace(state, best_loss=best_loss)
    optimizer: Any = config.make_optimizer()
    is_running = state.status == RUNNING
    opt_state = jax.vmap(optimizer.init)(state.best)
    return dataclasses.replace(
        state,
        variables=_where(is_running, state.best, state.variables),
        opt_state=_where(is_running, opt_state, state.opt_state),
        best_loss=best_loss,
    )


def exploration_noise(
    key: jax.Array, step: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """The standard normal noise of a step (a scalar), the same for every picture."""
    del step  # Part of the key already.
    return jax.random.normal(key, shape)


def _is_done(best_loss, num_idle, config):
    is_done = jnp.zeros(best_loss.shape, bool)
    if config.stop_below is not None:
        is_done |= best_loss < config.stop_below
    if config.patience is not None:
        is_done |= num_idle >= config.patience
    return is_done


def _feature_units(models: Models, config: ProjectorConfig) -> jax.Array | None:
    """The root mean square of the searched map at the mean w; None without a map."""
    generator = models.generator
    layer = config.latent_space.feature_layer(generator.config)
    if layer is None:
        return None

    def measure(ws):
        own = feature_maps.feature_map(generator.synthesis, ws, layer)
        return jnp.sqrt(jnp.mean(jnp.square(own), axis=(1, 2, 3)))

    # A slice, though there is but one: the same bits in programs for any devices.
    ws = styles.broadcast(models.statistics.w_avg[None], generator.config.num_ws)
    return batching.map_batches(measure, ws, 1)[0]


def _hold(gradients, step, models, config):
    """Lets the feature map rest at first, then the rows of w that act before it."""
    layer = config.latent_space.feature_layer(models.generator.config)
    if layer is None:
        return gradients
    is_first = step < config.feature_step
    is_late = jnp.arange(gradients.values.shape[1]) >= layer.num_rows
    moves = (is_first | is_late)[None, :, None]
    return dataclasses.replace(
        gradients,
        values=jnp.where(moves, gradients.values, 0.0),
        features=jnp.where(is_first, 0.0, gradients.features),
    )


def _evaluate(
    models, variables, problem, offset, units, *, config, resolution
) -> base.Tree:
    """Returns what was measured, and the gradient of every picture's objective."""

    def objective(variables):
        if config.searches_lines:
            # The search moves freely; what is shown has mean 0 and variance 1.
            variables = _normalize_noises(variables, config)
        moved = dataclasses.replace(variables, values=variables.values + offset)
        shown = _render(models, moved, problem.labels, units, config, resolution)
        rows = [
            term(models.networks, prepared, shown)
            for term, prepared in zip(config.objective, problem.prepared, strict=True)
        ]
        measured = jnp.stack(rows, axis=1)
        weighted = problem.weights * measured
        num_own = len(config.terms)
        # What the configuration adds by itself comes after what it was given.
        loss = jnp.sum(weighted[:, :num_own], axis=1)
        for k in range(num_own, weighted.shape[1]):
            loss = loss + weighted[:, k]
        # The pictures do not meet, so the sum has the gradients of all of them.
        return jnp.sum(loss), Curves(loss=loss, terms=measured, names=config.names)

    gradients, measured = jax.grad(objective, has_aux=True)(variables)
    return measured, gradients


def _render(models, variables, labels, units, config, resolution):
    ws = config.latent_space.to_ws(
        variables.values, models.generator, models.statistics, labels
    )
    noise = variables.noises if config.noise == "optimize" else config.noise
    images = rendering.render(
        models.generator,
        ws,
        noise=noise,
        resolution=resolution,
        dtype=config.dtype,
        remat_from=config.remat_from,
        features=variables.features if units is None else variables.features * units,
    )
    return terms.Rendering(
        images=images,
        ws=ws,
        statistics=models.statistics,
        noises=variables.noises,
        features=variables.features,
    )


@functools.partial(jax.jit, static_argnames=("config", "mesh"))
def finish(
    models: Models,
    state: ProjectorState,
    labels: jax.Array | None = None,
    *,
    config: ProjectorConfig,
    mesh: Mesh | None = None,
) -> Projection:
    """Renders the kept values at full resolution.

    Args:
      models: the frozen networks.
      state: from `advance`; without one finite objective the start is kept.
      labels: `[N, c_dim]`, if the generator takes any.
      config: of the inversion.
      mesh: as of `advance`; each device renders its own pictures.
    """
    show = functools.partial(_finish, config=config)
    if mesh is None:
        return show(models, state, labels)
    data = PartitionSpec("data")
    sharded = jax.shard_map(
        show,
        mesh=mesh,
        in_specs=(PartitionSpec(), _state_specs(state), data),
        out_specs=data,
        check_vma=False,
    )
    return sharded(models, state, labels)


def _finish(models, state, labels, *, config):
    kept = state.best if config.keep == "best" else state.variables
    if config.searches_lines:
        kept = _normalize_noises(kept, config)

    units = _feature_units(models, config)
    offset = kept.features
    features = None if units is None or offset is None else offset * units

    def show(batch):
        full = models.generator.config.resolution
        variables, labels = batch
        shown = _render(models, variables, labels, None, config, full)
        return shown.ws, shown.images

    scaled = dataclasses.replace(kept, features=features)
    ws, images = batching.map_batches(show, (scaled, labels), config.micro_batch)
    return Projection(
        ws=ws,
        values=kept.values,
        noises=kept.noises,
        features=features,
        images=images,
        loss=state.best_loss,
        best_step=state.best_step,
        status=state.status,
    )


def _all_finite(tree):
    """`[N]`: whether all numbers of a picture are finite."""
    leaves = [
        jnp.all(jnp.isfinite(x.reshape(x.shape[0], -1)), axis=1)
        for x in jax.tree.leaves(tree)
    ]
    return functools.reduce(jnp.logical_and, leaves)


def _where(mask, new, old):
    """Chooses per picture between two trees."""

    def choose(a, b):
        return jnp.where(mask.reshape((-1,) + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)
