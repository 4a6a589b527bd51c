"""Residual networks (He et al. 2015, arXiv:1512.03385): trunks and VGGFace2.

One module covers torchvision's ResNet-50 and ResNet-34 and VGGFace2's ResNet-50
(`resnet50_scratch_dag`, Cao et al. 2018, arXiv:1710.08092).
"""

import dataclasses
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, preprocessing, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import pooling, resize

_STEM_POOLS = ("padded", "ceil", "none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """The architecture of a residual network.

    Attributes:
      depths: residual blocks per stage.
      width: channels of the stem; stage k has `width * 2**k` inside its blocks.
      is_bottleneck: blocks of 1x1, 3x3, 1x1 with fourfold outputs, or of two 3x3.
      is_stride_first: a bottleneck's stride sits in its first 1x1, not in its 3x3.
      stem_pool: the 3x3 maximum behind the stem: "padded" by one, unpadded with
        rounding up ("ceil"), or "none".
      has_prelu: the stem ends in PReLU instead of ReLU.
      in_channels: channels of the input.
      num_outputs: classes of the classifier; zero for none.
      input_size: side that pictures are average-pooled to first; None leaves them.
      preprocessing: a key of `preprocessing.PREPROCESSINGS`.
      family: "resnet".
    """

    depths: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64
    is_bottleneck: bool = True
    is_stride_first: bool = False
    stem_pool: str = "padded"
    has_prelu: bool = False
    in_channels: int = 3
    num_outputs: int = 0
    input_size: int | None = None
    preprocessing: str = "imagenet"
    family: str = "resnet"

    def __post_init__(self):
        checks.validate(self)
        preprocessing.check(self.preprocessing)
        if self.stem_pool not in _STEM_POOLS:
            raise InputError(
                f"`stem_pool` must be one of {_STEM_POOLS}: got {self.stem_pool!r}."
            )

    @property
    def num_features(self) -> int:
        """Channels of the last stage."""
        expansion = 4 if self.is_bottleneck else 1
        return self.width * 2 ** (len(self.depths) - 1) * expansion


def vggface2_config(*, num_classes: int = 8631) -> ResNetConfig:
    """ResNet-50 of VGGFace2: pictures are pooled to 224 x 224."""
    return ResNetConfig(
        is_stride_first=True,
        stem_pool="ceil",
        num_outputs=num_classes,
        input_size=224,
        preprocessing="vggface2",
    )


class ResNetBlock(nnx.Module):
    """A residual block; `downsample` projects its input where the shapes differ."""

    def __init__(
        self,
        config: ResNetConfig,
        num_in: int,
        width: int,
        stride: int,
        *,
        rngs: nnx.Rngs,
    ):
        self.kernels = (1, 3, 1) if config.is_bottleneck else (3, 3)
        num_out = width * 4 if config.is_bottleneck else width
        widths = (num_in, *[width] * (len(self.kernels) - 1), num_out)
        strided = 0 if config.is_stride_first or not config.is_bottleneck else 1
        for index, kernel in enumerate(self.kernels):
            conv = vision_layers.Conv(
                widths[index],
                widths[index + 1],
                kernel,
                stride=stride if index == strided else 1,
                padding=kernel // 2,
                use_bias=False,
                rngs=rngs,
            )
            setattr(self, f"conv{index + 1}", conv)
            setattr(self, f"bn{index + 1}", vision_layers.BatchNorm(widths[index + 1]))
        self.is_projected = stride != 1 or num_in != num_out
        if self.is_projected:
            self.downsample = vision_layers.Conv(
                num_in, num_out, 1, stride=stride, use_bias=False, rngs=rngs
            )
            self.downsample_bn = vision_layers.BatchNorm(num_out)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, C] -> [N, h, w, C']`, after ReLU."""
        shortcut = x
        if self.is_projected:
            shortcut = self.downsample_bn(self.downsample(x))
        for index in range(1, len(self.kernels) + 1):
            x = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(x))
            x = jax.nn.relu(x + shortcut if index == len(self.kernels) else x)
        return x


class ResNet(nnx.Module):
    """A residual network.

    Attributes:
      config: the architecture.
      conv1, bn1: the stem; `prelu` where it has one.
      layer1_0, layer1_1, ...: the blocks, stage by stage.
      fc: the classifier, where the network has one.
    """

    config_class = ResNetConfig

    def __init__(self, config: ResNetConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.conv1 = vision_layers.Conv(
            config.in_channels,
            config.width,
            7,
            stride=2,
            padding=3,
            use_bias=False,
            rngs=rngs,
        )
        self.bn1 = vision_layers.BatchNorm(config.width)
        if config.has_prelu:
            self.prelu = vision_layers.PReLU(config.width)
        for name, *shape in block_shapes(config):
            setattr(self, name, ResNetBlock(config, *shape, rngs=rngs))
        if config.num_outputs:
            self.fc = vision_layers.Linear(
                config.num_features, config.num_outputs, rngs=rngs
            )

    def features(
        self, images: jax.Array, layers: Iterable[str] | None = None
    ) -> dict[str, jax.Array]:
        """Computes features of pictures.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].
          layers: names out of "conv1" (after its activation), "pool1", "layer1_0",
            ..., and "layer1" ... for the last block of a stage, "pool" `[N, D]` for
            the mean over all cells, "fc"; default: the stages, and "pool".

        Returns:
          For every name, `[N, h, w, C]` or `[N, D]`.

        Raises:
          ValueError: the pictures break the convention, or a name is unknown.
        """
        if self.config.in_channels == 3:
            images = images_lib.check_rgb(images)
        else:
            channels = self.config.in_channels
            images = images_lib.check_images(images, channels=channels)
        if self.config.input_size is not None:
            images = resize.adaptive_average(images, self.config.input_size)
        x = preprocessing.normalize(images, self.config.preprocessing)
        stages = [f"layer{k}" for k in range(1, len(self.config.depths) + 1)]
        wanted = [*stages, "pool"] if layers is None else list(layers)
        found = dict(self.stages(x))
        if "fc" in wanted and self.config.num_outputs:
            found["fc"] = self.fc(found["pool"])
        unknown = sorted(set(wanted) - set(found))
        if unknown:
            raise InputError(f"Unknown layers {unknown}: there are {list(found)}.")
        return {name: found[name] for name in wanted}

    def stages(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Yields every named feature of a normalized input `[N, H, W, C]`."""
        x = self.bn1(self.conv1(x))
        x = self.prelu(x) if self.config.has_prelu else jax.nn.relu(x)
        yield "conv1", x
        if self.config.stem_pool != "none":
            is_padded = self.config.stem_pool == "padded"
            x = pooling.max_pool(
                x, 3, 2, padding=int(is_padded), ceil_mode=not is_padded
            )
        yield "pool1", x
        for stage, depth in enumerate(self.config.depths, 1):
            for index in range(depth):
                x = getattr(self, f"layer{stage}_{index}")(x)
                yield f"layer{stage}_{index}", x
            yield f"layer{stage}", x
        yield "pool", jnp.mean(x, axis=(1, 2))

    def embed(self, images: jax.Array) -> jax.Array:
        """The descriptor of every picture: the mean of the last feature map.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].

        Returns:
          `[N, D]`; of VGGFace2 the 2048 numbers of `pool5_7x7_s1`, not normalized.

        Raises:
          ValueError: the pictures break the convention.
        """
        return self.features(images, ["pool"])["pool"]


def block_shapes(config: ResNetConfig) -> Iterator[tuple[str, int, int, int]]:
    """Yields (name, input channels, width, stride) of every block."""
    num_in, expansion = config.width, 4 if config.is_bottleneck else 1
    for stage, depth in enumerate(config.depths):
        width = config.width * 2**stage
        for index in range(depth):
            stride = 2 if stage and not index else 1
            yield f"layer{stage + 1}_{index}", num_in, width, stride
            num_in = width * expansion
