"""How good a generator is: FID against real pictures, and PPL."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.latents import styles
from jax_encoder.metrics import features, frechet, path_length
from jax_encoder.training import sources


def fid(
    generator: Any,
    source: sources.Source,
    network: Any,
    *,
    num: int,
    key: jax.Array,
    batch_size: int = 16,
) -> dict[str, float]:
    """Compares a generator's pictures with real ones by their features.

    Args:
      generator: a generator.
      source: real pictures; other steps than the training's give unseen ones.
      network: whose features are compared, see `features.describe`: Inception makes it
        the published FID, the demo's feature network a stand-in.
      num: pictures of each.
      key: of the latents.
      batch_size: pictures at a time.

    Returns:
      "fid", and "fid_real": the distance between two halves of the real pictures'
      world, each of `num` pictures: the least that can be reached.
    """
    steps = range(-(-num // batch_size))
    # Steps that no training reaches.
    first = [source(10**8 + step, batch_size) for step in steps]
    second = [source(2 * 10**8 + step, batch_size) for step in steps]
    fakes = samples(generator, key, num=num, batch_size=batch_size)
    found = [
        features.statistics(
            features.extract(
                features.describe, network, batches, batch_size=batch_size, devices=None
            )
        )
        for batches in (first, second, fakes)
    ]
    return {
        "fid": frechet.frechet_distance(found[2], found[0]),
        "fid_real": frechet.frechet_distance(found[1], found[0]),
    }


def ppl(generator: Any, network: Any, *, num: int, key: jax.Array) -> float:
    """Returns the perceptual path length in W, at the ends of paths.

    Args:
      generator: a generator.
      network: an LPIPS-like distance: `(images, images) -> [N]`.
      num: paths.
      key: PRNG key.
    """
    lengths = path_length.sample_path_lengths(
        generator,
        network,
        key,
        distance=_distance,
        config=path_length.PathLengthConfig(),
        num_samples=num,
        batch_size=8,
    )
    return path_length.mean_path_length(lengths)


def _distance(network, images, others):
    return network(images, others)


def samples(
    generator: Any, key: jax.Array, *, num: int, batch_size: int = 16
) -> Iterator[np.ndarray]:
    """Yields batches of a generator's pictures `[batch_size, H, W, 3]`, untruncated."""
    for index in range(-(-num // batch_size)):
        step_key = jax.random.fold_in(key, index)
        shape = (batch_size, generator.config.z_dim)
        yield np.asarray(_sample(generator, jax.random.normal(step_key, shape)))


@jax.jit
def _sample(generator, z):
    ws = styles.broadcast(generator.mapping(z), generator.config.num_ws)
    return jnp.clip(generator.synthesis(ws), -1.0, 1.0)
