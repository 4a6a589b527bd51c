"""Regressors from pictures or face descriptors to latents, landmarks and attributes.

The networks of the first image-to-latent encoders: ImageToLatent (a ResNet-50) and the
heads on VGGFace2 descriptors.
"""

import dataclasses

import jax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, preprocessing, resnet, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import pooling, resize


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageToLatentConfig:
    """The architecture of a picture-to-latent regressor.

    Attributes:
      num_ws, w_dim: rows and numbers of W+.
      input_size: side that pictures are average-pooled to.
      num_channels: of the 1x1 convolution behind the trunk.
      hidden_size: of the dense layer.
      depths, width: of the trunk, a ResNet of bottlenecks.
      preprocessing: a key of `preprocessing.PREPROCESSINGS`.
      family: "image-to-latent".
    """

    num_ws: int = 18
    w_dim: int = 512
    input_size: int = 256
    num_channels: int = 256
    hidden_size: int = 256
    depths: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64
    preprocessing: str = "imagenet"
    family: str = "image-to-latent"

    def __post_init__(self):
        checks.validate(self)
        if self.input_size % 2 ** (len(self.depths) + 1):
            raise InputError(
                f"`input_size` must be a multiple of {2 ** (len(self.depths) + 1)}:"
                f" got {self.input_size}."
            )


class ImageToLatent(nnx.Module):
    """ResNet trunk, 1x1 convolution and two dense layers, without activations.

    Attributes:
      config: the architecture.
      resnet: the trunk.
      conv2d: 1x1 convolution.
      dense1, dense2: dense layers; the first flattens `[height, width, channels]`.
    """

    config_class = ImageToLatentConfig

    def __init__(self, config: ImageToLatentConfig, *, rngs: nnx.Rngs):
        self.config = config
        trunk = resnet.ResNetConfig(
            depths=config.depths,
            width=config.width,
            input_size=config.input_size,
            preprocessing=config.preprocessing,
        )
        side = config.input_size // 2 ** (len(config.depths) + 1)
        self.resnet = resnet.ResNet(trunk, rngs=rngs)
        self.conv2d = vision_layers.Conv(
            trunk.num_features, config.num_channels, 1, rngs=rngs
        )
        self.dense1 = vision_layers.Linear(
            side * side * config.num_channels, config.hidden_size, rngs=rngs
        )
        self.dense2 = vision_layers.Linear(
            config.hidden_size, config.num_ws * config.w_dim, rngs=rngs
        )

    def __call__(self, images: jax.Array) -> jax.Array:
        """Predicts latents.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].

        Returns:
          ws `[N, num_ws, w_dim]`.

        Raises:
          ValueError: the pictures break the convention.
        """
        last = f"layer{len(self.config.depths)}"
        x = self.conv2d(self.resnet.features(images, [last])[last])
        x = self.dense2(self.dense1(x.reshape(x.shape[0], -1)))
        return x.reshape(-1, self.config.num_ws, self.config.w_dim)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DescriptorToLatentConfig:
    """The architecture of VGGToLatent.

    Attributes:
      num_inputs: numbers of a descriptor.
      hidden_size: of the two hidden layers.
      num_ws: rows of W+; zero for the variant that predicts z.
      w_dim: numbers of w, or of z.
      family: "descriptor-to-latent".
    """

    num_inputs: int = 2048
    hidden_size: int = 2048
    num_ws: int = 18
    w_dim: int = 512
    family: str = "descriptor-to-latent"

    def __post_init__(self):
        checks.validate(self)


class DescriptorToLatent(nnx.Module):
    """Three dense layers without activations: descriptors to W+ or to z.

    Attributes:
      config: the architecture.
      dense1, dense2, dense3: the layers.
    """

    config_class = DescriptorToLatentConfig

    def __init__(self, config: DescriptorToLatentConfig, *, rngs: nnx.Rngs):
        self.config = config
        num_outputs = max(config.num_ws, 1) * config.w_dim
        linear = vision_layers.Linear
        self.dense1 = linear(config.num_inputs, config.hidden_size, rngs=rngs)
        self.dense2 = linear(config.hidden_size, config.hidden_size, rngs=rngs)
        self.dense3 = linear(config.hidden_size, num_outputs, rngs=rngs)

    def __call__(self, descriptors: jax.Array) -> jax.Array:
        """Predicts latents.

        Args:
          descriptors: `[N, num_inputs]`, such as `ResNet.embed` of VGGFace2 gives.

        Returns:
          ws `[N, num_ws, w_dim]`; or z `[N, w_dim]`, whose length a mapping network
          normalizes away.

        Raises:
          ValueError: the descriptors have another shape.
        """
        _check_descriptors(descriptors, self.config.num_inputs)
        x = self.dense3(self.dense2(self.dense1(descriptors)))
        if not self.config.num_ws:
            return x
        return x.reshape(-1, self.config.num_ws, self.config.w_dim)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DescriptorHeadConfig:
    """The architecture of an attribute, landmark or pose head.

    Attributes:
      num_inputs: numbers of a descriptor.
      hidden_sizes: widths of the hidden layers.
      num_outputs: 1 for an attribute, 10 or 136 for landmarks, 3 for a pose.
      has_relu: the hidden layers end in ReLU.
      has_output_norm: batch normalization of the outputs.
      has_sigmoid: the output is a probability.
      family: "descriptor-head".
    """

    num_inputs: int = 2048
    hidden_sizes: tuple[int, ...] = (256, 256)
    num_outputs: int = 136
    has_relu: bool = True
    has_output_norm: bool = False
    has_sigmoid: bool = False
    family: str = "descriptor-head"

    def __post_init__(self):
        checks.validate(self)


class DescriptorHead(nnx.Module):
    """Dense layers with batch normalization on a face descriptor.

    Attributes:
      config: the architecture.
      dense1, bn1, dense2, ...: the layers; the last `bn` only with `has_output_norm`.
    """

    config_class = DescriptorHeadConfig

    def __init__(self, config: DescriptorHeadConfig, *, rngs: nnx.Rngs):
        self.config = config
        sizes = (config.num_inputs, *config.hidden_sizes, config.num_outputs)
        for index in range(1, len(sizes)):
            dense = vision_layers.Linear(sizes[index - 1], sizes[index], rngs=rngs)
            setattr(self, f"dense{index}", dense)
            if index < len(sizes) - 1 or config.has_output_norm:
                setattr(self, f"bn{index}", vision_layers.BatchNorm(sizes[index]))

    def __call__(self, descriptors: jax.Array) -> jax.Array:
        """`[N, num_inputs] -> [N, num_outputs]`.

        Raises:
          ValueError: the descriptors have another shape.
        """
        config = self.config
        _check_descriptors(descriptors, config.num_inputs)
        x, last = descriptors, len(config.hidden_sizes) + 1
        for index in range(1, last + 1):
            x = getattr(self, f"dense{index}")(x)
            if index < last or config.has_output_norm:
                x = getattr(self, f"bn{index}")(x)
            if index < last and config.has_relu:
                x = jax.nn.relu(x)
        return jax.nn.sigmoid(x) if config.has_sigmoid else x


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageToLandmarksConfig:
    """The architecture of the landmark network on pictures.

    Attributes:
      channels: widths of the convolutions; each is followed by a halving.
      hidden_size: of the dense layer.
      num_outputs: twice the landmarks.
      input_size: side that pictures are bilinearly resized to.
      has_norm: batch normalization behind every convolution.
      family: "image-to-landmarks".
    """

    channels: tuple[int, ...] = (64, 128, 256, 512, 1024)
    hidden_size: int = 1024
    num_outputs: int = 136
    input_size: int = 64
    has_norm: bool = False
    family: str = "image-to-landmarks"

    def __post_init__(self):
        checks.validate(self)


class ImageToLandmarks(nnx.Module):
    """Five convolutions and two dense layers: x, y of 68 landmarks.

    Attributes:
      config: the architecture.
      conv1, ..., dense1, dense2: the layers, with `bn1`, ... where there are any. The
        first dense layer flattens `[height, width, channels]`.
    """

    config_class = ImageToLandmarksConfig

    def __init__(self, config: ImageToLandmarksConfig, *, rngs: nnx.Rngs):
        self.config = config
        num_in = 3
        for index, width in enumerate(config.channels, 1):
            conv = vision_layers.Conv(num_in, width, 3, padding=1, rngs=rngs)
            setattr(self, f"conv{index}", conv)
            if config.has_norm:
                setattr(self, f"bn{index}", vision_layers.BatchNorm(width))
            num_in = width
        side = config.input_size // 2 ** len(config.channels)
        linear = vision_layers.Linear
        self.dense1 = linear(side * side * num_in, config.hidden_size, rngs=rngs)
        self.dense2 = linear(config.hidden_size, config.num_outputs, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Finds landmarks.

        Args:
          images: `[N, H, W, 3]` in [-1, 1], face crops.

        Returns:
          `[N, num_outputs]`: x, y pairs in pixels of the network's own 64-pixel input;
          multiply by `side / 64` for pixels of the picture.

        Raises:
          ValueError: the pictures break the convention.
        """
        images = images_lib.check_rgb(images)
        x = resize.bilinear(images, self.config.input_size)
        x = preprocessing.normalize(x, "imagenet")
        for index in range(1, len(self.config.channels) + 1):
            x = getattr(self, f"conv{index}")(x)
            if self.config.has_norm:
                x = getattr(self, f"bn{index}")(x)
            x = pooling.max_pool_2x2(jax.nn.relu(x))
        x = jax.nn.relu(self.dense1(x.reshape(x.shape[0], -1)))
        return self.dense2(x)


def _check_descriptors(descriptors: jax.Array, num_inputs: int) -> None:
    if descriptors.ndim != 2 or descriptors.shape[1] != num_inputs:
        raise InputError(
            f"`descriptors` must be [N, {num_inputs}]: got {descriptors.shape}."
        )
