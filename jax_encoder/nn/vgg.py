"""VGG networks (Simonyan and Zisserman 2014, arXiv:1409.1556) as feature extractors.

One module covers torchvision's VGG16, VGG-Face (Parkhi et al. 2015) and small networks
in the same layout. Pictures are `[N, H, W, 3]` in [-1, 1]; the network normalizes and,
where its config says so, resizes them itself.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import jax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, preprocessing, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import norms, pooling, resize

VGG16_CHANNELS = (
    (64, 64),
    (128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (512, 512, 512),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VGGConfig:
    """The architecture of a VGG network.

    Attributes:
      channels: for every block, the widths of its 3x3 convolutions.
      fc_sizes: widths of the hidden dense layers.
      num_outputs: outputs of the last dense layer; zero for features only.
      pool_size: side that the last feature map is average-pooled to before the dense
        layers.
      input_size: side that pictures are average-pooled to first; None leaves them.
      preprocessing: a key of `preprocessing.PREPROCESSINGS`.
      embedding_size: how many units of the last hidden layer are the embedding; None
        for all of them.
      family: "vgg".
    """

    channels: tuple[tuple[int, ...], ...] = VGG16_CHANNELS
    fc_sizes: tuple[int, ...] = ()
    num_outputs: int = 0
    pool_size: int = 7
    input_size: int | None = None
    preprocessing: str = "imagenet"
    embedding_size: int | None = None
    family: str = "vgg"

    def __post_init__(self):
        checks.validate(self)
        preprocessing.check(self.preprocessing)
        if not self.channels or not all(self.channels):
            raise InputError(
                f"`channels` needs at least one convolution per block: {self.channels}."
            )
        if self.fc_sizes and not self.num_outputs:
            raise InputError("`fc_sizes` without `num_outputs`: the head is headless.")
        size, largest = self.embedding_size, (0, *self.fc_sizes)[-1]
        if size is not None and not 0 < size <= largest:
            raise InputError(
                "`embedding_size` must be positive and at most the width of the last"
                f" hidden layer, {largest}: got {size}."
            )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every layer in order: conv1_1, relu1_1, ..., pool5, fc6, relu6, ..., fc8."""
        return tuple(_layer_names(self))

    def layer_name(self, index: int) -> str:
        """The name of the layer that torchvision calls `features[index]`."""
        names = [n for n in self.layer_names if "_" in n or n.startswith("pool")]
        if not 0 <= index < len(names):
            raise InputError(
                f"`index` must be at least 0 and below {len(names)}: got {index}."
            )
        return names[index]


def vgg16_config(*, classifier: bool = False) -> VGGConfig:
    """VGG16 as torchvision trains it; pictures keep their size."""
    head = {"fc_sizes": (4096, 4096), "num_outputs": 1000} if classifier else {}
    return VGGConfig(**head)


def vgg_face_config(
    *, classifier: bool = True, preprocessing: str = "vggface2"
) -> VGGConfig:
    """VGG-Face (`vgg_face_dag`): pictures are pooled to 224 x 224.

    Args:
      classifier: with the dense layers fc6 to fc8.
      preprocessing: the StyleGAN encoders that use this network subtract VGGFace2's
        mean ("vggface2", the default); the network's own is "vggface".
    """
    head = {"fc_sizes": (4096, 4096), "num_outputs": 2622} if classifier else {}
    return VGGConfig(input_size=224, preprocessing=preprocessing, **head)


class VGG(nnx.Module):
    """A VGG network.

    Attributes:
      config: the architecture.
      conv1_1, conv1_2, ...: the convolutions.
      fc6, fc7, ...: the dense layers; numbered after the blocks. The first flattens
        `[height, width, channels]`.
    """

    config_class = VGGConfig

    def __init__(self, config: VGGConfig, *, rngs: nnx.Rngs):
        self.config = config
        num_in = 3
        for name, num_out in _convolutions(config):
            layer = vision_layers.Conv(num_in, num_out, 3, padding=1, rngs=rngs)
            setattr(self, name, layer)
            num_in = num_out
        num_in *= config.pool_size**2
        for name, num_out in _dense_layers(config):
            setattr(self, name, vision_layers.Linear(num_in, num_out, rngs=rngs))
            num_in = num_out

    def features(
        self, images: jax.Array, layers: Iterable[str] | None = None
    ) -> dict[str, jax.Array]:
        """Computes features; nothing behind the last layer asked for is run.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].
          layers: names out of `config.layer_names`; default: every "relu1_1" to
            "relu5_3" and, where the network has them, "fc6" to "fc8" (before ReLU).

        Returns:
          For every name, `[N, h, w, C]`, or `[N, D]` for the dense layers, in the
          order of the network.

        Raises:
          ValueError: the pictures break the convention or are too small for the layers
            asked for, or a name is unknown.
        """
        config = self.config
        wanted = _default_layers(config) if layers is None else tuple(layers)
        unknown = sorted(set(wanted) - set(config.layer_names))
        if unknown:
            raise InputError(
                f"Unknown layers {unknown}: this network has {config.layer_names}."
            )
        images = images_lib.check_rgb(images)
        if config.input_size is not None:
            images = resize.adaptive_average(images, config.input_size)
        x = preprocessing.normalize(images, config.preprocessing)
        found, missing = {}, set(wanted)
        for name in config.layer_names:
            if not missing:
                break
            x = self._apply(name, x)
            if name in missing:
                found[name] = x
                missing.remove(name)
        return found

    def feature(self, images: jax.Array, layer: int | str) -> jax.Array:
        """One feature, by name or by torchvision's index into `features`.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].
          layer: a name, or the index of a convolution, ReLU or pooling: 0 is
            "conv1_1", 11 "relu3_1", 29 "relu5_3" of VGG16.

        Returns:
          `[N, h, w, C]`, or `[N, D]` for a dense layer.

        Raises:
          ValueError: as for `features`.
        """
        name = layer if isinstance(layer, str) else self.config.layer_name(layer)
        return self.features(images, (name,))[name]

    def __call__(self, images: jax.Array) -> jax.Array:
        """`[N, H, W, 3] ->` the outputs of the last dense layer `[N, num_outputs]`.

        Raises:
          ValueError: the network has features only.
        """
        if not self.config.num_outputs:
            raise InputError("This network has no dense layers; call `features`.")
        return self.feature(images, self.config.layer_names[-1])

    def embed(self, images: jax.Array) -> jax.Array:
        """The last hidden dense layer after ReLU, cut to the embedding's size.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].

        Returns:
          `[N, D]` of unit length.

        Raises:
          ValueError: the network has no hidden dense layer.
        """
        if not self.config.fc_sizes:
            raise InputError("This network has no hidden dense layer to embed with.")
        return self.embedding(self.feature(images, self.config.layer_names[-2]))

    def embedding(self, hidden: jax.Array) -> jax.Array:
        """The embeddings `[N, D]` in the last hidden layer after ReLU, `[N, fc]`."""
        return norms.safe_normalize(hidden[:, : self.config.embedding_size])

    def _apply(self, name: str, x: jax.Array) -> jax.Array:
        if name.startswith("relu"):
            return jax.nn.relu(x)
        if name.startswith("pool"):
            if min(x.shape[1:3]) < 2:
                raise InputError(
                    f"The pictures are too small: {name} gets {x.shape[1:3]} cells."
                )
            return pooling.max_pool_2x2(x)
        if name.startswith("fc") and x.ndim == 4:
            x = resize.adaptive_average(x, self.config.pool_size)
            x = x.reshape(x.shape[0], -1)
        return getattr(self, name)(x)


def _convolutions(config: VGGConfig) -> Iterator[tuple[str, int]]:
    for block, widths in enumerate(config.channels, 1):
        for index, width in enumerate(widths, 1):
            yield f"conv{block}_{index}", width


def _dense_layers(config: VGGConfig) -> Iterator[tuple[str, int]]:
    if config.num_outputs:
        first = len(config.channels) + 1
        for index, width in enumerate((*config.fc_sizes, config.num_outputs), first):
            yield f"fc{index}", width


def _layer_names(config: VGGConfig) -> Iterator[str]:
    for block, widths in enumerate(config.channels, 1):
        for index in range(1, len(widths) + 1):
            yield f"conv{block}_{index}"
            yield f"relu{block}_{index}"
        yield f"pool{block}"
    names = [name for name, _ in _dense_layers(config)]
    for name in names:
        yield name
        if name != names[-1]:
            yield name.replace("fc", "relu")


def _default_layers(config: VGGConfig) -> tuple[str, ...]:
    return tuple(
        name
        for name in config.layer_names
        if name.startswith("fc") or (name.startswith("relu") and "_" in name)
    )
