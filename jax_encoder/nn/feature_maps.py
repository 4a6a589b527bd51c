"""Feature maps inside a synthesis network: where they lie, and pictures from them.

A map is changed by an offset, which the network adds to its own. So a changed map is
edited by editing ws: the offset stays, and the map moves by the difference of the maps
with and without the edit, as Barbershop (arXiv:2106.01505) and StyleFeatureEditor
(arXiv:2406.10601) carry edits into F.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from jax_encoder.errors import InputError
from jax_encoder.nn import base


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureLayer:
    """A map that can be changed.

    Attributes:
      side: in samples per picture side, without margins.
      shape: `(H, W, C)`, margins included.
      num_rows: the rows of w that act before the map is there.
      stage: what the network's `stages` call it.
    """

    side: int
    shape: tuple[int, int, int]
    num_rows: int
    stage: str | int


def find_layer(config: object, side: int, *, is_limit: bool = False) -> FeatureLayer:
    """Finds the map of a side.

    Args:
      config: a generator's; has `feature_layers`.
      side: in samples per picture side.
      is_limit: take the largest map up to this side.

    Raises:
      ValueError: the generator has no such map, or none that can be changed.
    """
    known: Sequence[FeatureLayer] = getattr(config, "feature_layers", ())
    if not known:
        raise InputError(
            f"The generator ({type(config).__name__}) has no feature map that can be"
            " changed; search one of the spaces without, such as w+."
        )
    fitting = [x for x in known if x.side == side or (is_limit and x.side < side)]
    if fitting:
        return fitting[-1]
    raise InputError(
        f"The generator has feature maps of the sides {[x.side for x in known]}, none"
        f" of {side}."
    )


def changed_layer(
    config: Any, features: jax.Array | None, num: int
) -> FeatureLayer | None:
    """Finds the map to which an offset belongs, by its shape.

    Args:
      config: a generator's; has `feature_layers`.
      features: `[N, H, W, C]` the offset; None for none.
      num: pictures, N.

    Raises:
      ValueError: no map has this shape.
    """
    if features is None:
        return None
    for layer in config.feature_layers:
        if features.shape == (num, *layer.shape):
            return layer
    shapes = [[num, *layer.shape] for layer in config.feature_layers]
    raise InputError(
        f"`features` must have the shape of a feature map, one of {shapes}: got"
        f" {list(features.shape)}."
    )


def add(x: jax.Array, features: jax.Array | None) -> jax.Array:
    """Adds an offset, if there is one, to a map `[N, H, W, C]` of any type."""
    return x if features is None else x + features.astype(x.dtype)


def feature_map(
    synthesis: base.Network, ws: jax.Array, layer: FeatureLayer, **options: object
) -> jax.Array:
    """Returns a map as the network makes it of ws.

    Args:
      synthesis: the network.
      ws: `[N, num_ws, w_dim]`.
      layer: of the network's configuration.
      **options: of the network's `stages`: noise, dtype.

    Returns:
      `[N, H, W, C]`.
    """
    for stage, features, *_ in synthesis.stages(ws, **options):
        if stage == layer.stage:
            return features
    raise AssertionError("a configuration names a layer that its network has not")


def synthesis_from(
    synthesis: base.Network, features: jax.Array, ws: jax.Array, **options: object
) -> jax.Array:
    """Renders pictures from a feature map and the rows of w after it.

    Args:
      synthesis: a network that takes `features`.
      features: `[N, H, W, C]` the map itself, in place of the network's own.
      ws: `[N, num_ws, w_dim]`; the rows before the map still make its coarse RGB.
      **options: of the network: noise, dtype.

    Returns:
      images `[N, R, R, C]`, nominally in [-1, 1], not clamped.

    Raises:
      ValueError: no map of the network has this shape.
    """
    layer = _layer_of(synthesis, features)
    own = feature_map(synthesis, ws, layer, **options)
    return synthesis(ws, features=features - own, **options)


def carry_edit(
    synthesis: base.Network,
    features: jax.Array,
    ws: jax.Array,
    edited: jax.Array,
    **options: object,
) -> jax.Array:
    """Carries an edit of ws into a feature map that was found with it.

    Args:
      synthesis: a network that takes `features`.
      features: `[N, H, W, C]` the map itself.
      ws: `[N, num_ws, w_dim]` before the edit.
      edited: `[N, num_ws, w_dim]` after it.
      **options: of the network: noise, dtype.

    Returns:
      The map `[N, H, W, C]`, moved by the difference of the network's own maps with and
      without the edit.

    Raises:
      ValueError: no map of the network has this shape.
    """
    layer = _layer_of(synthesis, features)
    before = feature_map(synthesis, ws, layer, **options)
    return features + feature_map(synthesis, edited, layer, **options) - before


def _layer_of(synthesis: base.Network, features: jax.Array) -> FeatureLayer:
    layer = changed_layer(synthesis.config, features, len(features))
    assert layer is not None
    return layer
