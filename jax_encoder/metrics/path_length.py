"""Perceptual path length (Karras et al. 2019, arXiv:1812.04948, Section 4.1)."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.latents import paths, sampling, styles
from jax_encoder.nn import base
from jax_encoder.ops import resize

Distance = Callable[[base.Tree, jax.Array, jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathLengthConfig:
    """Options of the perceptual path length; hashable, hence static under `jax.jit`.

    Attributes:
      space: "z" (great circles, then the mapping) or "w" (straight lines).
      sampling: "full" (anywhere on the path) or "end" (at its start).
      epsilon: step along the path.
      crop: compare the center of the face only, as `ppl_zfull` and `ppl_wfull` do.
      size: larger pictures are box-averaged to this side first.
    """

    space: str = "w"
    sampling: str = "end"
    epsilon: float = 1e-4
    crop: bool = False
    size: int = 256

    def __post_init__(self):
        if self.space not in ("z", "w"):
            raise InputError(f'`space` must be "z" or "w": got {self.space!r}.')
        if self.sampling not in ("full", "end"):
            raise InputError(
                f'`sampling` must be "full" or "end": got {self.sampling!r}.'
            )
        if self.epsilon <= 0:
            raise InputError(f"`epsilon` must be positive: got {self.epsilon}.")


@functools.partial(jax.jit, static_argnames=("distance", "config"))
def path_lengths(
    generator: base.Generator,
    network: base.Tree,
    z: tuple[jax.Array, jax.Array],
    t: jax.Array,
    *,
    distance: Distance,
    config: PathLengthConfig,
    noise: Sequence[jax.Array] | None = None,
    labels: jax.Array | None = None,
) -> jax.Array:
    """Perceptual distances of pictures a step apart, over the squared step.

    The pictures are not clamped.

    Args:
      generator: a generator.
      network: what `distance` takes first, such as LPIPS.
      z: the ends of the paths, `[N, z_dim]` each.
      t: `[N]` in [0, 1): where on the path; ignored when sampling "end".
      distance: `(network, images, others) -> [N]`, a squared distance.
      config: the options.
      noise: a map `[H, W]` per noisy layer, for all pictures; default: the stored ones.
      labels: `[N, c_dim]` of a conditional generator, shared by both ends.

    Returns:
      `[N]`.
    """
    start = jnp.zeros_like(t) if config.sampling == "end" else t
    places = start[:, None], start[:, None] + config.epsilon
    if config.space == "z":
        ws = [generator.mapping(paths.slerp(*z, place), labels) for place in places]
    else:
        ends = [generator.mapping(end, labels) for end in z]
        places = [place.reshape(-1, *[1] * (ends[0].ndim - 1)) for place in places]
        ws = [ends[0] + (ends[1] - ends[0]) * place for place in places]
    both = styles.of_mapping(jnp.concatenate(ws), generator.config.num_ws)
    images = _compared(
        generator.synthesis(both, "const" if noise is None else noise), config
    )
    near, far = jnp.split(images, 2)
    return distance(network, near, far) / config.epsilon**2


def sample_path_lengths(
    generator: base.Generator,
    network: base.Tree,
    key: jax.Array,
    *,
    distance: Distance,
    config: PathLengthConfig,
    num_samples: int = 50_000,
    batch_size: int = 4,
) -> np.ndarray:
    """Draws paths and measures them.

    Noise maps are drawn anew for every batch, as the reference does; labels of a
    conditional generator are drawn evenly, one for both ends of a path.

    Args:
      generator: a generator.
      network: what `distance` takes first.
      key: PRNG key.
      distance: `(network, images, others) -> [N]`, a squared distance.
      config: the options.
      num_samples: how many paths; the publications take 50,000.
      batch_size: paths per run of the compiled program.

    Returns:
      `[num_samples]`; `mean_path_length` is their summary.
    """
    lengths = []
    for index in range(-(-num_samples // batch_size)):
        batch_key = jax.random.fold_in(key, index)
        lengths.append(
            _sample(
                generator,
                network,
                batch_key,
                distance=distance,
                config=config,
                batch_size=batch_size,
            )
        )
    return np.concatenate([np.asarray(x) for x in lengths])[:num_samples]


@functools.partial(jax.jit, static_argnames=("distance", "config", "batch_size"))
def _sample(generator, network, key, *, distance, config, batch_size: int):
    z, t, noise, labels = _drawn(generator.config, key, batch_size)
    return path_lengths(
        generator,
        network,
        z,
        t,
        distance=distance,
        config=config,
        noise=noise,
        labels=labels,
    )


def _drawn(config: base.GeneratorConfig, key: jax.Array, num: int):
    """The ends of paths, places on them, noise maps and labels."""
    z_key, t_key, noise_key, label_key = jax.random.split(key, 4)
    labels = sampling.draw_labels(config, label_key, num)
    z = jax.random.normal(z_key, (2, num, config.z_dim))
    shapes = config.noise_shapes
    keys = jax.random.split(noise_key, max(len(shapes), 1))
    noise = [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=False)]
    return (z[0], z[1]), jax.random.uniform(t_key, (num,)), noise or None, labels


def show_path(
    generator: base.Generator,
    key: jax.Array,
    index: int,
    steps: Sequence[float],
    *,
    config: PathLengthConfig,
    batch_size: int = 4,
) -> jax.Array:
    """Renders places along a path that `sample_path_lengths` drew.

    Args:
      generator: as it was given there.
      key: as it was given there.
      index: of the path among the lengths.
      steps: how far on to go from where the path was measured.
      config: as it was given there.
      batch_size: as it was given there.

    Returns:
      `[S, R, R, C]`, with the noise maps of the measurement, not clamped.
    """
    batch, row = divmod(index, batch_size)
    drawn = _drawn(generator.config, jax.random.fold_in(key, batch), batch_size)
    z, t, noise, labels = drawn
    start = 0.0 if config.sampling == "end" else t[row]
    places = jnp.asarray(steps)[:, None] + start
    ends = [jnp.broadcast_to(x[row : row + 1], (len(steps), x.shape[1])) for x in z]
    label = None if labels is None else labels[row : row + 1]
    if config.space == "z":
        ws = sampling.map_to_ws(generator, paths.slerp(ends[0], ends[1], places), label)
    else:
        first, last = (sampling.map_to_ws(generator, x, label) for x in ends)
        ws = paths.lerp(first, last, places[:, :, None])
    return generator.synthesis(ws, "const" if noise is None else noise)


def mean_path_length(lengths: np.ndarray) -> float:
    """The mean of what lies between the 1st and the 99th percentile.

    Args:
      lengths: `[N]` of `sample_path_lengths`.

    Returns:
      The perceptual path length.

    Raises:
      ValueError: there are none.
    """
    return float(within_percentiles(lengths).mean())


def within_percentiles(values: np.ndarray) -> np.ndarray:
    """The values `[N]` from the 1st percentile (rounded down) to the 99th (rounded up).

    Raises:
      ValueError: there are none, or not in one dimension.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError(f"`values` must be [N], N positive: got {values.shape}.")
    low = np.percentile(values, 1, method="lower")
    high = np.percentile(values, 99, method="higher")
    return values[(values >= low) & (values <= high)]


def _compared(images: jax.Array, config: PathLengthConfig) -> jax.Array:
    if config.crop:
        cell = images.shape[1] // 8
        images = images[:, 3 * cell : 7 * cell, 2 * cell : 6 * cell]
    factor = images.shape[1] // config.size
    return resize.box(images, factor) if factor > 1 else images
