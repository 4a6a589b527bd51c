"""Where an inversion starts: values of the searched space, one per picture."""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.inversion import batching, rendering
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.latents import sampling, spaces, styles
from jax_encoder.nn import base
from jax_encoder.ops import resize

_BATCH = 16


def mean(models: Models, space: str, num: int) -> jax.Array:
    """The mean latent for every picture.

    Args:
      models: the frozen networks.
      space: the searched space, behind the mapping network.
      num: pictures.

    Returns:
      values `[N, ...]`.

    Raises:
      ValueError: the space is Z, where the mean of w has no counterpart.
    """
    w = jnp.broadcast_to(models.statistics.w_avg, (num, models.generator.config.w_dim))
    return from_ws(models, space, styles.broadcast(w, models.generator.config.num_ws))


def zeros(models: Models, space: str, num: int) -> jax.Array:
    """Zeros in the searched space; in Z, where zero has no direction, refused.

    Raises:
      ValueError: the space is Z.
    """
    found = spaces.get(space)
    if found.is_before_mapping:
        raise InputError(
            "The mapping network normalizes z, which cannot be done at zero: start an"
            " inversion in Z from `seeds` or `random`."
        )
    return jnp.zeros((num, *found.shape(models.generator.config)))


def random(
    models: Models,
    space: str,
    num: int,
    key: jax.Array,
    labels: jax.Array | None = None,
) -> jax.Array:
    """A random code of the generator, the same for every picture.

    Args:
      models: the frozen networks.
      space: the searched space.
      num: pictures.
      key: PRNG key.
      labels: `[N, c_dim]`; conditional generators only.

    Returns:
      values `[N, ...]`.
    """
    z = jax.random.normal(key, (1, models.generator.config.z_dim))
    return from_z(models, space, jnp.broadcast_to(z, (num, z.shape[1])), labels)


def from_z(
    models: Models, space: str, z: jax.Array, labels: jax.Array | None = None
) -> jax.Array:
    """Turns latents z `[N, z_dim]` into values of the searched space."""
    labels = sampling.broadcast_labels(labels, z.shape[0])
    return _from_z(models, z, labels, space=spaces.get(space))


@functools.partial(jax.jit, static_argnames="space")
def _from_z(models, z, labels, *, space):
    def convert(batch):
        return space.from_z(batch[0], models.generator, models.statistics, batch[1])

    return batching.map_batches(convert, (z, labels), batching.smallest())


def from_ws(models: Models, space: str, ws: jax.Array) -> jax.Array:
    """Turns a saved code or an encoder's prediction into values of the space.

    Args:
      models: the frozen networks.
      space: the searched space, behind the mapping network.
      ws: `[N, num_ws, w_dim]`.

    Returns:
      values `[N, ...]`.

    Raises:
      ValueError: the code has other sides than the generator's, or the space is Z.
    """
    config = models.generator.config
    if ws.ndim != 3 or ws.shape[1:] != (config.num_ws, config.w_dim):
        raise InputError(
            f"The code must be [N, {config.num_ws}, {config.w_dim}] for this"
            f" generator, got {ws.shape}."
        )
    return _from_ws(models.statistics, ws, space=spaces.get(space))


@functools.partial(jax.jit, static_argnames="space")
def _from_ws(statistics, ws, *, space):
    return batching.map_batches(
        lambda ws: space.from_ws(ws, statistics), ws, batching.smallest()
    )


def from_array(models: Models, space: str, codes: jax.Array, num: int) -> jax.Array:
    """Turns codes, or values of the space, into a start for every picture.

    Args:
      models: the frozen networks.
      space: the searched space.
      codes: `[1 or num, num_ws, w_dim]`, or values `[1 or num, ...]` of the space.
      num: pictures.

    Returns:
      values `[num, ...]`.

    Raises:
      ValueError: the shape is neither.
    """
    config = models.generator.config
    shape, rows = spaces.get(space).shape(config), (config.num_ws, config.w_dim)
    if codes.shape[:1] not in ((1,), (num,)) or codes.shape[1:] not in (shape, rows):
        raise InputError(
            f"The start must be one code or {num}, as {list(rows)} or, in {space}, as"
            f" {list(shape)}: got {codes.shape}."
        )
    is_ws = codes.shape[1:] == rows
    values = from_ws(models, space, codes) if is_ws else codes
    return jnp.broadcast_to(values, (num, *shape))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedPool:
    """Random codes and what the terms see of their pictures.

    The pool is rendered once and shared by all pictures.

    Attributes:
      z: `[K, z_dim]`.
      prepared: per image term, `[K, ...]` arrays, of pictures shrunk to `side`.
      side: at which pictures are compared.
    """

    z: jax.Array
    prepared: tuple[base.Tree, ...]
    side: int = dataclasses.field(metadata={"static": True})


def make_pool(
    models: Models,
    config: ProjectorConfig,
    *,
    num_seeds: int = 256,
    seed: int = 0,
    side: int = 64,
    labels: jax.Array | None = None,
    key: jax.Array | None = None,
) -> SeedPool:
    """Renders random codes and computes what the terms compare.

    Args:
      models: the frozen networks.
      config: its terms measure.
      num_seeds: codes, K.
      seed: of the codes.
      side: pictures are averaged down to this side before they are compared.
      labels: `[1, c_dim]`; conditional generators only.
      key: PRNG key of the codes, instead of `seed`.

    Returns:
      The pool.
    """
    z_dim = models.generator.config.z_dim
    key = jax.random.key(seed) if key is None else key
    z = jax.random.normal(key, (num_seeds, z_dim))
    side = min(side, models.generator.config.resolution)
    parts = []
    for first in range(0, num_seeds, _BATCH):
        batch = z[first : first + _BATCH]
        size = len(batch)
        # The last batch is filled up, so that only one program is compiled.
        filled = jnp.concatenate([batch, z[: _BATCH - size]])
        prepared = _prepare_pool(models, filled, labels, config=config, side=side)
        parts.append(jax.tree.map(lambda x, n=size: x[:n], prepared))
    joined = jax.tree.map(lambda *xs: jnp.concatenate(xs), *parts)
    return SeedPool(z=z, prepared=joined, side=side)


@functools.partial(jax.jit, static_argnames=("config", "side"))
def _prepare_pool(models, z, labels, *, config, side):
    ws = from_z(models, "w+", z, labels)
    images = resize.at_most(rendering.render(models.generator, ws), side)
    return _prepare(models, images, config)


def _prepare(models, images, config):
    """What the image terms see, in half precision: the pool is large."""
    prepared = tuple(
        term.prepare(models.networks, images) for term in config.image_terms
    )
    return jax.tree.map(lambda x: x.astype(jnp.float16), prepared)


def nearest(
    models: Models,
    pool: SeedPool,
    targets: jax.Array,
    config: ProjectorConfig,
    *,
    weights: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Finds the code of the pool whose picture is nearest to each target.

    Args:
      models: the frozen networks.
      pool: from `make_pool`, with the same terms.
      targets: `[N, R, R, 3]` in [-1, 1].
      config: its terms measure.
      weights: `[T]` of the image terms; default: the terms' own.

    Returns:
      z `[N, z_dim]` and the objective of every code `[N, K]`.
    """
    if weights is None:
        weights = jnp.asarray([term.weight for term in config.image_terms])
    distances = _distances(models, pool, targets, weights, config=config)
    return pool.z[jnp.argmin(distances, axis=1)], distances


@functools.partial(jax.jit, static_argnames="config")
def _distances(models, pool, targets, weights, *, config):
    targets = resize.at_most(targets, pool.side)
    num_seeds = pool.z.shape[0]

    def measure(prepared):
        total = jnp.zeros((num_seeds,))
        terms = zip(config.image_terms, prepared, pool.prepared, weights, strict=True)
        for term, one, all_, weight in terms:
            repeated = jax.tree.map(
                lambda x, y: jnp.broadcast_to(x[None], y.shape).astype(jnp.float32),
                one,
                all_,
            )
            wide = jax.tree.map(lambda y: y.astype(jnp.float32), all_)
            total = total + weight * term.compare(models.networks, repeated, wide)
        return total

    return jax.lax.map(measure, _prepare(models, targets, config))


def features_of_a_pool(models: Models, config: ProjectorConfig, side: int) -> object:
    """Returns the shapes of what a pool of one picture remembers.

    Args:
      models: the frozen networks.
      config: its terms compare the pictures.
      side: of the pictures.

    Returns:
      `jax.ShapeDtypeStruct`s in the structure of `SeedPool.prepared`.
    """
    channels = getattr(models.generator.config, "image_channels", 3)
    image = jax.ShapeDtypeStruct((1, side, side, channels), jnp.float32)
    return jax.eval_shape(
        lambda models, images: _prepare(models, images, config), models, image
    )
