"""Where the inversions of a batch begin: what `start` may be, and what comes of it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.inversion import predictions, starts
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.nn import base, checks

Start = (
    str | starts.SeedPool | jax.Array | np.ndarray | Callable[[jax.Array], jax.Array]
)
"""Where to start: "mean", "zeros", "random", "seeds" or "seeds:NUMBER" (the best of so
many random codes), "encoder" (what the network of this name predicts); a pool of random
codes; codes `[1 or N, num_ws, w_dim]` or values `[1 or N, ...]` of the searched space;
an encoder, a regressor, or a function that predicts codes of pictures."""


def find(
    models: Models,
    config: ProjectorConfig,
    start: Start,
    targets: jax.Array,
    key: jax.Array,
    *,
    labels: jax.Array | None = None,
    pools: dict[str, starts.SeedPool] | None = None,
) -> jax.Array:
    """Finds the first values of a batch.

    Args:
      models: the frozen networks.
      config: of the inversion: the searched space, and the terms that choose a seed.
      start: where to begin.
      targets: `[N, R, R, 3]` in [-1, 1].
      key: PRNG key of random codes.
      labels: `[N, c_dim]`; conditional generators only.
      pools: keeps pools of random codes from one call to the next.

    Returns:
      values `[N, ...]` of the searched space.

    Raises:
      ValueError: `start` is nothing of the kind, or does not fit the generator.
    """
    space, num = config.space, len(targets)
    if isinstance(start, str):
        kind, _, rest = start.partition(":")
        if kind == "seeds" and (not rest or rest.isdecimal()):
            pools = {} if pools is None else pools
            z = _nearest(models, config, targets, int(rest or 256), labels, key, pools)
            return starts.from_z(models, space, z, labels)
        if start == "random":
            return starts.random(models, space, num, key, labels)
        if start in ("mean", "zeros"):
            return getattr(starts, start)(models, space, num)
        if start == "encoder":
            encoder = _encoder(models)
            return predictions.predict(models, space, encoder, targets, labels)
        raise InputError(
            "`start` must be mean, zeros, random, encoder, seeds or seeds:NUMBER,"
            f" codes, or a network that predicts them, got {start!r}."
        )
    if isinstance(start, starts.SeedPool):
        z, _ = starts.nearest(models, start, targets, config)
        return starts.from_z(models, space, z, labels)
    if callable(start):
        return predictions.predict(models, space, start, targets, labels)
    if not isinstance(start, np.ndarray | jax.Array | list | tuple):
        raise InputError(
            "`start` must be a word, codes, or a network that predicts them, got"
            f" {checks.describe(start)}; leave it out for the preset's way."
        )
    return starts.from_array(models, space, jnp.asarray(start), num)


def _encoder(models: Models) -> base.Encoder:
    if "encoder" not in models.networks:
        raise InputError(
            'To start from "encoder", give the network that predicts codes under this'
            " name."
        )
    return models.networks["encoder"]


def taken(start: Start, index: np.ndarray, num: int) -> Start:
    """Returns the start of the pictures `index` `[M]`, where each has its own."""
    is_array = isinstance(start, np.ndarray | jax.Array)
    return start[index] if is_array and len(start) == num > 1 else start


def _nearest(models, config, targets, num_seeds, labels, key, pools) -> jax.Array:
    """The best of a pool of random codes, picture by picture and class by class."""

    def search(label):
        parts = (num_seeds, label, jax.random.key_data(key))
        name = str(jax.tree.map(lambda x: np.asarray(x).tolist(), parts))
        if name not in pools:
            pools[name] = starts.make_pool(
                models, config, num_seeds=num_seeds, key=key, labels=label
            )
        return starts.nearest(models, pools[name], targets, config)[0]

    if labels is None:
        return search(None)
    best = jnp.zeros((len(targets), models.generator.config.z_dim))
    for row in np.unique(np.asarray(labels), axis=0):
        label = jnp.asarray(row)[None]
        is_own = jnp.all(labels == label, axis=1)
        best = jnp.where(is_own[:, None], search(label), best)
    return best
