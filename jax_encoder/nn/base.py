"""What the library asks of networks: the contracts of the four kinds.

They are Protocols, so a network of a user's own need not inherit from anything. All are
`nnx.Module`s or other pytrees, which `jax.jit` takes as arguments.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import noise as noise_maps

Network = Any
"""A network whose kind only its user knows; most are one of the Protocols below."""

Tree = Any
"""A pytree of arrays, whose structure only its maker knows."""

Networks = Mapping[str, Network]
"""Perceptual networks by name."""


class GeneratorConfig(Protocol):
    """What every generator's configuration tells; frozen and hashable."""

    @property
    def family(self) -> str:
        """Names the architecture: "stylegan1", "stylegan2", "stylegan3"."""
        ...

    @property
    def resolution(self) -> int:
        """The sides of the pictures."""
        ...

    @property
    def image_channels(self) -> int:
        """The channels of the pictures."""
        ...

    @property
    def z_dim(self) -> int:
        """The width of z."""
        ...

    @property
    def w_dim(self) -> int:
        """The width of w."""
        ...

    @property
    def c_dim(self) -> int:
        """The width of the labels; zero for an unconditional generator."""
        ...

    @property
    def num_ws(self) -> int:
        """How many rows of w the synthesis network takes."""
        ...

    @property
    def noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """The sides of the noise maps, coarse to fine; empty without any."""
        ...

    @property
    def render_resolutions(self) -> tuple[int, ...]:
        """The sides at which pictures can be rendered, coarse to fine."""
        ...


class MappingNetwork(Protocol):
    """Maps z to w."""

    def __call__(self, z: jax.Array, labels: jax.Array | None = None, /) -> jax.Array:
        """Maps `[N, z_dim]`, and `[N, c_dim]` of conditional ones, to `[N, w_dim]`."""
        ...


class AffineLayer(Protocol):
    """Maps w to the styles of one layer."""

    @property
    def weight(self) -> nnx.Variable:
        """`[w_dim, C]`."""
        ...


class SynthesisNetwork(Protocol):
    """Renders pictures from rows of w."""

    def __call__(
        self,
        ws: jax.Array,
        noise: noise_maps.Noise = "const",
        *,
        resolution: int | None = None,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
    ) -> jax.Array:
        """Renders pictures.

        Args:
          ws: `[N, num_ws, w_dim]`.
          noise: "const", "none", or a map for each of `config.noise_shapes`.
          resolution: one of `config.render_resolutions`; None for the full one.
          dtype: of the convolutions.
          remat_from: maps of this side and above are computed again for a gradient.

        Returns:
          `[N, R, R, C]`, nominally in [-1, 1], not clamped.
        """
        ...

    def affine_layers(self, *, with_rgb: bool = False) -> Sequence[AffineLayer]:
        """Returns the layers from w to styles, coarse to fine.

        Args:
          with_rgb: also those of the layers that make RGB.
        """
        ...


class Generator(Protocol):
    """StyleGAN 1, 2 or 3, or whatever maps z to w and w to pictures."""

    @property
    def config(self) -> GeneratorConfig:
        """The architecture."""
        ...

    @property
    def mapping(self) -> MappingNetwork:
        """Maps z to w."""
        ...

    @property
    def synthesis(self) -> SynthesisNetwork:
        """Renders pictures from rows of w."""
        ...

    @property
    def w_avg(self) -> nnx.Variable:
        """`[w_dim]`, the mean of w."""
        ...


class FeatureNetwork(Protocol):
    """Looks at pictures layer by layer, as VGG16 does."""

    def features(self, images: jax.Array, /) -> Mapping[str, jax.Array]:
        """Returns the features of `[N, H, W, 3]` in [-1, 1] by the layer's name."""
        ...

    def feature(self, images: jax.Array, layer: int | str, /) -> jax.Array:
        """Returns those of `[N, H, W, C]` at a layer, a name or torchvision index."""
        ...


class PerceptualDistance(Protocol):
    """Tells how different two pictures look, as LPIPS does."""

    def features(self, images: jax.Array, /) -> object:
        """Returns what `[N, H, W, 3]` in [-1, 1] are compared by, a pytree."""
        ...

    def distance(self, features: object, targets: object, /) -> jax.Array:
        """Returns the distances `[N]` of two results of `features`."""
        ...

    def __call__(self, images: jax.Array, targets: jax.Array, /) -> jax.Array:
        """Returns the distances `[N]` of pictures."""
        ...


class Embedder(Protocol):
    """Describes who is in a picture, as ArcFace does."""

    def embed(self, images: jax.Array, /) -> jax.Array:
        """Returns `[N, D]` of pictures `[N, H, W, 3]` in [-1, 1]."""
        ...


class Encoder(Protocol):
    """Predicts the code of a picture, as e4e does."""

    def __call__(self, images: jax.Array, /) -> jax.Array:
        """Returns ws `[N, num_ws, w_dim]` of pictures `[N, H, W, 3]` in [-1, 1]."""
        ...
