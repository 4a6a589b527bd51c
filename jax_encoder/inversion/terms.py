"""The terms of the objective: what an inversion makes small.

A term is a frozen dataclass, hence static under `jax.jit`, and a subclass of `Term`, or
of `ImageTerm` if it compares pictures. All see the perceptual networks as a mapping
from the name that the term carries. All results are per picture, `[N]`. A term of a
user's own serves with every start and preset:

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Brightness(terms.ImageTerm):
        weight: float = 1.0
        name: str = "brightness"

        def prepare(self, networks, images):
            return jnp.mean(images, axis=(1, 2, 3))

        def compare(self, networks, a, b):
            return jnp.abs(a - b)
"""

import dataclasses
from collections.abc import Collection

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.inversion import objectives
from jax_encoder.inversion import regularizers as regularizers
from jax_encoder.latents import spaces, statistics
from jax_encoder.nn import base
from jax_encoder.ops import resize

Networks = base.Networks

PIXEL_DISTANCES = {
    "mse": objectives.mse,
    "l1": objectives.l1,
    "log_cosh": objectives.log_cosh,
}
IDENTITY_DISTANCES = {
    "angle": objectives.identity_angle,
    "cosine": objectives.identity_cosine,
    "l1": objectives.identity_l1,
}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Rendering:
    """What the terms may look at.

    Attributes:
      images: `[N, R, R, C]`, nominally in [-1, 1], not clamped.
      ws: `[N, num_ws, w_dim]`.
      statistics: of the generator.
      noises: optimized noise maps `[N, H, W]`, coarse to fine; empty unless optimized.
      features: `[N, H, W, C]` offset of the feature map, in units of the map's own
        size; None in spaces without.
    """

    images: jax.Array
    ws: jax.Array
    statistics: statistics.LatentStatistics
    noises: tuple[jax.Array, ...] = ()
    features: jax.Array | None = None


class Term:
    """One number per picture that an inversion makes small.

    Subclasses are frozen dataclasses; they have a field `weight`, and one `name` under
    which their curve is known.

    Attributes:
      weight: in the objective.
      name: of the curve.
      needs_noises: whether optimized noise maps are looked at.
      needs_features: whether the offset of a feature map is looked at.
    """

    weight: float = 1.0
    name: str = "term"
    needs_noises: bool = False
    needs_features: bool = False

    @property
    def needs_p(self) -> bool:
        """Whether the principal components of P are looked at."""
        return False

    @property
    def network_names(self) -> tuple[str, ...]:
        """The networks it asks for; by default that of its field `network`."""
        name = getattr(self, "network", None)
        return () if name is None else (name,)

    def prepare(self, networks: Networks, images: jax.Array) -> base.Tree:
        """Computes, once, what depends on the targets only.

        Args:
          networks: the perceptual networks by name.
          images: `[N, R, R, C]` the targets in [-1, 1].

        Returns:
          A pytree of `[N, ...]` arrays.
        """
        del networks, images
        return ()

    def __call__(
        self, networks: Networks, prepared: base.Tree, rendering: Rendering
    ) -> jax.Array:
        """Measures renderings.

        Args:
          networks: the perceptual networks by name.
          prepared: what `prepare` returned for the targets.
          rendering: what the generator makes of the codes, and the codes.

        Returns:
          `[N]`.
        """
        raise NotImplementedError


class ImageTerm(Term):
    """A term that compares a picture to its target, by what `prepare` sees of both."""

    def prepare(self, networks: Networks, images: jax.Array) -> base.Tree:
        """Computes what pictures are compared by: of targets once, of renderings often.

        Args:
          networks: the perceptual networks by name.
          images: `[N, R, R, C]`, nominally in [-1, 1].

        Returns:
          A pytree of `[N, ...]` arrays.
        """
        raise NotImplementedError

    def compare(self, networks: Networks, a: base.Tree, b: base.Tree) -> jax.Array:
        """Measures how far two results of `prepare` are apart, `[N]`."""
        raise NotImplementedError

    def __call__(
        self, networks: Networks, prepared: base.Tree, rendering: Rendering
    ) -> jax.Array:
        """Returns the distances `[N]` of renderings from prepared targets."""
        return self.compare(
            networks, self.prepare(networks, rendering.images), prepared
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pixel(ImageTerm):
    """The difference of the pixels.

    Attributes:
      weight: in the objective.
      distance: "mse", "l1" or "log_cosh".
      size: larger pictures are averaged down to this side first; None: never.
    """

    weight: float = 1.0
    distance: str = "mse"
    size: int | None = None
    name: str = "pixel"

    def __post_init__(self):
        _check_choice("distance", self.distance, PIXEL_DISTANCES)

    def prepare(self, networks: Networks, images: jax.Array) -> jax.Array:
        """Returns the pictures `[N, R, R, C]` at the size compared."""
        del networks
        return _shrink(images, self.size)

    def compare(self, networks: Networks, a: jax.Array, b: jax.Array) -> jax.Array:
        """Returns the distances `[N]`."""
        del networks
        return PIXEL_DISTANCES[self.distance](a, b)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Perceptual(ImageTerm):
    """LPIPS, or any network with `features` and `distance`.

    Attributes:
      weight: in the objective.
      network: its name among the networks.
      size: larger pictures are averaged down to this side first; None: never.
    """

    weight: float = 1.0
    network: str = "lpips"
    size: int | None = 256
    name: str = "lpips"

    def prepare(self, networks: Networks, images: jax.Array) -> base.Tree:
        """Returns the features of the pictures `[N, R, R, C]`."""
        return networks[self.network].features(_shrink(images, self.size))

    def compare(self, networks: Networks, a: base.Tree, b: base.Tree) -> jax.Array:
        """Returns the distances `[N]`."""
        return networks[self.network].distance(a, b)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Features(ImageTerm):
    """One layer of a VGG-like network.

    Attributes:
      weight: in the objective.
      network: its name among the networks.
      layer: by name or torchvision index.
      distance: "mse", "l1" or "log_cosh".
      size: pictures are area-resized to this side first, up or down; None: never.
      half_step: compare `clip(image + 1/255)`, as the first published encoder did to
        its renderings (but not to its targets).
    """

    weight: float = 1.0
    network: str = "vgg"
    layer: int | str = "relu3_1"
    distance: str = "mse"
    size: int | None = 256
    half_step: bool = False
    name: str = "features"

    def __post_init__(self):
        _check_choice("distance", self.distance, PIXEL_DISTANCES)

    def prepare(self, networks: Networks, images: jax.Array) -> jax.Array:
        """Returns the features of the pictures `[N, R, R, C]`."""
        if self.size is not None:
            images = resize.adaptive_average(images, self.size)
        return networks[self.network].feature(images, self.layer)

    def compare(self, networks: Networks, a: jax.Array, b: jax.Array) -> jax.Array:
        """Returns the distances `[N]`."""
        del networks
        return PIXEL_DISTANCES[self.distance](a, b)

    def __call__(
        self, networks: Networks, prepared: jax.Array, rendering: Rendering
    ) -> jax.Array:
        """Returns the distances `[N]` of renderings from prepared targets."""
        if self.half_step:
            images = jnp.clip(rendering.images + 1.0 / 255.0, -1.0, 1.0)
            rendering = dataclasses.replace(rendering, images=images)
        return super().__call__(networks, prepared, rendering)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity(ImageTerm):
    """How far the person is from the target's, by an embedding network.

    Attributes:
      weight: in the objective.
      network: its name among the networks; has `embed(images) -> [N, D]`.
      distance: "angle" (radians), "cosine" or "l1".
    """

    weight: float = 1.0
    network: str = "identity"
    distance: str = "angle"
    name: str = "identity"

    def __post_init__(self):
        _check_choice("distance", self.distance, IDENTITY_DISTANCES)

    def prepare(self, networks: Networks, images: jax.Array) -> jax.Array:
        """Returns the embeddings of the pictures `[N, R, R, C]`."""
        return networks[self.network].embed(images)

    def compare(self, networks: Networks, a: jax.Array, b: jax.Array) -> jax.Array:
        """Returns the distances `[N]`."""
        del networks
        return IDENTITY_DISTANCES[self.distance](a, b)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiScaleSSIM(ImageTerm):
    """One minus the multi-scale structural similarity."""

    weight: float = 1.0
    name: str = "ms_ssim"

    def prepare(self, networks: Networks, images: jax.Array) -> jax.Array:
        """Returns the pictures `[N, R, R, C]`."""
        del networks
        return images

    def compare(self, networks: Networks, a: jax.Array, b: jax.Array) -> jax.Array:
        """Returns the distances `[N]`."""
        del networks
        return objectives.ms_ssim(a, b)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentPrior(Term):
    """Keeps the code among those that the generator knows.

    Attributes:
      weight: in the objective.
      kind: "p_n" (mean square in P_N; arXiv:2012.09036, Eq. 4), "mean_w" (mean
        absolute distance from the mean w) or "delta" (how far the rows differ from
        the first; arXiv:2102.02766, Eq. 2).
    """

    weight: float = 0.001
    kind: str = "p_n"
    name: str = "prior"

    def __post_init__(self):
        _check_choice("kind", self.kind, ("p_n", "mean_w", "delta"))

    @property
    def needs_p(self) -> bool:
        """Whether the principal components of P are looked at."""
        return self.kind == "p_n"

    def __call__(
        self, networks: Networks, prepared: base.Tree, rendering: Rendering
    ) -> jax.Array:
        """Returns the penalties `[N]`."""
        del networks, prepared
        ws = rendering.ws
        if self.kind == "p_n":
            p_n = spaces.get("p_n+").from_ws(ws, rendering.statistics)
            return regularizers.pn_prior(p_n)
        if self.kind == "mean_w":
            return regularizers.mean_w_prior(ws, rendering.statistics.w_avg)
        return regularizers.delta(ws)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiseRegularizer(Term):
    """Keeps optimized noise maps from drawing the picture (arXiv:1912.04958, App. D).

    Attributes:
      weight: in the objective.
    """

    weight: float = 1e5
    name: str = "noise"
    needs_noises = True

    def __call__(
        self, networks: Networks, prepared: base.Tree, rendering: Rendering
    ) -> jax.Array:
        """Returns the penalties `[N]`."""
        del networks, prepared
        return regularizers.noise_regularizer(rendering.noises)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureOffsetPrior(Term):
    """Keeps the feature map of space F near the one that W+ makes.

    Attributes:
      weight: in the objective.
    """

    weight: float = 0.01
    name: str = "feature_offset"
    needs_features = True

    def __call__(
        self, networks: Networks, prepared: base.Tree, rendering: Rendering
    ) -> jax.Array:
        """Returns the penalties `[N]`."""
        del networks, prepared
        assert rendering.features is not None
        return regularizers.feature_offset_prior(rendering.features)


def _shrink(images: jax.Array, size: int | None) -> jax.Array:
    return images if size is None else resize.at_most(images, size)


def _check_choice(field: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise InputError(f"`{field}` must be one of {sorted(choices)}, got {value!r}.")
