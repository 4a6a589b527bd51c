"""Features of many pictures: streamed in batches, sharded over the devices.

One program runs for all batches, the last of which is padded. Statistics are gathered
in float64 on the host, whatever the device computes in.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jax_encoder.errors import InputError
from jax_encoder.nn import base, lpips, vgg


@dataclasses.dataclass(frozen=True)
class FeatureStatistics:
    """Mean and covariance of features.

    Attributes:
      num: how many pictures.
      mean: `[D]` float64.
      scatter: `[D, D]` float64, the sum of outer products of deviations from `mean`.
    """

    num: int
    mean: np.ndarray
    scatter: np.ndarray

    def covariance(self, *, unbiased: bool) -> np.ndarray:
        """`[D, D]`, divided by num - 1 (pytorch-fid) or, biased, by num (NVIDIA).

        Raises:
          ValueError: there are too few pictures.
        """
        divisor = self.num - int(unbiased)
        if divisor < 1:
            raise InputError(
                f"A covariance needs more pictures than the {self.num} there are."
            )
        return self.scatter / divisor

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """The statistics of both sets together (Chan et al. 1979)."""
        num = self.num + other.num
        if num == 0:
            return self
        offset = other.mean - self.mean
        mean = self.mean + offset * (other.num / num)
        between = np.outer(offset, offset) * (self.num * other.num / num)
        return FeatureStatistics(num, mean, self.scatter + other.scatter + between)


def statistics(batches: Iterable[np.ndarray]) -> FeatureStatistics:
    """Gathers the statistics of features that come in batches.

    The batches are merged around their own means, so nothing cancels however far the
    features are from zero.

    Args:
      batches: arrays `[n, D]`, say of `extract`; none is kept.

    Returns:
      The statistics in float64; they do not depend on how the batches are cut.

    Raises:
      ValueError: there are no features, or some are not finite or not `[n, D]`.
    """
    total = None
    for batch in batches:
        part = _batch_statistics(batch)
        total = part if total is None else total.merge(part)
    if total is None:
        raise InputError("There are no features: the set of pictures is empty.")
    return total


def _batch_statistics(batch: np.ndarray) -> FeatureStatistics:
    values = np.asarray(batch, np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"Features must be [n, D], not empty: got {values.shape}.")
    if not np.isfinite(values).all():
        raise InputError(
            "Features must be finite; look for NaN in the pictures or the weights."
        )
    mean = values.mean(axis=0)
    deviations = values - mean[None]
    return FeatureStatistics(len(values), mean, deviations.T @ deviations)


def describe(network: base.Tree, images: jax.Array) -> jax.Array:
    """One vector per picture, for distances between sets of pictures.

    Args:
      network: an `nn.lpips.LPIPS` or a VGG, of which the features compared or the last
        of every block are averaged over the picture and joined; or a network with
        `embed`, such as Inception.
      images: `[N, H, W, 3]` in [-1, 1].

    Returns:
      `[N, D]`.
    """
    if isinstance(network, lpips.LPIPS):
        trunk, taps = network.trunk, network.config.taps
    elif isinstance(network, vgg.VGG):
        blocks = enumerate(network.config.channels, 1)
        taps = tuple(f"relu{block}_{len(widths)}" for block, widths in blocks)
        trunk = network
    else:
        return network.embed(images)
    found = trunk.features(images, taps)
    return jnp.concatenate([jnp.mean(found[t], axis=(1, 2)) for t in taps], axis=1)


def extract(
    apply: Callable[[base.Tree, base.Tree], base.Tree],
    network: base.Tree,
    batches: Iterable[base.Tree],
    *,
    batch_size: int,
    devices: Sequence[object] | None = None,
) -> Iterator[base.Tree]:
    """Applies a network to pictures, batch by batch.

    While the devices compute one batch, the caller's code for the next one runs: the
    results come one batch late.

    Args:
      apply: `(network, images [B, H, W, 3]) -> [B, ...]`; compiled once. It may take
        and return pytrees of such arrays.
      network: a module or a pytree of them, replicated to all devices.
      batches: arrays `[n, H, W, 3]` in [-1, 1], n from 1 to `batch_size`, or pytrees.
      batch_size: pictures per run of the program, over all devices together; it is
        rounded up to a multiple of the number of devices.
      devices: which to use; default: all of this process.

    Yields:
      For every batch, `[n, ...]` in NumPy.

    Raises:
      ValueError: `batch_size` is not positive, or a batch is larger.
    """
    if batch_size < 1:
        raise InputError(f"`batch_size` must be positive: got {batch_size}.")
    devices = jax.local_devices() if devices is None else devices
    mesh = Mesh(np.asarray(devices), ("data",))
    split = NamedSharding(mesh, PartitionSpec("data"))
    network = jax.device_put(network, NamedSharding(mesh, PartitionSpec()))
    compiled = jax.jit(apply, out_shardings=split)
    rounded = -(-batch_size // len(devices)) * len(devices)
    waiting: list[tuple[base.Tree, int]] = []
    for batch in batches:
        num = len(jax.tree.leaves(batch)[0])
        if not 0 < num <= batch_size:
            raise InputError(
                f"A batch must hold 1 to at most {batch_size} pictures: got {num}."
            )
        padded = jax.tree.map(lambda x: _pad(x, rounded), batch)
        waiting.append((compiled(network, jax.device_put(padded, split)), num))
        if len(waiting) > 1:
            yield _fetch(*waiting.pop(0))
    for result, num in waiting:
        yield _fetch(result, num)


def _pad(images: np.ndarray, size: int) -> np.ndarray:
    images = np.asarray(images, np.float32)
    return np.concatenate([images, np.repeat(images[-1:], size - len(images), axis=0)])


def _fetch(result: base.Tree, num: int) -> base.Tree:
    return jax.tree.map(lambda x: np.asarray(x)[:num], result)
