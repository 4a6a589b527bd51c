"""IR-SE50, the face recognizer of ArcFace, and its body as encoders use it.

Deng et al. 2019 (arXiv:1801.07698) with squeeze-and-excitation (Hu et al. 2018,
arXiv:1709.01507), in the layout of the published `model_ir_se50.pth`.
"""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import resize

# The crop of an aligned 256-pixel portrait that the identity loss looks at.
CROP_ROWS, CROP_COLUMNS = (35, 223), (32, 220)


@dataclasses.dataclass(frozen=True, kw_only=True)
class IRSEConfig:
    """The architecture of an IR-SE recognizer.

    Attributes:
      widths: channels per stage.
      depths: blocks per stage; the first of each halves the side.
      reduction: of the squeeze-and-excitation layers.
      input_size: side of the face crop.
      embedding_size: numbers of the embedding.
      family: "irse".
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (3, 4, 14, 3)
    reduction: int = 16
    input_size: int = 112
    embedding_size: int = 512
    family: str = "irse"

    def __post_init__(self):
        checks.validate(self)
        if len(self.widths) != len(self.depths) or not self.widths:
            raise InputError(
                f"`widths` and `depths` must be of equal length: {self.widths},"
                f" {self.depths}."
            )


class SqueezeExcite(nnx.Module):
    """Scales channels by a gate computed from their means."""

    def __init__(self, channels: int, reduction: int, *, rngs: nnx.Rngs):
        hidden = channels // reduction
        conv = vision_layers.Conv
        self.fc1 = conv(channels, hidden, 1, use_bias=False, rngs=rngs)
        self.fc2 = conv(hidden, channels, 1, use_bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, C] -> [N, H, W, C]`."""
        means = jnp.mean(x, axis=(1, 2), keepdims=True)
        return x * jax.nn.sigmoid(self.fc2(jax.nn.relu(self.fc1(means))))


class IRSEBlock(nnx.Module):
    """BN, convolution, PReLU, strided convolution, BN, gate; plus a shortcut."""

    def __init__(
        self, num_in: int, num_out: int, stride: int, reduction: int, *, rngs: nnx.Rngs
    ):
        options = {"padding": 1, "use_bias": False, "rngs": rngs}
        self.stride = stride
        self.bn1 = vision_layers.BatchNorm(num_in)
        self.conv1 = vision_layers.Conv(num_in, num_out, 3, **options)
        self.prelu = vision_layers.PReLU(num_out)
        self.conv2 = vision_layers.Conv(num_out, num_out, 3, stride=stride, **options)
        self.bn2 = vision_layers.BatchNorm(num_out)
        self.se = SqueezeExcite(num_out, reduction, rngs=rngs)
        self.is_projected = num_in != num_out
        if self.is_projected:
            self.shortcut = vision_layers.Conv(
                num_in, num_out, 1, stride=stride, use_bias=False, rngs=rngs
            )
            self.shortcut_bn = vision_layers.BatchNorm(num_out)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, num_in] -> [N, H / stride, W / stride, num_out]`."""
        if self.is_projected:
            shortcut = self.shortcut_bn(self.shortcut(x))
        else:
            shortcut = x[:, :: self.stride, :: self.stride]
        x = self.prelu(self.conv1(self.bn1(x)))
        return self.se(self.bn2(self.conv2(x))) + shortcut


class Body(nnx.Module):
    """The stem and the residual blocks; recognizers and encoders share it.

    Attributes:
      conv, bn, prelu: the stem, at full resolution.
      body_0, body_1, ...: the blocks.
    """

    def __init__(self, config: IRSEConfig, in_channels: int, *, rngs: nnx.Rngs):
        self.config = config
        first = config.widths[0]
        self.conv = vision_layers.Conv(
            in_channels, first, 3, padding=1, use_bias=False, rngs=rngs
        )
        self.bn = vision_layers.BatchNorm(first)
        self.prelu = vision_layers.PReLU(first)
        num_in, index = first, 0
        for width, depth in zip(config.widths, config.depths, strict=True):
            for position in range(depth):
                stride = 1 if position else 2
                block = IRSEBlock(num_in, width, stride, config.reduction, rngs=rngs)
                setattr(self, f"body_{index}", block)
                num_in, index = width, index + 1

    def stages(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Yields ("input_layer", `[N, H, W, C]`), then ("body_0", features), ..."""
        x = self.prelu(self.bn(self.conv(x)))
        yield "input_layer", x
        for index in range(sum(self.config.depths)):
            x = getattr(self, f"body_{index}")(x)
            yield f"body_{index}", x

    def stage_ends(self, x: jax.Array) -> list[jax.Array]:
        """The features behind every stage, `[N, h, w, C]`, fine to coarse."""
        found = dict(self.stages(x))
        ends, index = [], -1
        for depth in self.config.depths:
            index += depth
            ends.append(found[f"body_{index}"])
        return ends


class IRSE(nnx.Module):
    """The face recognizer.

    Attributes:
      config: the architecture.
      body: the residual network.
      bn1, fc, bn2: the embedding layer; `fc` flattens `[height, width, channels]`.
    """

    config_class = IRSEConfig

    def __init__(self, config: IRSEConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.body = Body(config, 3, rngs=rngs)
        side, width = config.input_size // 2 ** len(config.depths), config.widths[-1]
        self.bn1 = vision_layers.BatchNorm(width)
        self.fc = vision_layers.Linear(
            side * side * width, config.embedding_size, rngs=rngs
        )
        self.bn2 = vision_layers.BatchNorm(config.embedding_size)

    def embed(self, images: jax.Array, *, is_cropped: bool = False) -> jax.Array:
        """Embeds faces.

        Args:
          images: `[N, H, W, 3]` in [-1, 1]: portraits aligned as FFHQ's, of any size.
          is_cropped: the pictures are face crops already; they are only resized.

        Returns:
          `[N, embedding_size]` of unit length.

        Raises:
          ValueError: the pictures break the convention.
        """
        x = self.face_crop(images) if not is_cropped else self._resize(images)
        *_, (_, x) = self.body.stages(x)
        x = self.bn1(x)
        x = self.bn2(self.fc(x.reshape(x.shape[0], -1)))
        length = jnp.sqrt(jnp.sum(jnp.square(x), axis=1, keepdims=True))
        return x / length

    def face_crop(self, images: jax.Array) -> jax.Array:
        """The face of aligned portraits: `[N, H, W, 3] -> [N, 112, 112, 3]`.

        As the identity loss of the encoders: average-pooled to 256, cropped, and
        average-pooled to the size of the network.
        """
        images = images_lib.check_rgb(images)
        images = resize.adaptive_average(images, 256)
        face = images[:, slice(*CROP_ROWS), slice(*CROP_COLUMNS)]
        return resize.adaptive_average(face, self.config.input_size)

    def _resize(self, images: jax.Array) -> jax.Array:
        images = images_lib.check_rgb(images)
        return resize.adaptive_average(images, self.config.input_size)
