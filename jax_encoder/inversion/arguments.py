"""What a person gives to an inversion, checked and brought to one form.

Pictures, labels, keys and networks come from notebooks and scripts of all kinds. Each
function here returns what the inversion computes with, or says what was expected, what
came, and what to do.
"""

import os
from collections.abc import Iterable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jax_encoder.errors import InputError
from jax_encoder.io import images as image_lib
from jax_encoder.nn import base, checks, lpips

Picture = np.ndarray | jax.Array | Image.Image
"""`[H, W, C]`, or `[H, W]` of a gray one, in [-1, 1] or uint8; or one of Pillow."""

Pictures = Picture | Sequence[Picture]
"""`[N, H, W, C]`, a list of pictures of any sizes, or a single picture."""

_CHANNELS = (1, 3, 4)
_LARGEST = 4.0  # unclamped pictures of a generator reach beyond 1, never so far


def fit_pictures(
    images: Pictures, resolution: int, *, channels: int = 3, crop: str = "center"
) -> np.ndarray:
    """Brings pictures of any number and size to a generator's resolution.

    Args:
      images: `[N, H, W, C]`, a list of pictures of different sizes, or a single picture
        `[H, W, C]` or `[H, W]`. Floating-point values lie in [-1, 1], uint8 in
        [0, 255]; C is 1, 3 or 4. Pictures of Pillow will do in any mode.
      resolution: sides of the result in pixels.
      channels: of the result: 3, 1 for gray, 4 for RGBA.
      crop: as of `io.images.fit`.

    Returns:
      `[N, resolution, resolution, channels]` float32 in [-1, 1].

    Raises:
      InputError: no pictures, or something that is none, such as the name of a file, or
        one of a shape, type or range that none has; says which.
    """
    pictures = _listed(images)
    if not pictures:
        raise InputError("`images` is empty: give one picture at least.")
    fitted = []
    for number, picture in enumerate(pictures):
        where = f"`images[{number}]`"
        pixels = image_lib.with_channels(_pixels(picture, where), channels)
        fitted.append(image_lib.fit(pixels, resolution, crop))
    return np.stack(fitted)


def _listed(images: Pictures) -> list[Picture]:
    """The pictures one by one; a single one alone in its list."""
    if isinstance(images, Image.Image):
        return [images]
    if isinstance(images, str | bytes | os.PathLike | Mapping) or not isinstance(
        images, Iterable
    ):
        raise InputError(_no_picture("`images`", images))
    if not isinstance(images, np.ndarray | jax.Array):
        return list(images)
    if images.ndim == 2 or images.ndim == 3 and images.shape[-1] in _CHANNELS:
        return [images]
    if images.ndim == 4 and images.shape[-1] in _CHANNELS:
        return list(np.asarray(images))
    if not images.shape or not len(images):
        return []
    remedy = "channels come last, and one picture alone is [H, W, C]"
    if images.ndim == 4 and images.shape[1] in _CHANNELS:
        remedy = "channels come last: `images.transpose(0, 2, 3, 1)`"
    elif images.ndim == 3 and images.shape[0] in _CHANNELS:
        remedy = "channels come last: `images.transpose(1, 2, 0)`"
    elif images.ndim == 3:
        remedy = "several gray pictures are `images[..., None]`"
    raise InputError(
        "`images` must be [N, H, W, C] with 1, 3 or 4 channels, got"
        f" {[*images.shape]}: {remedy}."
    )


def _pixels(picture: Picture, where: str) -> np.ndarray:
    """A picture as an array of `io.images`: `[H, W, C]`, uint8 or float."""
    if isinstance(picture, Image.Image):
        return image_lib.from_pillow(picture)
    if isinstance(picture, str | bytes | os.PathLike | Mapping) or picture is None:
        raise InputError(_no_picture(where, picture))
    try:
        pixels = np.asarray(picture)
    except ValueError:  # rows of different lengths
        raise InputError(
            f"{where} has rows of different lengths: it must be [H, W, C]."
        ) from None
    if pixels.dtype.kind not in "uif" and not _is_float(pixels):
        raise InputError(_no_picture(where, picture))
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[-1] not in _CHANNELS or 0 in pixels.shape:
        raise InputError(
            f"{where} must be [H, W, C] with 1, 3 or 4 channels, got"
            f" {[*pixels.shape]}: channels come last."
        )
    return _checked_values(pixels, where)


def _is_float(values: np.ndarray) -> bool:
    return jnp.issubdtype(values.dtype, jnp.floating)


def _checked_values(pixels: np.ndarray, where: str) -> np.ndarray:
    """The pixels, if they are uint8 or finite and about [-1, 1]."""
    if pixels.dtype == np.uint8:
        return pixels
    if not _is_float(pixels):
        raise InputError(
            f"{where} holds {pixels.dtype} values: give uint8 (`.astype(np.uint8)` of"
            " values from 0 to 255), or floating-point values in [-1, 1]."
        )
    pixels = pixels.astype(np.float32)
    if not np.isfinite(pixels).all():
        number = int(np.sum(~np.isfinite(pixels)))
        raise InputError(
            f"{where} holds {number} values that are NaN or infinite: replace them, or"
            " leave the picture out."
        )
    if (largest := np.abs(pixels).max()) > _LARGEST:
        raise InputError(
            f"{where} must lie in [-1, 1] or be uint8, got values up to {largest:g}:"
            " divide values from 0 to 255 by 127.5 and subtract 1, or read files with"
            " `jax_encoder.io.images.read`."
        )
    return pixels


def _no_picture(where: str, value: object) -> str:
    """Says that something is no picture, and how files become pictures."""
    remedy = "give arrays [H, W, C] in [-1, 1] or uint8, or pictures of Pillow"
    if isinstance(value, str | os.PathLike):
        remedy = (
            "read files with `jax_encoder.io.images.read`, or let `jax-encoder"
            " encode_image` do it"
        )
    return f"{where} is no picture but {checks.describe(value)}: {remedy}."


def check_labels(
    labels: jax.typing.ArrayLike | None, num: int, num_classes: int
) -> jax.Array | None:
    """Checks labels and gives every picture one.

    Args:
      labels: `[1, c_dim]` or `[num, c_dim]`; None without classes.
      num: pictures.
      num_classes: `c_dim` of the generator; zero for an unconditional one.

    Returns:
      `[num, c_dim]`, or None.

    Raises:
      InputError: the generator has no classes, or others than the labels.
    """
    if labels is None:
        return None
    rows = jnp.asarray(labels)
    if not num_classes:
        raise InputError(
            f"`labels` {[*rows.shape]} were given, but the generator has no classes:"
            " leave them out."
        )
    if rows.ndim != 2 or rows.shape[1] != num_classes or rows.shape[0] not in (1, num):
        raise InputError(
            f"`labels` must be [1, {num_classes}] or [{num}, {num_classes}] for the"
            f" {num_classes} classes of the generator, got {[*rows.shape]}: the class k"
            f" is `jax.nn.one_hot([k], {num_classes})`."
        )
    return jnp.broadcast_to(rows.astype(jnp.float32), (num, num_classes))


def check_key(key: jax.Array | None) -> jax.Array:
    """Returns a PRNG key of the new style: the one given, or `jax.random.key(0)`.

    Args:
      key: of `jax.random.key` or of `jax.random.PRNGKey`.

    Raises:
      InputError: it is no key, or several.
    """
    if key is None:
        return jax.random.key(0)
    if isinstance(key, np.ndarray | jax.Array):
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0:
            return jnp.asarray(key)
        if key.dtype == jnp.uint32 and key.shape == (2,):
            return jax.random.wrap_key_data(jnp.asarray(key))
    shown = checks.describe(key)
    if isinstance(key, jax.Array):
        shown = f"an array of {key.dtype} {[*key.shape]}"
    number = key if isinstance(key, int) else 0
    raise InputError(
        f"`key` must be one key of JAX, `jax.random.key({number})`: got {shown}."
    )


def check_generator(generator: base.Generator) -> None:
    """Refuses what is no generator.

    Raises:
      InputError: says what it is and how to get a generator.
    """
    if isinstance(generator, str | os.PathLike):
        raise InputError(
            f"`generator` must be a network, got the name {os.fspath(generator)!r}:"
            " read it with `jax_encoder.load`."
        )
    lacking = [
        name
        for name in ("config", "mapping", "synthesis", "w_avg")
        if not hasattr(generator, name)
    ]
    if lacking:
        raise InputError(
            f"`generator` is a {type(generator).__name__}, which has no"
            f" `{lacking[0]}`: give a StyleGAN generator, such as"
            " `jax_encoder.demo.generator()`."
        )


_METHODS = {
    "lpips": (
        ("features", "distance"),
        "a distance of pictures: `experiments.convert` joins a trunk with its heads",
    ),
    "vgg": (("feature",), "a network with named features, such as VGG16"),
    "identity": (("embed",), "a network that embeds faces, such as ArcFace"),
    "encoder": (("__call__",), "a network that predicts codes of pictures"),
}


def check_networks(networks: base.Networks) -> None:
    """Refuses networks that cannot do what their names promise.

    Args:
      networks: by name. "lpips", "identity" and "encoder" mean the same in all presets;
        what other names need is known to the terms that carry them.

    Raises:
      InputError: no table of networks, or a network of another kind than its name says.
    """
    if not isinstance(networks, Mapping):
        raise InputError(
            '`networks` must be a table by name, {"lpips": network}: got'
            f" {checks.describe(networks)}."
        )
    for name, network in networks.items():
        if isinstance(network, str | os.PathLike):
            raise InputError(
                f"The network {name!r} is the name {os.fspath(network)!r}: read it with"
                " `jax_encoder.load`."
            )
        methods, what = _METHODS.get(name, ((), ""))
        if not all(hasattr(network, method) for method in methods):
            kind = type(network).__name__
            got = "the heads of LPIPS alone" if isinstance(network, lpips.Heads) else ""
            raise InputError(
                f"The network {name!r} is {got or f'a {kind}'}, but must be {what}."
            )
