"""SqueezeNet 1.1's convolutions (Iandola et al. 2016, arXiv:1602.07360)."""

import dataclasses
from collections.abc import Iterable

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, preprocessing, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import pooling

# name: (input width, squeezed width, half the output width, pooled before)
_FIRES = {
    "fire2": (64, 16, 64, True),
    "fire3": (128, 16, 64, False),
    "fire4": (128, 32, 128, True),
    "fire5": (256, 32, 128, False),
    "fire6": (256, 48, 192, True),
    "fire7": (384, 48, 192, False),
    "fire8": (384, 64, 256, False),
    "fire9": (512, 64, 256, False),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SqueezeNetConfig:
    """The architecture is fixed; only the units of the input vary.

    Attributes:
      preprocessing: a key of `preprocessing.PREPROCESSINGS`.
      family: "squeezenet".
    """

    preprocessing: str = "imagenet"
    family: str = "squeezenet"

    def __post_init__(self):
        checks.validate(self)
        preprocessing.check(self.preprocessing)


class Fire(nnx.Module):
    """Squeeze to few channels, expand by 1x1 and 3x3 kernels (Section 3.1)."""

    def __init__(self, num_in: int, num_squeezed: int, half: int, *, rngs: nnx.Rngs):
        conv = vision_layers.Conv
        self.squeeze = conv(num_in, num_squeezed, 1, rngs=rngs)
        self.expand1x1 = conv(num_squeezed, half, 1, rngs=rngs)
        self.expand3x3 = conv(num_squeezed, half, 3, padding=1, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, num_in] -> [N, H, W, 2 half]`, after ReLU."""
        x = jax.nn.relu(self.squeeze(x))
        expanded = [self.expand1x1(x), self.expand3x3(x)]
        return jax.nn.relu(jnp.concatenate(expanded, axis=-1))


class SqueezeNet(nnx.Module):
    """The convolutions of SqueezeNet 1.1: features "relu1", "fire2" ... "fire9"."""

    config_class = SqueezeNetConfig

    def __init__(self, config: SqueezeNetConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.conv1 = vision_layers.Conv(3, 64, 3, stride=2, rngs=rngs)
        for name, (*widths, _) in _FIRES.items():
            setattr(self, name, Fire(*widths, rngs=rngs))

    def features(
        self, images: jax.Array, layers: Iterable[str] | None = None
    ) -> dict[str, jax.Array]:
        """Computes features.

        Args:
          images: `[N, H, W, 3]` in [-1, 1], at least 17 pixels a side.
          layers: names out of "relu1", "fire2", ... "fire9"; default: all.

        Returns:
          For every name, `[N, h, w, C]`, in the order of the network.

        Raises:
          ValueError: the pictures break the convention or are too small, or a name is
            unknown.
        """
        names = ("relu1", *_FIRES)
        wanted = set(names if layers is None else layers)
        if wanted - set(names):
            raise InputError(f"`layers` must be out of {names}: got {layers}.")
        images = images_lib.check_rgb(images)
        if min(images.shape[1:3]) < 17:
            raise InputError(f"SqueezeNet needs 17 pixels a side: got {images.shape}.")
        x = preprocessing.normalize(images, self.config.preprocessing)
        x = jax.nn.relu(self.conv1(x))
        found = {"relu1": x} if "relu1" in wanted else {}
        for name, (*_, is_pooled) in _FIRES.items():
            if is_pooled:
                x = pooling.max_pool(x, 3, 2, ceil_mode=True)
            x = getattr(self, name)(x)
            if name in wanted:
                found[name] = x
        return found
