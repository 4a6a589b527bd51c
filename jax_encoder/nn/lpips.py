"""LPIPS v0.1, the learned perceptual distance (Zhang et al. 2018, arXiv:1801.03924).

The distance is the squared length of a difference of features: `features` normalizes
every channel vector, and scales it by the root of its learnt weight over the number of
cells. Features of targets are therefore computed once, and the distance is a sum of
squares.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import alexnet, checks, squeezenet, vgg
from jax_encoder.ops import resize

EPSILON = 1e-10
TAPS = {
    "alex": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "squeeze": ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"),
}
WIDTHS = {
    "alex": (64, 192, 384, 256, 256),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LPIPSConfig:
    """Which features are compared, and how.

    Attributes:
      trunk: "vgg", "alex" or "squeeze".
      channels: the widths of a "vgg" trunk, block by block; VGG16's by default.
      preprocessing: what the trunk expects; the published distances use "lpips".
      is_calibrated: with learnt weights per channel; without, channels count equally.
      family: "lpips".
    """

    trunk: str = "vgg"
    channels: tuple[tuple[int, ...], ...] = vgg.VGG16_CHANNELS
    preprocessing: str = "lpips"
    is_calibrated: bool = True
    family: str = "lpips"

    def __post_init__(self):
        checks.validate(self)
        if self.trunk not in ("vgg", *TAPS):
            raise InputError(
                f'`trunk` must be "vgg", "alex" or "squeeze": got {self.trunk!r}.'
            )

    @property
    def taps(self) -> tuple[str, ...]:
        """The layers compared; of a VGG the last of every block."""
        if self.trunk == "vgg":
            blocks = enumerate(self.channels, 1)
            return tuple(f"relu{block}_{len(widths)}" for block, widths in blocks)
        return TAPS[self.trunk]

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of every tap."""
        if self.trunk == "vgg":
            return tuple(widths[-1] for widths in self.channels)
        return WIDTHS[self.trunk]


class Heads(nnx.Module):
    """The learnt weights of the channels, without a trunk.

    Attributes:
      lin0, lin1, ...: `[C]`, none negative, one per tap.
    """

    config_class = LPIPSConfig

    def __init__(self, config: LPIPSConfig, *, rngs: nnx.Rngs):
        del rngs  # The weights start equal.
        self.config = config
        for index, width in enumerate(config.widths):
            setattr(self, f"lin{index}", nnx.Param(jnp.ones(width)))


class LPIPS(nnx.Module):
    """The distance of two pictures.

    Attributes:
      config: which features are compared.
      trunk: the feature network.
      heads: the channels' weights; absent when uncalibrated.
    """

    config_class = LPIPSConfig

    def __init__(self, config: LPIPSConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.trunk = _make_trunk(config, rngs)
        if config.is_calibrated:
            self.heads = Heads(config, rngs=rngs)

    def __call__(self, images_a: jax.Array, images_b: jax.Array) -> jax.Array:
        """The distance of every pair of pictures, `[N]`.

        Args:
          images_a: `[N, H, W, 3]` in [-1, 1].
          images_b: likewise, of the same size.

        Returns:
          `[N]`, zero for equal pictures.

        Raises:
          ValueError: the pictures break the convention or differ in shape.
        """
        _check_same(images_a, images_b)
        return self.distance(self.features(images_a), self.features(images_b))

    def features(self, images: jax.Array) -> tuple[jax.Array, ...]:
        """Features whose squared distance is LPIPS.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].

        Returns:
          One `[N, h, w, C]` per tap: unit channel vectors, times the root of
          weight / (h w).

        Raises:
          ValueError: the pictures break the convention.
        """
        scaled = []
        for index, tap in enumerate(self._taps(images)):
            per_cell = self._weight(index) / (tap.shape[1] * tap.shape[2])
            scaled.append(unit_normalize(tap) * jnp.sqrt(per_cell))
        return tuple(scaled)

    def distance(
        self, features_a: tuple[jax.Array, ...], features_b: tuple[jax.Array, ...]
    ) -> jax.Array:
        """The distance `[N]` between two results of `features`.

        A batch of one is compared to every picture of the other.
        """
        return sum_of_squares(features_a, features_b)

    def contributions(self, images_a: jax.Array, images_b: jax.Array) -> jax.Array:
        """What every tap adds to the distance, `[N, taps]`."""
        _check_same(images_a, images_b)
        pairs = zip(self.features(images_a), self.features(images_b), strict=True)
        return jnp.stack([sum_of_squares((a,), (b,)) for a, b in pairs], axis=1)

    def spatial(self, images_a: jax.Array, images_b: jax.Array) -> jax.Array:
        """Where the pictures differ.

        Args:
          images_a: `[N, H, W, 3]` in [-1, 1].
          images_b: likewise, of the same size.

        Returns:
          `[N, H, W]`: every tap's map, bilinearly enlarged and summed. Its mean is
          close to, not equal to, the distance.

        Raises:
          ValueError: the pictures break the convention or differ in shape.
        """
        _check_same(images_a, images_b)
        batch, height, width, _ = images_a.shape
        total = jnp.zeros((batch, height, width, 1))
        pairs = zip(self._taps(images_a), self._taps(images_b), strict=True)
        for index, (tap_a, tap_b) in enumerate(pairs):
            squares = jnp.square(unit_normalize(tap_a) - unit_normalize(tap_b))
            weighted = squares * self._weight(index)
            cells = jnp.sum(weighted, axis=-1, keepdims=True)
            total = total + resize.bilinear(cells, (height, width))
        return total[..., 0]

    def _taps(self, images: jax.Array) -> list[jax.Array]:
        found = self.trunk.features(images, self.config.taps)
        return [found[name] for name in self.config.taps]

    def _weight(self, index: int) -> jax.Array:
        if not self.config.is_calibrated:
            return jnp.ones((1, 1, 1, 1))
        return getattr(self.heads, f"lin{index}")[...][None, None, None]


def from_vgg(network: vgg.VGG) -> LPIPS:
    """An uncalibrated distance on the features of any VGG; shares its weights.

    Args:
      network: the trunk; dense layers and resizing are left out.

    Returns:
      The distance, with every channel counting equally.
    """
    config = LPIPSConfig(
        channels=network.config.channels,
        preprocessing=network.config.preprocessing,
        is_calibrated=False,
    )
    distance = nnx.eval_shape(lambda: LPIPS(config, rngs=nnx.Rngs(0)))
    for name in network.config.layer_names:
        if name.startswith("conv"):
            setattr(distance.trunk, name, getattr(network, name))
    return distance


def unit_normalize(features: jax.Array) -> jax.Array:
    """Divides channel vectors by their length; `[..., C]`, zero stays zero.

    The length is the reference's, plus 1e-10; at zero its gradient is taken as zero.
    It is inverted before it is spread over the channels: a compiler that is given the
    quotient does so or not, and then rounds differently from program to program. It is
    spread by a product, whose gradient is one: that of a multiplication sums products,
    for which XLA's CPU compiler takes thirty times as long.
    """
    squares = jnp.sum(jnp.square(features), axis=-1)
    is_zero = squares == 0
    length = jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, squares)))
    inverse = 1.0 / (length + EPSILON)
    highest = jax.lax.Precision.HIGHEST
    return jnp.einsum("...c,...->...c", features, inverse, precision=highest)


def sum_of_squares(
    features_a: tuple[jax.Array, ...], features_b: tuple[jax.Array, ...]
) -> jax.Array:
    """Squared distance `[N]` of two equally long tuples of `[N, ...]` arrays."""
    total = jnp.zeros(())
    for a, b in zip(features_a, features_b, strict=True):
        total = total + jnp.sum(jnp.square(a - b), axis=tuple(range(1, a.ndim)))
    return total


def _check_same(images_a: jax.Array, images_b: jax.Array) -> None:
    if images_a.shape != images_b.shape:
        raise InputError(
            "Both batches must have the same shape: got"
            f" {images_a.shape} and {images_b.shape}. Resize one of them first."
        )


def _make_trunk(config: LPIPSConfig, rngs: nnx.Rngs):
    if config.trunk == "alex":
        alex_config = alexnet.AlexNetConfig(preprocessing=config.preprocessing)
        return alexnet.AlexNet(alex_config, rngs=rngs)
    if config.trunk == "squeeze":
        squeeze_config = squeezenet.SqueezeNetConfig(preprocessing=config.preprocessing)
        return squeezenet.SqueezeNet(squeeze_config, rngs=rngs)
    vgg_config = vgg.VGGConfig(
        channels=config.channels, preprocessing=config.preprocessing
    )
    return vgg.VGG(vgg_config, rngs=rngs)
