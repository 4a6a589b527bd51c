"""Readers: what a network sees in a generator's pictures, as scores with names."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.avatars import attribute_network, face_attributes
from jax_encoder.editing import effects
from jax_encoder.errors import InputError
from jax_encoder.inversion import rendering
from jax_encoder.nn import base

BATCH = 64


def is_of_attributes(network: base.Network) -> bool:
    """Whether a network reads the attributes of the demo's faces, by name."""
    num_outputs = getattr(network.config, "num_outputs", None)
    return num_outputs == attribute_network.NUM_OUTPUTS


def names(network: base.Network) -> tuple[str, ...]:
    """The names of a scorer's scores: the attributes', or `score_0` and so on."""
    if is_of_attributes(network):
        return face_attributes.NAMES
    num = getattr(network.config, "num_outputs", None)
    if num is None:
        kind = type(network).__name__
        raise InputError(f"A {kind} gives no scores; name a network with outputs.")
    return tuple(f"score_{k}" for k in range(num))


def reader(generator: object, network: object) -> effects.Reader:
    """Makes a function that renders codes and reads their pictures.

    Args:
      generator: renders.
      network: reads: the demo's attribute network, or any network with outputs.

    Returns:
      From ws `[N, num_ws, w_dim]` to a `Reading`; `BATCH` at a time, so that only one
      program is compiled.
    """
    names(network)

    def read(ws: np.ndarray) -> effects.Reading:
        parts = [
            jax.device_get(_read(generator, network, batch))
            for batch in _batches(np.asarray(ws, np.float32))
        ]
        scores, visible, embedding = (
            None if parts[0][k] is None else np.concatenate([p[k] for p in parts])
            for k in range(3)
        )
        assert scores is not None
        assert visible is not None
        num = len(ws)
        return effects.Reading(
            scores=scores[:num],
            is_visible=visible[:num] > 0.5,
            embedding=None if embedding is None else embedding[:num],
        )

    return read


def scale(network: object, scores: np.ndarray) -> effects.Scale:
    """The unit in which a network's scores are measured.

    Args:
      network: the scorer.
      scores: `[N, K]` of samples; they tell the spread where nothing else does.

    Returns:
      For the demo's network the attributes' own ranges, and deviations among people.
    """
    known = names(network)
    if is_of_attributes(network):
        return effects.Scale(
            names=known,
            std=attribute_network.deviations(),
            low=face_attributes.LOW,
            high=face_attributes.HIGH,
            is_circular=face_attributes.IS_CIRCULAR,
            needs=[attribute.needs for attribute in face_attributes.ATTRIBUTES],
        )
    std = np.asarray(scores).std(axis=0)
    return effects.Scale(
        names=known,
        std=np.where(std > 0, std, 1.0),
        low=np.full(len(known), -np.inf),
        high=np.full(len(known), np.inf),
        is_circular=np.zeros(len(known), bool),
        needs=[None] * len(known),
    )


def through_mapping(generator: base.Generator, read: effects.Reader) -> effects.Reader:
    """A reader of codes of Z `[N, 1, z_dim]`, so that moves in Z can be measured."""

    def read_z(z: np.ndarray) -> effects.Reading:
        w = map_codes(generator, np.asarray(z, np.float32)[:, 0])
        return read(np.repeat(w[:, None], generator.config.num_ws, axis=1))

    return read_z


def map_codes(generator: object, z: np.ndarray) -> np.ndarray:
    """Maps z `[N, z_dim]` to w `[N, w_dim]`, `BATCH` at a time."""
    parts = [np.asarray(_map(generator, batch)) for batch in _batches(z)]
    return np.concatenate(parts)[: len(z)]


def _batches(rows: np.ndarray) -> list[np.ndarray]:
    """Groups of `BATCH` rows; the last one is filled up."""
    padding = [(0, -len(rows) % BATCH)] + [(0, 0)] * (rows.ndim - 1)
    filled = np.pad(rows, padding, mode="edge")
    return [filled[start : start + BATCH] for start in range(0, len(filled), BATCH)]


@jax.jit
def _map(generator, z):
    return generator.mapping(z)


@jax.jit
def _read(generator, network, ws):
    images = jnp.clip(rendering.render(generator, ws), -1.0, 1.0)
    if is_of_attributes(network):
        scores = attribute_network.predict(network, images)
        visible = face_attributes.visible(scores)
    else:
        scores = network(images).reshape(len(ws), -1)
        visible = jnp.ones_like(scores)
    embed: Callable | None = getattr(network, "embed", None)
    return scores, visible, None if embed is None else embed(images)


def score_samples(
    generator: base.Generator, network: object, *, num_samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws codes and reads their pictures.

    Args:
      generator: draws.
      network: reads.
      num_samples: how many.
      seed: of the codes.

    Returns:
      z `[N, z_dim]`, w `[N, w_dim]` and scores `[N, K]`.
    """
    key = jax.random.key(seed)
    shape = (num_samples, generator.config.z_dim)
    z = np.asarray(jax.random.normal(key, shape))
    w = map_codes(generator, z)
    read = reader(generator, network)
    broadcast = functools.partial(np.repeat, repeats=generator.config.num_ws, axis=1)
    return z, w, read(broadcast(w[:, None])).scores
