"""Directions from the weights alone (Shen and Zhou 2021, SeFa, arXiv:2007.06600).

The directions of w that change the styles most are the principal axes of the affine
layers' weights.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.nn import base


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
        raise InputError(
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
    generator: base.Generator,
    layers: Sequence[int] | None = None,
    *,
    with_rgb: bool = False,
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
    affines = generator.synthesis.affine_layers(with_rgb=with_rgb)
    layers = range(len(affines)) if layers is None else layers
    if any(not 0 <= layer < len(affines) for layer in layers):
        raise InputError(
            f"`layers` must lie in 0 to {len(affines) - 1}: got {list(layers)}."
        )
    return [np.asarray(affines[layer].weight[...]) for layer in layers]
