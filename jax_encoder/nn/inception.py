"""Inception-v3 as FID uses it (Szegedy et al. 2015, arXiv:1512.00567).

The network of 2015-12-05 with TensorFlow's pooling, in the layout of pytorch-fid.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import pooling, resize

# (name, width, kernel, stride); a stride of two goes without padding.
_Conv = tuple[str, int, tuple[int, int], int]

_STEM = {
    "Conv2d_1a_3x3": (3, 32, 3, 2, 0),
    "Conv2d_2a_3x3": (32, 32, 3, 1, 0),
    "Conv2d_2b_3x3": (32, 64, 3, 1, 1),
    "Conv2d_3b_1x1": (64, 80, 1, 1, 0),
    "Conv2d_4a_3x3": (80, 192, 3, 1, 0),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class InceptionConfig:
    """Which pictures the network sees.

    Attributes:
      input_size: side that pictures are bilinearly resized to, without antialiasing.
      num_outputs: classes of the classifier.
      family: "inception".
    """

    input_size: int = 299
    num_outputs: int = 1008
    family: str = "inception"

    def __post_init__(self):
        checks.validate(self)


class ConvBatchNorm(nnx.Module):
    """Convolution without bias, batch normalization, ReLU."""

    def __init__(
        self,
        num_in: int,
        num_out: int,
        kernel: int | tuple[int, int],
        stride: int,
        padding: int | tuple[int, int],
        *,
        rngs: nnx.Rngs,
    ):
        self.conv = vision_layers.Conv(
            num_in,
            num_out,
            kernel,
            stride=stride,
            padding=padding,
            use_bias=False,
            rngs=rngs,
        )
        self.bn = vision_layers.BatchNorm(num_out, epsilon=1e-3)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, num_in] -> [N, h, w, num_out]`."""
        return jax.nn.relu(self.bn(self.conv(x)))


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A block of parallel branches.

    Attributes:
      branches: chains of convolutions; the ends are concatenated.
      forks: pairs of convolutions that each end a branch, by the branch's index.
      pool: what precedes the last branch: "average", "max", or "stride" for a halving
        maximum that is a branch by itself.
    """

    branches: tuple[tuple[_Conv, ...], ...]
    forks: tuple[tuple[int, tuple[_Conv, _Conv]], ...] = ()
    pool: str = "average"


def _conv(name: str, width: int, kernel=(1, 1), stride: int = 1) -> _Conv:
    return name, width, kernel, stride


def _mixture_a(num_pooled: int) -> Mixture:
    three, five = (3, 3), (5, 5)
    return Mixture(
        (
            (_conv("branch1x1", 64),),
            (_conv("branch5x5_1", 48), _conv("branch5x5_2", 64, five)),
            (
                _conv("branch3x3dbl_1", 64),
                _conv("branch3x3dbl_2", 96, three),
                _conv("branch3x3dbl_3", 96, three),
            ),
            (_conv("branch_pool", num_pooled),),
        )
    )


def _mixture_b() -> Mixture:
    three = (3, 3)
    return Mixture(
        (
            (_conv("branch3x3", 384, three, 2),),
            (
                _conv("branch3x3dbl_1", 64),
                _conv("branch3x3dbl_2", 96, three),
                _conv("branch3x3dbl_3", 96, three, 2),
            ),
        ),
        pool="stride",
    )


def _mixture_c(width: int) -> Mixture:
    across, down = (1, 7), (7, 1)
    return Mixture(
        (
            (_conv("branch1x1", 192),),
            (
                _conv("branch7x7_1", width),
                _conv("branch7x7_2", width, across),
                _conv("branch7x7_3", 192, down),
            ),
            (
                _conv("branch7x7dbl_1", width),
                _conv("branch7x7dbl_2", width, down),
                _conv("branch7x7dbl_3", width, across),
                _conv("branch7x7dbl_4", width, down),
                _conv("branch7x7dbl_5", 192, across),
            ),
            (_conv("branch_pool", 192),),
        )
    )


def _mixture_d() -> Mixture:
    return Mixture(
        (
            (_conv("branch3x3_1", 192), _conv("branch3x3_2", 320, (3, 3), 2)),
            (
                _conv("branch7x7x3_1", 192),
                _conv("branch7x7x3_2", 192, (1, 7)),
                _conv("branch7x7x3_3", 192, (7, 1)),
                _conv("branch7x7x3_4", 192, (3, 3), 2),
            ),
        ),
        pool="stride",
    )


def _mixture_e(pool: str) -> Mixture:
    across, down = (1, 3), (3, 1)
    single = (
        _conv("branch3x3_2a", 384, across),
        _conv("branch3x3_2b", 384, down),
    )
    double = (
        _conv("branch3x3dbl_3a", 384, across),
        _conv("branch3x3dbl_3b", 384, down),
    )
    return Mixture(
        (
            (_conv("branch1x1", 320),),
            (_conv("branch3x3_1", 384),),
            (_conv("branch3x3dbl_1", 448), _conv("branch3x3dbl_2", 384, (3, 3))),
            (_conv("branch_pool", 192),),
        ),
        forks=((1, single), (2, double)),
        pool=pool,
    )


MIXTURES = {
    "Mixed_5b": _mixture_a(32),
    "Mixed_5c": _mixture_a(64),
    "Mixed_5d": _mixture_a(64),
    "Mixed_6a": _mixture_b(),
    "Mixed_6b": _mixture_c(128),
    "Mixed_6c": _mixture_c(160),
    "Mixed_6d": _mixture_c(160),
    "Mixed_6e": _mixture_c(192),
    "Mixed_7a": _mixture_d(),
    "Mixed_7b": _mixture_e("average"),
    "Mixed_7c": _mixture_e("max"),
}


class Mixed(nnx.Module):
    """The branches of one block, under their published names."""

    def __init__(self, mixture: Mixture, num_in: int, *, rngs: nnx.Rngs):
        self.mixture = mixture
        forks = dict(mixture.forks)
        self.num_out = num_in if mixture.pool == "stride" else 0
        for index, branch in enumerate(mixture.branches):
            width = num_in
            for conv in branch:
                width = self._add(conv, width, rngs)
            for conv in forks.get(index, ()):
                self.num_out += self._add(conv, width, rngs)
            self.num_out += 0 if index in forks else width

    def _add(self, conv: _Conv, num_in: int, rngs: nnx.Rngs) -> int:
        name, width, kernel, stride = conv
        same = (kernel[0] // 2, kernel[1] // 2)
        padding = same if stride == 1 else 0
        layer = ConvBatchNorm(num_in, width, kernel, stride, padding, rngs=rngs)
        setattr(self, name, layer)
        return width

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, num_in] -> [N, h, w, num_out]`."""
        forks, ends = dict(self.mixture.forks), []
        for index, branch in enumerate(self.mixture.branches):
            y = self._pooled(x) if branch[0][0] == "branch_pool" else x
            for name, *_ in branch:
                y = getattr(self, name)(y)
            fork = forks.get(index)
            ends += [getattr(self, name)(y) for name, *_ in fork] if fork else [y]
        if self.mixture.pool == "stride":
            ends.append(pooling.max_pool(x, 3, 2))
        return jnp.concatenate(ends, axis=-1)

    def _pooled(self, x: jax.Array) -> jax.Array:
        if self.mixture.pool == "max":
            return pooling.max_pool(x, 3, 1, padding=1)
        return pooling.average_pool_3x3(x)


class Inception(nnx.Module):
    """The network: 2048 features per picture.

    Attributes:
      config: which pictures it sees.
      Conv2d_1a_3x3, ..., Mixed_7c, fc: the layers, under their published names.
    """

    config_class = InceptionConfig

    def __init__(self, config: InceptionConfig, *, rngs: nnx.Rngs):
        self.config = config
        for name, shape in _STEM.items():
            setattr(self, name, ConvBatchNorm(*shape, rngs=rngs))
        num_in = 192
        for name, mixture in MIXTURES.items():
            block = Mixed(mixture, num_in, rngs=rngs)
            setattr(self, name, block)
            num_in = block.num_out
        self.fc = vision_layers.Linear(num_in, config.num_outputs, rngs=rngs)

    def embed(self, images: jax.Array) -> jax.Array:
        """The features of FID: `[N, H, W, 3]` in [-1, 1] -> `[N, 2048]`.

        Pictures are not rounded; published numbers are of 8-bit pictures.

        Raises:
          ValueError: the pictures break the convention.
        """
        return self.features(images, ["pool"])["pool"]

    def features(
        self, images: jax.Array, layers: Iterable[str] | None = None
    ) -> dict[str, jax.Array]:
        """Computes features.

        Args:
          images: `[N, H, W, 3]` in [-1, 1].
          layers: names out of "block0" (64 channels), "block1" (192), "block2" (768),
            the names of `MIXTURES`, "pool" `[N, 2048]` and "fc" `[N, 1008]`; default:
            the blocks and "pool".

        Returns:
          For every name, the feature.

        Raises:
          ValueError: the pictures break the convention, or a name is unknown.
        """
        images = images_lib.check_rgb(images)
        x = resize.bilinear(images, self.config.input_size)
        found = dict(self._stages(x))
        default = ["block0", "block1", "block2", "pool"]
        wanted = default if layers is None else list(layers)
        unknown = sorted(set(wanted) - {*found, "fc"})
        if unknown:
            raise InputError(f"Unknown layers {unknown}: there are {[*found, 'fc']}.")
        if "fc" in wanted:
            found["fc"] = self.fc(found["pool"])
        return {name: found[name] for name in wanted}

    def _stages(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        ends = {"Conv2d_2b_3x3": "block0", "Conv2d_4a_3x3": "block1"}
        for name in _STEM:
            x = getattr(self, name)(x)
            if name in ends:
                x = pooling.max_pool(x, 3, 2)
                yield ends[name], x
        for name in MIXTURES:
            x = getattr(self, name)(x)
            yield name, x
            if name == "Mixed_6e":
                yield "block2", x
        yield "pool", jnp.mean(x, axis=(1, 2))
