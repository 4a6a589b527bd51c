"""Renderings whose codes are known, for encoders of the demo generator.

The demo generator was taught that z names a face, which the renderer draws
(`regression`). So the renderer can draw, a hundred times faster than the generator, the
very pictures that the generator imitates, and their codes are known.
"""

import functools

import jax
import jax.numpy as jnp

from jax_encoder.avatars import face_attributes, face_rendering, regression
from jax_encoder.errors import InputError
from jax_encoder.latents import sampling
from jax_encoder.nn import base
from jax_encoder.training import encoder_sources
from jax_encoder.training.encoder_objective import Batch


def named(generator: base.Generator, key: jax.Array) -> encoder_sources.PairSource:
    """Returns a source of renderings of the faces that random z name.

    Args:
      generator: one whose z name faces.
      key: of the latents.

    Raises:
      ValueError: its z have too few numbers to name a face.
    """
    needed = face_attributes.NUM_NORMALS
    if generator.config.z_dim < needed:
        raise InputError(
            f"To name a face z needs {needed} numbers, this generator's has"
            f" {generator.config.z_dim}; train from samples or pictures."
        )

    def draw(step: int, num: int) -> Batch:
        attributes, ws = _people(generator, jax.random.fold_in(key, step), num)
        # Drawn outside, since XLA would fuse the attributes into the drawing's loops.
        images = face_rendering.render(attributes, generator.config.resolution)
        return Batch(images=images, ws=ws, is_known=jnp.ones(num))

    return draw


@functools.partial(jax.jit, static_argnames="num")
def _people(generator, key, num):
    z = jax.random.normal(key, (num, generator.config.z_dim))
    ws = sampling.map_to_ws(generator, z)
    return regression.people(z), ws
