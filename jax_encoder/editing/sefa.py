"""Directions from the weights alone (Shen and Zhou 2021, SeFa, arXiv:2007.06600).

The directions of w that change the styles most are the principal axes of the affine
layers' weights.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Factors:
    """Directions in W, strongest first.

    Attributes:
      directions: `[K, w_dim]`, rows of unit length; the sign is arbitrary.
      values: `[K]`, the squared change of the styles per unit step.
    """

    directions: np.ndarray
    values: np.ndarray


def factorize(weights: Sequence[np.ndarray], *, normalize: bool = True) -> Factors:
    """Finds the principal axes of affine layers.

    Args:
      weights: `[w_dim, C]` each.
      normalize: scale the weights of every style to unit length first, as the SeFa
        editing of encoder4editing does; rosinality's closed-form factorization does
        not.

    Returns:
      The factors, `K = min(w_dim, sum of C)`.

    Raises:
      ValueError: there are no weights or they do not share `w_dim`.
    """
    if not weights or len({weight.shape[0] for weight in weights}) != 1:
        raise ValueError(
            "`weights` must be [w_dim, C] each, one at least: got"
            f" {[weight.shape for weight in weights]}."
        )
    stacked = np.concatenate([np.asarray(w, np.float64) for w in weights], axis=1)
    if normalize:
        lengths = np.linalg.norm(stacked, axis=0, keepdims=True)
        stacked = stacked / np.where(lengths == 0, 1.0, lengths)
    directions, singular, _ = np.linalg.svd(stacked, full_matrices=False)
    return Factors(
        directions.T.astype(np.float32), np.square(singular).astype(np.float32)
    )


def affine_weights(
    generator: Any, layers: Sequence[int] | None = None, *, with_rgb: bool = False
) -> list[np.ndarray]:
    """The weights of a generator's affine layers, coarse to fine.

    Args:
      generator: a StyleGAN 1, 2 or 3 generator.
      layers: which; default: all. StyleGAN3's Fourier input is not counted.
      with_rgb: the layers that make RGB count too, each after the convolutions of its
        block (StyleGAN1's take no style). The publications leave them out.

    Returns:
      `[w_dim, C]` each.

    Raises:
      ValueError: there is no such layer.
    """
    affines = _affines(generator.synthesis, with_rgb)
    layers = range(len(affines)) if layers is None else layers
    if any(not 0 <= layer < len(affines) for layer in layers):
        raise ValueError(
            f"`layers` must lie in 0 to {len(affines) - 1}: got {list(layers)}."
        )
    return [np.asarray(affines[layer].weight[...]) for layer in layers]


def _affines(synthesis: Any, with_rgb: bool) -> list[Any]:
    config = synthesis.config
    if config.family == "stylegan1":
        layers = [getattr(synthesis, f"layer{k}") for k in range(config.num_ws)]
        return [layer.style_mod for layer in layers]
    if config.family == "stylegan3":
        specs = [spec for spec in config.layers if with_rgb or not spec.is_torgb]
        return [getattr(synthesis, spec.name).affine for spec in specs]
    blocks = [getattr(synthesis, f"b{side}") for side in config.resolutions]
    names = ("conv0", "conv1", "torgb") if with_rgb else ("conv0", "conv1")
    found = [
        getattr(block, name)
        for block in blocks
        for name in names
        if hasattr(block, name)
    ]
    return [layer.affine for layer in found]
