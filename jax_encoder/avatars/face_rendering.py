"""A renderer of procedural faces: cartoon portraits in pure JAX.

`render(attributes [N, K], resolution) -> images [N, H, W, 3]` in [-1, 1], aligned like
FFHQ, differentiable in the attributes, at any resolution. Faces are layers of signed
distance shapes (`face_layers`), each antialiased by its distance in pixels. What the
columns of `attributes` mean stands in `face_attributes`.
"""

import functools

import jax
import jax.numpy as jnp

from jax_encoder.avatars import (
    face_attributes,
    face_geometry,
    face_layers,
    face_parts,
    shapes,
)
from jax_encoder.errors import InputError


@functools.partial(jax.jit, static_argnames=("resolution", "batch_size"))
def render(
    attributes: jax.Array, resolution: int = 64, *, batch_size: int | None = None
) -> jax.Array:
    """Renders faces.

    Args:
      attributes: `[N, K]`, columns as in `face_attributes.ATTRIBUTES`.
      resolution: height and width in pixels.
      batch_size: pictures drawn at once; by default one on a CPU, where a picture's
        planes then stay in the cache, and all on an accelerator.

    Returns:
      `[N, resolution, resolution, 3]` float32 RGB in [-1, 1].

    Raises:
      ValueError: `attributes` has not K columns, or `resolution` is not positive.
    """
    if attributes.ndim != 2 or attributes.shape[1] != face_attributes.NUM_ATTRIBUTES:
        raise InputError(
            f"`attributes` must be [N, {face_attributes.NUM_ATTRIBUTES}]: got"
            f" {attributes.shape=}."
        )
    if resolution < 1:
        raise InputError(f"`resolution` must be positive: got {resolution}.")
    # Poses and colors are computed before, not inside, the loop over pictures: there
    # XLA would compute them again for every pixel.
    all_faces = jax.vmap(face_geometry.make)(attributes.astype(jnp.float32))
    draw = functools.partial(_render_one, resolution=resolution)
    if batch_size is None and jax.default_backend() != "cpu":
        planes = jax.vmap(draw)(all_faces)
    else:
        planes = jax.lax.map(draw, all_faces, batch_size=batch_size)
    return jnp.stack(planes, axis=-1)


def _render_one(face: face_geometry.FaceGeometry, resolution: int) -> shapes.Canvas:
    x, y = shapes.grid(resolution)
    pixel = 2.0 / resolution
    canvas = face_layers.background(face, x, y)
    back = face_layers.hair_shape(face, x, y)
    canvas = face_layers.back_hair(canvas, face, back, x, y, pixel)
    canvas = face_layers.body(canvas, face, x, y, pixel)
    outline = face_layers.outline(face, x, y)
    canvas = face_layers.ears(canvas, face, x, y, pixel)
    canvas = face_layers.head(canvas, face, outline, x, y, pixel)
    canvas = face_layers.folds(canvas, face, outline, x, y)
    canvas = face_parts.beard(canvas, face, outline, x, y, pixel)
    canvas = face_parts.mouth(canvas, face, x, y, pixel)
    canvas = face_parts.nose(canvas, face, x, y)
    canvas = face_parts.eyes(canvas, face, x, y, pixel)
    canvas = face_parts.temples(canvas, face, outline, x, y, pixel)
    canvas = face_layers.front_hair(canvas, face, back, outline, x, y, pixel)
    canvas = face_parts.brows(canvas, face, x, y, pixel)
    canvas = face_parts.glasses(canvas, face, x, y, pixel)
    r, g, b = (jnp.clip(plane, 0.0, 1.0) * 2.0 - 1.0 for plane in canvas)
    return r, g, b
