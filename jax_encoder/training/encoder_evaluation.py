"""How good an encoder is on pictures that it was not trained on."""

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.metrics import editing_consistency, pairs
from jax_encoder.nn import base


def measure(
    encoder: object,
    generator: object,
    images: np.ndarray,
    *,
    networks: Mapping[str, object],
    direction: jax.Array | None = None,
    batch_size: int = 32,
) -> dict[str, float]:
    """Encodes and renders pictures, and compares them with what was rendered.

    Args:
      encoder: a module from pictures to whole codes `[N, num_ws, w_dim]`.
      generator: renders them.
      images: `[N, R, R, 3]` in [-1, 1], held out from the training.
      networks: as far as they are at hand, "lpips" and "identity".
      direction: `[w_dim]`, what codes are edited by for their consistency; None to
        leave that out.
      batch_size: pictures at a time.

    Returns:
      medians over the pictures of "psnr", "lpips", "identity"; and "lec", the latent
      editing consistency.
    """
    found: dict[str, list[np.ndarray]] = {}
    for batch, num in _batches(images, batch_size):
        measured = _measure(encoder, generator, dict(networks), batch)
        if direction is not None:
            measured["lec"] = editing_consistency.editing_distances(
                encoder, generator, batch, direction
            )
        for name, values in measured.items():
            found.setdefault(name, []).append(np.asarray(values)[:num])
    rows = {name: np.concatenate(parts) for name, parts in found.items()}
    kept = ("psnr", "lpips", "identity")
    report = {name: float(np.median(rows[name])) for name in kept if name in rows}
    if direction is not None:
        report["lec"] = editing_consistency.editing_consistency(rows["lec"])
    return report


def reconstruct(
    encoder: object, generator: object, images: np.ndarray, *, batch_size: int = 32
) -> np.ndarray:
    """Returns what codes of pictures `[N, R, R, 3]` render, within [-1, 1]."""
    parts = [
        np.asarray(_reconstruct(encoder, generator, batch))[:num]
        for batch, num in _batches(images, batch_size)
    ]
    return np.concatenate(parts)


def main_direction(
    generator: base.Generator, key: jax.Array, num: int = 4096
) -> jax.Array:
    """Returns the direction `[w_dim]` of unit length in which w varies most."""
    z = jax.random.normal(key, (num, generator.config.z_dim))
    w = np.asarray(jax.jit(lambda g, z: g.mapping(z))(generator, z))
    return jnp.asarray(np.linalg.svd(w - w.mean(axis=0), full_matrices=False)[2][0])


def _batches(images: np.ndarray, size: int):
    """Batches of one size, the last one filled up, and how many pictures count."""
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        num = len(batch)
        filler = np.repeat(batch[-1:], size - num, axis=0)
        yield jnp.asarray(np.concatenate([batch, filler])), num


@jax.jit
def _reconstruct(encoder, generator, images):
    return jnp.clip(generator.synthesis(encoder(images), "const"), -1.0, 1.0)


@functools.partial(jax.jit)
def _measure(encoder, generator, networks, images):
    found = _reconstruct(encoder, generator, images)
    measured = {"psnr": pairs.psnr(found, images)}
    if "lpips" in networks:
        measured["lpips"] = pairs.lpips(networks["lpips"], found, images)
    if "identity" in networks:
        identity = networks["identity"]
        measured["identity"] = pairs.identity_similarity(identity, found, images)
    return measured
