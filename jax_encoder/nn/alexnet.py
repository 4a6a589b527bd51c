"""AlexNet's convolutions (Krizhevsky 2014, arXiv:1404.5997) as in torchvision."""

import dataclasses
from collections.abc import Iterable

import jax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, preprocessing, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import pooling

# name: (width, kernel, stride, padding, pooled before)
_CONVOLUTIONS = {
    "conv1": (64, 11, 4, 2, False),
    "conv2": (192, 5, 1, 2, True),
    "conv3": (384, 3, 1, 1, True),
    "conv4": (256, 3, 1, 1, False),
    "conv5": (256, 3, 1, 1, False),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlexNetConfig:
    """The architecture is fixed; only the units of the input vary.

    Attributes:
      preprocessing: a key of `preprocessing.PREPROCESSINGS`.
      family: "alexnet".
    """

    preprocessing: str = "imagenet"
    family: str = "alexnet"

    def __post_init__(self):
        checks.validate(self)
        preprocessing.check(self.preprocessing)


class AlexNet(nnx.Module):
    """The convolutional part of AlexNet: features "relu1" to "relu5"."""

    config_class = AlexNetConfig

    def __init__(self, config: AlexNetConfig, *, rngs: nnx.Rngs):
        self.config = config
        num_in = 3
        for name, (width, kernel, stride, padding, _) in _CONVOLUTIONS.items():
            layer = vision_layers.Conv(
                num_in, width, kernel, stride=stride, padding=padding, rngs=rngs
            )
            setattr(self, name, layer)
            num_in = width

    def features(
        self, images: jax.Array, layers: Iterable[str] | None = None
    ) -> dict[str, jax.Array]:
        """Computes features.

        Args:
          images: `[N, H, W, 3]` in [-1, 1], at least 31 pixels a side.
          layers: names out of "relu1" to "relu5"; default: all.

        Returns:
          For every name, `[N, h, w, C]`, in the order of the network.

        Raises:
          ValueError: the pictures break the convention or are too small, or a name is
            unknown.
        """
        names = {name.replace("conv", "relu"): name for name in _CONVOLUTIONS}
        wanted = set(names if layers is None else layers)
        if wanted - set(names):
            raise InputError(f"`layers` must be out of {list(names)}: got {layers}.")
        images = images_lib.check_rgb(images)
        if min(images.shape[1:3]) < 31:
            raise InputError(f"AlexNet needs 31 pixels a side: got {images.shape}.")
        x = preprocessing.normalize(images, self.config.preprocessing)
        found = {}
        for name, convolution in names.items():
            if _CONVOLUTIONS[convolution][-1]:
                x = pooling.max_pool(x, 3, 2)
            x = jax.nn.relu(getattr(self, convolution)(x))
            if name in wanted:
                found[name] = x
        return found
