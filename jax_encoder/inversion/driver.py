"""The loop on the host around the compiled chunks of an inversion."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from jax_encoder.errors import InputError
from jax_encoder.inversion import projector
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import (
    RUNNING,
    Curves,
    Models,
    Projection,
    ProjectorState,
)
from jax_encoder.ops import resize


def iterate(
    models: Models,
    targets: jax.Array,
    state: ProjectorState,
    *,
    config: ProjectorConfig,
    weights: jax.Array | None = None,
    labels: jax.Array | None = None,
    chunk: int = 50,
    mesh: Mesh | None = None,
) -> Iterator[tuple[ProjectorState, Curves]]:
    """Yields the state and the curves after every chunk of steps.

    It goes on where `state` stands, so a saved state of an earlier run with the same
    arguments is continued as if nothing had happened. It ends early when no picture
    runs any more.

    Args:
      models: the frozen networks.
      targets: `[N, R, R, 3]` in [-1, 1], at the generator's resolution.
      state: from `projector.init`, or yielded earlier.
      config: what to do.
      weights: `[N, T]` per picture and term; default: the terms' own.
      labels: `[N, c_dim]`; conditional generators searched in Z only.
      chunk: steps per call of the compiled program.
      mesh: devices to divide the pictures over, with an axis "data".

    Yields:
      The state, and the curves of the steps of this chunk; where there are none to do,
      the state as it is, once. The next chunk uses the
      memory of the state again: what is to be kept of it must be copied before.

    Raises:
      ValueError: the targets do not have the generator's resolution.
    """
    full = models.generator.config.resolution
    _check_targets(models, targets)
    state = jax.tree.map(jnp.copy, state)  # The caller's stays whole.
    if not config.num_steps:
        yield state, Curves.empty(len(targets), config.names)
    problem, current = None, None
    prepare = functools.partial(
        projector.prepare, models, config=config, weights=weights, labels=labels
    )
    advance = functools.partial(
        projector.advance_in_place, models, config=config, chunk=chunk, mesh=mesh
    )
    turns = config.turns(full)
    for first, count, resolution in config.plan(full, chunk):
        if first < int(state.step):
            continue
        if first in turns:
            state = projector.restart(state, config)
        if current != resolution:
            shrunk = resize.box(targets, full // resolution)
            problem, current = prepare(targets=shrunk), resolution
        assert problem is not None
        state, curves = advance(
            problem, state, jnp.asarray(count), resolution=resolution
        )
        yield state, jax.tree.map(lambda c, count=count: c[:count], curves)
        if not (state.status == RUNNING).any():
            return


def _check_targets(models: Models, targets: jax.Array) -> None:
    """Refuses pictures that the generator could not have made."""
    full = models.generator.config.resolution
    channels = getattr(models.generator.config, "image_channels", 3)
    if targets.ndim != 4 or targets.shape[1:] != (full, full, channels):
        raise InputError(
            f"`targets` must have the generator's resolution and channels, [N, {full},"
            f" {full}, {channels}]: got {targets.shape}. Read and resize them with"
            " `jax_encoder.io.images.read` and `fit`."
        )


def project(
    models: Models,
    targets: jax.Array,
    values: jax.Array,
    key: jax.Array,
    *,
    config: ProjectorConfig,
    weights: jax.Array | None = None,
    labels: jax.Array | None = None,
    chunk: int = 50,
    mesh: Mesh | None = None,
) -> tuple[Projection, Curves]:
    """Inverts a batch of pictures.

    Args:
      models: the frozen networks.
      targets: `[N, R, R, 3]` in [-1, 1], at the generator's resolution.
      values: `[N, ...]` the start, in the searched space (`inversion.starts`).
      key: PRNG key.
      config: what to do.
      weights: `[N, T]` per picture and term; default: the terms' own.
      labels: `[N, c_dim]`; conditional generators searched in Z only.
      chunk: steps per call of the compiled program.
      mesh: devices to divide the pictures over, with an axis "data".

    Returns:
      The projection and the curves of all steps.

    Raises:
      ValueError: the targets do not have the generator's resolution.
    """
    state = projector.init(models, values, key, config)
    parts = []
    for latest, curves in iterate(
        models,
        targets,
        state,
        config=config,
        weights=weights,
        labels=labels,
        chunk=chunk,
        mesh=mesh,
    ):
        state = latest
        parts.append(curves)
    joined = jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts)
    found = projector.finish(models, state, labels, config=config, mesh=mesh)
    return found, joined
