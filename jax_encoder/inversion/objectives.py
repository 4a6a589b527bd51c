"""Distances that an inversion follows: `(images, targets) -> [N]`.

Every function is pure, takes arrays of one shape with the pictures on the first axis,
and returns one number per picture, which no other picture of the batch influences.
Gradients are finite everywhere, also where the two arguments are equal. The functions
take pictures `[N, H, W, 3]` in [-1, 1], feature maps, descriptors or latents alike
unless their documentation names one of them.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.inversion import regularizers as regularizers
from jax_encoder.ops import norms
from jax_encoder.ops import ssim as ssim_lib

Distance = Callable[[jax.Array, jax.Array], jax.Array]


def mse(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean squared difference per picture: `[N, ...], [N, ...] -> [N]`."""
    return _mean(jnp.square(_difference(images, targets)))


def l1(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean absolute difference per picture: `[N, ...], [N, ...] -> [N]`."""
    return _mean(norms.absolute(_difference(images, targets)))


def log_cosh(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean of log cosh of the difference: quadratic near zero, then linear.

    Exact for small and for large differences alike, where the written formula would
    cancel or overflow.

    Args:
      images: `[N, ...]`.
      targets: of the same shape.

    Returns:
      `[N]`.
    """
    difference = _difference(images, targets)
    is_small = jnp.abs(difference) < 1
    small = jnp.where(is_small, difference, 0.0)
    near = jnp.log1p(2 * jnp.square(jnp.sinh(small / 2)))
    size = jnp.abs(difference)
    far = size + jnp.log1p(jnp.exp(-2 * size)) - jnp.log(2.0).astype(size.dtype)
    return _mean(jnp.where(is_small, near, far))


def feature_distance(
    features: object,
    targets: object,
    *,
    distance: Distance = mse,
    weights: Sequence[float] | None = None,
) -> jax.Array:
    """Weighted sum over feature maps of a distance per map.

    Args:
      features: a pytree (an array, a list, a dict by layer) of `[N, ...]` arrays.
      targets: of the same structure and shapes.
      distance: what compares two arrays.
      weights: one per array, in the order of `jax.tree.leaves`; default: ones.

    Returns:
      `[N]`.

    Raises:
      ValueError: the structures or the number of weights differ.
    """
    pairs = _pairs(features, targets)
    if weights is None:
        weights = [1.0] * len(pairs)
    if len(weights) != len(pairs):
        raise InputError(
            f"`weights` must have one entry for each of the {len(pairs)} feature"
            f" arrays: got {len(weights)}."
        )
    terms = [
        weight * distance(*pair) for weight, pair in zip(weights, pairs, strict=True)
    ]
    return sum(terms[1:], start=terms[0])


def squared_distance(features: object, targets: object) -> jax.Array:
    """Sum of squared differences over all feature arrays.

    Of features that LPIPS has normalized and scaled by the roots of its linear weights
    (Zhang et al. 2018), this is LPIPS itself; so the StyleGAN2 projector computes it.

    Args:
      features: a pytree of `[N, ...]` arrays.
      targets: of the same structure and shapes.

    Returns:
      `[N]`.

    Raises:
      ValueError: the structures differ.
    """
    terms = [_sum(jnp.square(_difference(*p))) for p in _pairs(features, targets)]
    return sum(terms[1:], start=terms[0])


def latent_loss(
    features: object,
    targets: object,
    ws: jax.Array | None = None,
    w_avg: jax.Array | None = None,
    *,
    weight: float = 512.0,
) -> jax.Array:
    """Feature MSE, plus the distance of the latents from their mean.

    The `LatentLoss` of pytorch_stylegan_encoder (models/losses.py).

    Args:
      features: a pytree of `[N, ...]` arrays.
      targets: of the same structure and shapes.
      ws: `[N, num_ws, w_dim]`; with `w_avg`, `weight` E|ws - w_avg| is added.
      w_avg: `[w_dim]` or of the shape of `ws[0]` or `ws`.
      weight: of the second term.

    Returns:
      `[N]`.
    """
    loss = feature_distance(features, targets)
    if ws is None or w_avg is None:
        return loss
    return loss + weight * regularizers.mean_w_prior(ws, w_avg)


def identity_angle(embeddings: jax.Array, targets: jax.Array) -> jax.Array:
    """Angle between descriptors, in radians.

    Equal to the arc cosine of the cosine similarity, computed as
    2 atan2(|u - v|, |u + v|) of the unit vectors (Kahan): accurate for small angles,
    and with a finite gradient, zero, at equal and at opposite descriptors.

    Args:
      embeddings: `[N, D]`, of any length.
      targets: of the same shape.

    Returns:
      `[N]` in [0, pi].
    """
    _difference(embeddings, targets)
    u = norms.safe_normalize(_flatten(embeddings))
    v = norms.safe_normalize(_flatten(targets))
    apart, together = norms.safe_norm(u - v), norms.safe_norm(u + v)
    # Equal up to rounding: a difference would be noise, and its gradient of length 1.
    # Two zero descriptors are among these; the gradient of atan2(0, 0) would be NaN.
    is_equal = apart < 4 * jnp.finfo(apart.dtype).eps
    angle = 2 * jnp.arctan2(apart, jnp.where(is_equal, 2.0, together))
    return jnp.where(is_equal, 0.0, angle)


def identity_l1(embeddings: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean absolute difference of VGGFace2 descriptors: `[N, D], [N, D] -> [N]`.

    The identity term of the non-identity property reconstructor; the descriptors are
    not normalized.
    """
    return l1(embeddings, targets)


def identity_cosine(embeddings: jax.Array, targets: jax.Array) -> jax.Array:
    """One minus the cosine similarity (pSp's ArcFace loss): `[N, D], [N, D] -> [N]`."""
    _difference(embeddings, targets)
    u = norms.safe_normalize(_flatten(embeddings))
    v = norms.safe_normalize(_flatten(targets))
    return 1 - jnp.sum(u * v, axis=-1)


def ms_ssim(images: jax.Array, targets: jax.Array) -> jax.Array:
    """One minus the multi-scale structural similarity of pictures in [-1, 1].

    Args:
      images: `[N, H, W, 3]`, sides of at least 11; see `ops.ssim.ms_ssim`.
      targets: of the same shape.

    Returns:
      `[N]`, 0 for equal pictures.
    """
    return 1 - ssim_lib.ms_ssim(images, targets)


def landmark_mse(landmarks: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean squared difference of the 68 landmarks' coordinates.

    Args:
      landmarks: `[N, 68, 2]` or `[N, 136]`.
      targets: of the same shape.

    Returns:
      `[N]`.

    Raises:
      ValueError: there are not 136 coordinates per picture.
    """
    if _flatten(landmarks).shape[1] != 136:
        raise InputError(
            f"`landmarks` must be [N, 68, 2] or [N, 136]: got {landmarks.shape}."
        )
    return mse(landmarks, targets)


def soft_histogram(
    images: jax.Array,
    *,
    num_bins: int = 10,
    sigma: float = 1.85,
) -> jax.Array:
    """Differentiable histogram of every color.

    A pixel of level x on 0..255 counts in the bin from a to b as
    sigmoid(sigma (x - a)) - sigmoid(sigma (x - b)), divided by the number of pixels.

    Args:
      images: `[N, H, W, C]` in [-1, 1].
      num_bins: equal bins over the range.
      sigma: steepness of the bins' borders, per level.

    Returns:
      `[N, C, num_bins]`.
    """
    levels = (images + 1) * 127.5
    edges = [255.0 * k / num_bins for k in range(num_bins + 1)]
    # The share of pixels above every edge; one edge at a time, so that no array is
    # larger than the pictures.
    above = [jnp.mean(jax.nn.sigmoid(sigma * (levels - e)), axis=(1, 2)) for e in edges]
    above = jnp.stack(above, axis=-1)
    return above[..., :-1] - above[..., 1:]


def histogram_emd(histograms: jax.Array, targets: jax.Array) -> jax.Array:
    """Earth mover's distance of histograms, in bins, summed over the colors.

    Args:
      histograms: `[N, C, num_bins]`, say of `soft_histogram`.
      targets: of the same shape; those of a picture, or predicted from a descriptor.

    Returns:
      `[N]`.
    """
    return _sum(norms.absolute(jnp.cumsum(_difference(histograms, targets), axis=-1)))


def _difference(a: jax.Array, b: jax.Array) -> jax.Array:
    if a.shape != b.shape or a.ndim < 2:
        raise InputError(
            "The two arguments must be [N, ...] of one shape: got"
            f" {a.shape} and {b.shape}."
        )
    return a - b


def _pairs(features: object, targets: object) -> list[tuple[jax.Array, jax.Array]]:
    structures = jax.tree.structure(features), jax.tree.structure(targets)
    if structures[0] != structures[1] or not structures[0].num_leaves:
        raise InputError(
            "`features` and `targets` must hold the same arrays, one at least: got"
            f" {structures[0]} and {structures[1]}."
        )
    leaves = jax.tree.leaves(features), jax.tree.leaves(targets)
    return list(zip(*leaves, strict=True))


def _flatten(x: jax.Array) -> jax.Array:
    return x.reshape(x.shape[0], -1)


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(_flatten(x), axis=1)


def _sum(x: jax.Array) -> jax.Array:
    return jnp.sum(_flatten(x), axis=1)
