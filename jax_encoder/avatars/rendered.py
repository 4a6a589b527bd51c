"""A source of procedural faces for trainings (`training.sources`)."""

import jax

from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.training import sources


def source(key: jax.Array, resolution: int) -> sources.Source:
    """Returns a source of procedural faces, each drawn once."""

    def draw(step: int, num: int) -> jax.Array:
        attributes = face_attributes.sample(jax.random.fold_in(key, step), num)
        return face_rendering.render(attributes, resolution)

    return draw
