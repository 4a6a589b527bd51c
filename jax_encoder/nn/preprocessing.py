"""What each network expects of a picture, behind the public [-1, 1] convention."""

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError

# name: (scale, offset, mean, standard deviation); the network sees
# (scale * images + offset - mean) / deviation, in RGB order.
PREPROCESSINGS = {
    # [-1, 1] as it is (encoders, ArcFace, the project's own networks).
    "none": (1.0, 0.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    # torchvision's ImageNet statistics on [0, 1].
    "imagenet": (0.5, 0.5, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # CLIP's statistics on [0, 1].
    "clip": (
        0.5,
        0.5,
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
    # LPIPS' own, rounded, on [-1, 1] (lpips/lpips.py, ScalingLayer).
    "lpips": (1.0, 0.0, (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)),
    # VGG-Face's own mean on 0..255.
    "vggface": (
        127.5,
        127.5,
        (129.186279296875, 104.76238250732422, 93.59396362304688),
        (1.0, 1.0, 1.0),
    ),
    # VGGFace2's mean on 0..255.
    "vggface2": (127.5, 127.5, (131.0912, 103.8827, 91.4953), (1.0, 1.0, 1.0)),
}


def check(name: str) -> None:
    """Raises a `ValueError` unless `name` is one of `PREPROCESSINGS`."""
    if name not in PREPROCESSINGS:
        raise InputError(
            f"`preprocessing` must be one of {sorted(PREPROCESSINGS)}: got {name!r}."
        )


def normalize(images: jax.Array, name: str) -> jax.Array:
    """Maps pictures in [-1, 1] to what the network `name` was trained on.

    Args:
      images: `[N, H, W, 3]` in [-1, 1].
      name: a key of `PREPROCESSINGS`.

    Returns:
      `[N, H, W, 3]` in the network's own units.
    """
    scale, offset, mean, deviation = PREPROCESSINGS[name]
    if name == "none":
        return images
    means = jnp.asarray(mean, images.dtype)[None, None, None]
    deviations = jnp.asarray(deviation, images.dtype)[None, None, None]
    return (images * scale + offset - means) / deviations
