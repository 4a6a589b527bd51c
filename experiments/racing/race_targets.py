"""What is inverted in a race: own samples, held-out renderings, photographs."""

import dataclasses
import os

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.errors import InputError
from jax_encoder.inversion import starts
from jax_encoder.inversion.state import Models
from jax_encoder.io import images


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """Pictures of three kinds, and what is known of them.

    Attributes:
      pictures: `[N, R, R, C]` in [-1, 1].
      kinds: N of "own", "held-out" and "photograph".
      names: N.
      ws: `[K, num_ws, w_dim]` the codes of the own ones, which come first.
      attributes: `[M, A]` of the held-out ones, which come next.
    """

    pictures: np.ndarray
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    ws: np.ndarray
    attributes: np.ndarray

    def of_kind(self, kind: str) -> np.ndarray:
        """Returns the indices of a kind."""
        return np.flatnonzero(np.asarray(self.kinds) == kind)


def draw(
    models: Models,
    *,
    num_own: int,
    num_held_out: int,
    photographs: str = "",
    seed: int = 1000,
) -> Targets:
    """Draws and reads the targets of a race.

    Args:
      models: the generator and its statistics.
      num_own: samples of the generator, in W.
      num_held_out: renderings of the demo's world, which the generator never made; 0
        for generators of anything else.
      photographs: a folder, pattern or file of aligned pictures; "" for none.
      seed: of samples and renderings.

    Returns:
      The targets, own ones first, photographs last.

    Raises:
      ValueError: there are none.
    """
    config = models.generator.config
    own_key, other_key = jax.random.split(jax.random.key(seed))
    z = jax.random.normal(own_key, (num_own, config.z_dim))
    ws = np.asarray(starts.from_z(models, "w+", z))
    parts, names = [], [f"own_{k}" for k in range(num_own)]
    if num_own:
        parts.append(
            np.asarray(jnp.clip(models.generator.synthesis(jnp.asarray(ws)), -1, 1))
        )
    attributes = np.zeros((0, len(face_attributes.NAMES)), np.float32)
    if num_held_out:
        attributes = np.asarray(face_attributes.sample(other_key, num_held_out))
        parts.append(render_faces(attributes, config.resolution))
        names += [f"held_out_{k}" for k in range(num_held_out)]
    paths = images.find(photographs) if photographs else []
    for path in paths:
        picture = images.with_channels(images.read(path), config.image_channels)
        parts.append(images.fit(picture, config.resolution)[None])
        names.append(os.path.splitext(path.name)[0])
    if not parts:
        raise InputError("Nothing to invert: give --own, --held_out or --photographs.")
    kinds = ["own"] * num_own + ["held-out"] * num_held_out
    return Targets(
        pictures=np.concatenate(parts).astype(np.float32),
        kinds=(*kinds, *["photograph"] * len(paths)),
        names=tuple(names),
        ws=ws,
        attributes=attributes,
    )


def render_faces(attributes: np.ndarray, side: int) -> np.ndarray:
    """Renders faces of the demo's world, `[N, side, side, 3]`."""
    return np.asarray(face_rendering.render(jnp.asarray(attributes), side))
