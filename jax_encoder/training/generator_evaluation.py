"""How good a generator is: FID against real pictures, and PPL."""

import dataclasses
import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.latents import sampling
from jax_encoder.metrics import features, frechet, path_length
from jax_encoder.nn import base
from jax_encoder.training import sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealPictures:
    """What a generator's pictures are compared with.

    Attributes:
      statistics: of the features of real pictures.
      fid_real: the distance between them and as many other real pictures: the least
        that a generator can reach with so many.
    """

    statistics: features.FeatureStatistics
    fid_real: float


def real_pictures(
    source: sources.Source, network: base.Tree, *, num: int, batch_size: int = 16
) -> RealPictures:
    """Measures real pictures, once for all generators compared with them.

    Args:
      source: real pictures; other steps than the training's give unseen ones.
      network: whose features are compared, see `features.describe`: Inception makes it
        the published FID, the demo's feature network a stand-in.
      num: pictures of each of two sets, at least 2.
      batch_size: pictures at a time.
    """
    sizes = _sizes(num, batch_size)

    def draw(first: int) -> Iterator[np.ndarray]:
        for step, size in enumerate(sizes):
            yield np.asarray(source(first + step, batch_size))[:size]

    # Steps that no training reaches.
    one, other = (_statistics(network, draw(k * 10**8), batch_size) for k in (1, 2))
    return RealPictures(statistics=one, fid_real=frechet.frechet_distance(other, one))


def fid(
    generator: base.Generator,
    real: RealPictures,
    network: base.Tree,
    *,
    num: int,
    key: jax.Array,
    batch_size: int = 16,
) -> float:
    """Compares a generator's pictures with real ones by their features.

    Args:
      generator: a generator.
      real: of `real_pictures`, by the same network.
      network: whose features are compared.
      num: pictures of the generator, at least 2.
      key: of the latents.
      batch_size: pictures at a time.
    """
    drawn = samples(generator, key, num=num, batch_size=batch_size)
    fakes = (x[:n] for x, n in zip(drawn, _sizes(num, batch_size), strict=True))
    return frechet.frechet_distance(
        _statistics(network, fakes, batch_size), real.statistics
    )


def _sizes(num: int, batch_size: int) -> list[int]:
    """How many pictures of each batch count."""
    return [min(batch_size, num - k) for k in range(0, num, batch_size)]


def _statistics(network, batches, batch_size: int) -> features.FeatureStatistics:
    return features.statistics(
        features.extract(features.describe, network, batches, batch_size=batch_size)
    )


def ppl(
    generator: base.Generator, network: base.Tree, *, num: int, key: jax.Array
) -> float:
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
    generator: base.Generator, key: jax.Array, *, num: int, batch_size: int = 16
) -> Iterator[np.ndarray]:
    """Yields batches of a generator's pictures `[batch_size, H, W, 3]`, untruncated."""
    for index in range(-(-num // batch_size)):
        step_key = jax.random.fold_in(key, index)
        yield np.asarray(_sample(generator, step_key, num=batch_size))


@functools.partial(jax.jit, static_argnames="num")
def _sample(generator, key, *, num):
    ws = sampling.draw(generator, key, num)
    return jnp.clip(generator.synthesis(ws), -1.0, 1.0)
