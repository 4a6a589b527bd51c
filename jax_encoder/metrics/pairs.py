"""Measures of pairs of pictures: `(images, targets) -> [N]`.

Pictures are `[N, H, W, C]` in [-1, 1], C 1, 3 or 4. The measures neither clamp nor
round.
"""

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.nn import base
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import norms
from jax_encoder.ops import ssim as ssim_lib


def mse(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean squared difference, `[N]`, of values in [-1, 1].

    Raises:
      ValueError: the pictures break the convention or differ in shape.
    """
    images, targets = _check(images, targets)
    return jnp.mean(jnp.square(images - targets), axis=(1, 2, 3))


def psnr(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Peak signal-to-noise ratio in decibels, `[N]`; infinite for equal pictures.

    The peak is the width of the range, 2; so the number is the one that 8-bit pictures
    with the peak 255 would have.

    Raises:
      ValueError: the pictures break the convention or differ in shape.
    """
    return 10 * (jnp.log10(4.0) - jnp.log10(mse(images, targets)))


def ssim(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Structural similarity (Wang et al. 2004), `[N]`, 1 for equal pictures.

    Raises:
      ValueError: the pictures break the convention, differ in shape, or have a side
        shorter than 11.
    """
    return ssim_lib.ssim(*_check(images, targets))


def ms_ssim(images: jax.Array, targets: jax.Array) -> jax.Array:
    """Multi-scale structural similarity (Wang et al. 2003), `[N]`.

    Of five scales, or as many as fit; see `ops.ssim.ms_ssim`.

    Raises:
      ValueError: the pictures break the convention, differ in shape, or have a side
        shorter than 11.
    """
    return ssim_lib.ms_ssim(*_check(images, targets))


def lpips(
    network: base.PerceptualDistance, images: jax.Array, targets: jax.Array
) -> jax.Array:
    """Learned perceptual distance (Zhang et al. 2018), `[N]`.

    Args:
      network: an `nn.lpips.LPIPS`.
      images: `[N, H, W, 3]` in [-1, 1].
      targets: of the same shape.

    Returns:
      `[N]`, 0 for equal pictures.
    """
    return network(*_check(images, targets))


def identity_similarity(
    network: base.Embedder, images: jax.Array, targets: jax.Array
) -> jax.Array:
    """Cosine of the descriptors of two pictures of faces.

    Args:
      network: has `embed`, `[N, H, W, 3] -> [N, D]`, such as ArcFace.
      images: `[N, H, W, 3]` in [-1, 1].
      targets: of the same shape.

    Returns:
      `[N]` in [-1, 1].
    """
    images, targets = _check(images, targets)
    u = norms.safe_normalize(network.embed(images))
    v = norms.safe_normalize(network.embed(targets))
    return jnp.sum(u * v, axis=-1)


def _check(images: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    channels = images.shape[-1] if images.ndim == 4 else 3
    channels = channels if channels in (1, 4) else 3
    images = images_lib.check_images(images, channels=channels)
    targets = images_lib.check_images(targets, channels=channels, name="targets")
    if images.shape != targets.shape:
        raise InputError(
            "`images` and `targets` must have the same shape: got"
            f" {images.shape} and {targets.shape}. Resize one of them first."
        )
    return images, targets


def measure(
    networks: base.Networks, images: jax.Array, targets: jax.Array
) -> dict[str, jax.Array]:
    """All measures that the pictures' size and the networks allow.

    Args:
      networks: a mapping with, as far as they are at hand, "lpips" and "identity".
      images: `[N, H, W, 3]` in [-1, 1].
      targets: of the same shape.

    Returns:
      Name -> `[N]`: mse, psnr, ssim, ms_ssim, lpips, identity.
    """
    measures = {"mse": mse(images, targets), "psnr": psnr(images, targets)}
    if min(images.shape[1:3]) >= ssim_lib.SIDE:
        measures["ssim"] = ssim(images, targets)
        measures["ms_ssim"] = ms_ssim(images, targets)
    if "lpips" in networks:
        measures["lpips"] = lpips(networks["lpips"], images, targets)
    if "identity" in networks:
        found = identity_similarity(networks["identity"], images, targets)
        measures["identity"] = found
    return measures
