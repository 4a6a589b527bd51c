"""The spaces to search: Z, W, W+, P, P+, P_N, P_N+, W_N, W_N+, F, and a user's own.

A space turns what is optimized, `values`, into `ws`. Each is a frozen class, registered
under the name by which configurations, flags and files know it. To add one, write a
subclass of `Space` and register it:

    spaces.register("halves", Halves())

The spaces with a plus have one row per layer, the others share one row. Z is searched
freely or on the sphere of radius `sqrt(z_dim)`, where the mapping network was trained.
F has, besides the rows of W+, an offset of one of the synthesis network's maps.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.latents import sampling, styles
from jax_encoder.latents import statistics as stats
from jax_encoder.nn import base, feature_maps


@dataclasses.dataclass(frozen=True)
class Space:
    """What every space answers; subclasses are frozen, hence static under `jax.jit`.

    Attributes:
      needs_p: whether it needs the principal components of P.
      is_before_mapping: whether the mapping network comes after it, as after Z: then no
        w leads back, and a conditional generator needs labels.
      has_features: whether a feature map is searched as well as the values.
    """

    needs_p = False
    is_before_mapping = False
    has_features = False

    def shape(self, config: base.GeneratorConfig) -> tuple[int, ...]:
        """Returns the shape of one picture's values.

        Args:
          config: the generator's.
        """
        raise NotImplementedError

    def to_ws(
        self,
        values: jax.Array,
        generator: base.Generator,
        statistics: stats.LatentStatistics,
        labels: jax.Array | None = None,
    ) -> jax.Array:
        """Turns values into the rows that the synthesis network takes.

        Args:
          values: `[N, *shape]`.
          generator: has `mapping` and `config`.
          statistics: of the generator.
          labels: `[N, c_dim]`; for spaces before the mapping network of a conditional
            generator.

        Returns:
          ws `[N, num_ws, w_dim]`.
        """
        raise NotImplementedError

    def from_ws(self, ws: jax.Array, statistics: stats.LatentStatistics) -> jax.Array:
        """Turns ws into values, at which an inversion can start.

        Args:
          ws: `[N, num_ws, w_dim]`; a space with fewer rows takes their mean.
          statistics: of the generator.

        Returns:
          `[N, *shape]`.

        Raises:
          ValueError: no formula leads back, as to Z.
        """
        raise NotImplementedError

    def from_z(
        self,
        z: jax.Array,
        generator: base.Generator,
        statistics: stats.LatentStatistics,
        labels: jax.Array | None = None,
    ) -> jax.Array:
        """Turns latents z `[N, z_dim]` into values `[N, *shape]`."""
        ws = sampling.map_to_ws(generator, z, labels)
        return self.from_ws(ws, statistics)

    def spread(
        self, statistics: stats.LatentStatistics, generator: base.Generator
    ) -> jax.Array:
        """The root mean square distance of the generator's own codes from their mean.

        It scales the exploration noise: in W it is the projector's `w_std`.
        """
        del generator
        return statistics.w_std

    def feature_layer(
        self, config: base.GeneratorConfig
    ) -> feature_maps.FeatureLayer | None:
        """Returns the map that is searched as well as the values; None for none.

        Args:
          config: the generator's.
        """
        del config
        return None


@dataclasses.dataclass(frozen=True)
class Z(Space):
    """The input of the mapping network.

    Attributes:
      is_spherical: every row is scaled to the length `sqrt(z_dim)`.
    """

    is_spherical: bool = False
    is_before_mapping = True

    def shape(self, config: base.GeneratorConfig) -> tuple[int, ...]:
        """Returns `(z_dim,)`."""
        return (config.z_dim,)

    def to_ws(self, values, generator, statistics, labels=None):
        """Maps z to w, the same for every layer."""
        z = on_sphere(values) if self.is_spherical else values
        return sampling.map_to_ws(generator, z, labels)

    def from_ws(self, ws, statistics):
        """Refuses: a w cannot be mapped back to z."""
        raise InputError(
            "A w cannot be mapped back to z: start an inversion in Z from `seeds`,"
            " `random`, or a saved z."
        )

    def from_z(self, z, generator, statistics, labels=None):
        """Returns z, on the sphere if that is searched."""
        return on_sphere(z) if self.is_spherical else z

    def spread(self, statistics, generator):
        """Returns `sqrt(z_dim)`."""
        return jnp.asarray(generator.config.z_dim**0.5)


@dataclasses.dataclass(frozen=True)
class W(Space):
    """The output of the mapping network.

    Attributes:
      is_layered: one row per layer (W+) instead of one for all (W).
    """

    is_layered: bool = False

    def shape(self, config: base.GeneratorConfig) -> tuple[int, ...]:
        """Returns `(w_dim,)`, or `(num_ws, w_dim)`."""
        rows = (config.num_ws,) if self.is_layered else ()
        return (*rows, config.w_dim)

    def to_ws(self, values, generator, statistics, labels=None):
        """Broadcasts w to every layer, unless there is a row for each."""
        w = self.to_w(values, statistics)
        return w if self.is_layered else styles.broadcast(w, generator.config.num_ws)

    def from_ws(self, ws, statistics):
        """Returns the rows, or their mean."""
        w = ws if self.is_layered else jnp.mean(ws, axis=1)
        return self.from_w(w, statistics)

    def to_w(self, values: jax.Array, statistics: stats.LatentStatistics) -> jax.Array:
        """Turns values into rows of w, of the same shape."""
        del statistics
        return values

    def from_w(self, w: jax.Array, statistics: stats.LatentStatistics) -> jax.Array:
        """Undoes `to_w` of rows `[..., w_dim]`."""
        del statistics
        return w


@dataclasses.dataclass(frozen=True)
class P(W):
    """W before the mapping network's last activation (arXiv:2012.09036, Section 3)."""

    def to_w(self, values, statistics):
        """Applies the last activation."""
        return stats.p_to_w(values)

    def from_w(self, w, statistics):
        """Undoes the last activation."""
        return stats.w_to_p(w)

    def spread(self, statistics, generator):
        """Measured in P where its components are known; otherwise that of W."""
        if statistics.p is None:
            return statistics.w_std
        return jnp.sqrt(jnp.sum(jnp.square(statistics.p.std)))


@dataclasses.dataclass(frozen=True)
class PN(W):
    """P whitened by its principal components (arXiv:2012.09036, Section 3)."""

    needs_p = True

    def to_w(self, values, statistics):
        """Colors the values and applies the last activation."""
        return stats.p_to_w(stats.unwhiten(values, _gaussian(statistics)))

    def from_w(self, w, statistics):
        """Undoes the last activation and whitens."""
        return stats.whiten(stats.w_to_p(w), _gaussian(statistics))

    def spread(self, statistics, generator):
        """Returns `sqrt(w_dim)`: every axis has unit variance."""
        return jnp.asarray(generator.config.w_dim**0.5)


@dataclasses.dataclass(frozen=True)
class WN(W):
    """W whitened by its own principal components, the small ones less.

    Where W hardly varies, a search from the mean moves last. So its codes stay closer
    to those of the generator's own pictures, and edit better.

    Attributes:
      floor: the smallest deviation divided by, relative to the largest: 0 whitens in
        full, 1 only scales.
    """

    floor: float = 0.05
    needs_p = True  # Its own components come with those of P.

    def to_w(self, values, statistics):
        """Colors the values."""
        return stats.unwhiten(values, _w_gaussian(statistics), floor=self.floor)

    def from_w(self, w, statistics):
        """Whitens."""
        return stats.whiten(w, _w_gaussian(statistics), floor=self.floor)

    def spread(self, statistics, generator):
        """Measured in the whitened coordinates."""
        std = _w_gaussian(statistics).std
        floored = jnp.maximum(std, self.floor * jnp.max(std))
        return jnp.sqrt(jnp.sum(jnp.square(std / floored)))


@dataclasses.dataclass(frozen=True)
class F(W):
    """W+ and an offset of one feature map (Barbershop's FS, arXiv:2106.01505).

    What the rows before the map cannot say of a picture, the offset does. Edits move
    the rows and leave the offset.

    Attributes:
      is_layered: always.
      side: of the map; None: 32 of generators below 1024 pixels, else 64; or the
        largest below that there is.
    """

    is_layered: bool = True
    side: int | None = None
    has_features = True

    def __post_init__(self):
        if not self.is_layered:
            raise InputError("F has one row of w per layer: leave `is_layered` True.")

    def feature_layer(self, config):
        """Returns the layer of the side."""
        if self.side is not None:
            return feature_maps.find_layer(config, self.side)
        most = 32 if config.resolution < 1024 else 64
        return feature_maps.find_layer(config, most, is_limit=True)


_SPACES: dict[str, Space] = {}


def register(name: str, space: Space) -> Space:
    """Makes a space known by a name.

    Args:
      name: as configurations, flags and files give it.
      space: what it stands for.

    Returns:
      The space.

    Raises:
      ValueError: the name stands for another space already.
      TypeError: it is no space.
    """
    if not isinstance(space, Space):
        raise TypeError(
            f"A space must be an instance of a subclass of `spaces.Space`, got {space}."
        )
    if _SPACES.setdefault(name, space) != space:
        raise InputError(f"The space {name!r} is {_SPACES[name]} already.")
    return space


def get(name: str) -> Space:
    """Finds a space by its name.

    Raises:
      ValueError: there is none; lists the spaces.
    """
    if name not in _SPACES:
        raise InputError(
            f"`space` must be one of {names()}, or one that `spaces.register` was told"
            f" of: got {name!r}."
        )
    return _SPACES[name]


def names() -> tuple[str, ...]:
    """Returns the names of all spaces."""
    return tuple(_SPACES)


def on_sphere(z: jax.Array) -> jax.Array:
    """Scales every row of z `[..., z_dim]` to the length `sqrt(z_dim)`."""
    norm = jnp.sqrt(jnp.sum(jnp.square(z), axis=-1, keepdims=True) + 1e-12)
    return z * (z.shape[-1] ** 0.5 / norm)


def _gaussian(statistics: stats.LatentStatistics) -> stats.Gaussian:
    if statistics.p is None:
        raise InputError(
            "P_N needs the principal components of P: compute them with"
            " `latents.statistics.estimate(generator, with_p=True)` or"
            " `python -m experiments.latent_statistics`."
        )
    return statistics.p


def _w_gaussian(statistics: stats.LatentStatistics) -> stats.Gaussian:
    if statistics.w is None:
        raise InputError(
            "W_N needs the principal components of W: compute them with"
            " `latents.statistics.estimate(generator, with_p=True)` or"
            " `python -m experiments.latent_statistics`."
        )
    return statistics.w


register("z", Z())
register("z_sphere", Z(is_spherical=True))
register("w", W())
register("w+", W(is_layered=True))
register("p", P())
register("p+", P(is_layered=True))
register("p_n", PN())
register("p_n+", PN(is_layered=True))
register("w_n", WN())
register("w_n+", WN(is_layered=True))
register("f", F())
for _side in (16, 32, 64):
    register(f"f{_side}", F(side=_side))
