"""Where the landmarks of a drawn face lie: the 68 points of iBUG 300-W.

The formulas are those by which `face_layers` and `face_parts` draw; coordinates are
those of `face_geometry`: half the picture is 1, x right, y down, "left" is the
picture's left.
"""

import jax
import jax.numpy as jnp

from jax_encoder.avatars import face_attributes, face_geometry, shapes
from jax_encoder.errors import InputError

Face = face_geometry.FaceGeometry


@jax.jit
def points(attributes: jax.Array) -> jax.Array:
    """The landmarks of faces.

    Args:
      attributes: `[N, K]`, columns as in `face_attributes.ATTRIBUTES`.

    Returns:
      `[N, 68, 2]` (x, y) in picture coordinates: jaw 17, brows 5 and 5, nose 9, eyes 6
      and 6, lips 12, inner lips 8.

    Raises:
      ValueError: `attributes` has not K columns.
    """
    if attributes.ndim != 2 or attributes.shape[1] != face_attributes.NUM_ATTRIBUTES:
        raise InputError(
            f"`attributes` must be [N, {face_attributes.NUM_ATTRIBUTES}]: got"
            f" {attributes.shape=}."
        )
    return jax.vmap(_of_one)(attributes.astype(jnp.float32))


def to_pixels(landmarks: jax.Array, resolution: int) -> jax.Array:
    """Picture coordinates as pixels, the center of the upper left one being (0, 0).

    Args:
      landmarks: `[..., 2]` in [-1, 1] within the picture.
      resolution: of the picture.

    Returns:
      `[..., 2]`.
    """
    return (landmarks + 1.0) * (0.5 * resolution) - 0.5


def _of_one(attributes: jax.Array) -> jax.Array:
    face = face_geometry.make(attributes)
    parts = (_jaw(face), _brows(face), _nose(face), _eyes(face), _mouth(face))
    return jnp.concatenate(parts)


def _jaw(face: Face) -> jax.Array:
    """17 points of the outline, from ear to ear."""
    center_x, center_y = face.center
    chin_x, chin_y = face.chin
    turn = jnp.linspace(-0.5 * jnp.pi, 0.5 * jnp.pi, 17)
    low = jnp.cos(turn)
    bend = low * low * (1.6 - 0.6 * low)
    width = face.half_width * (1.0 - (0.15 - 0.07 * face["jaw"]) * low * low)
    square = (0.16 + 0.22 * face["jaw"]) * shapes.ramp(low, 0.0, 0.7)
    across = jnp.sin(turn) / jnp.sqrt(1.0 - square * low * low)
    x = center_x + (chin_x - center_x) * bend + across * width
    return jnp.stack([x, center_y + low * (chin_y - center_y)], axis=-1)


def _pair(face: Face, place, u: jax.Array, dy: jax.Array, width) -> jax.Array:
    """Points of the left and of the right one of a pair, from left to right.

    Args:
      face: the face.
      place: (sideways, down, forwards) of the right one's center.
      u: `[K]` outwards, in units of `width`.
      dy: `[K]` down from the center.
      width: of one of them.

    Returns:
      `[2, K, 2]`, the left one's points in the order of `u`, the right one's too.
    """
    offset, height, depth = place
    turn = 0.5 * face.pose.sin_yaw
    sides = []
    for side in (-1.0, 1.0):
        x, y = face.pose.project(side * offset, height, depth)
        # What turns from the viewer gets narrower.
        dx = side * u * width * (1.0 - side * turn)
        sides.append(jnp.stack([x + dx, y + dy], axis=-1))
    return jnp.stack(sides)


def _brows(face: Face) -> jax.Array:
    """5 and 5 points, from left to right."""
    u = jnp.linspace(1.0, -1.0, 5)
    curve = -0.028 * face["brow_tilt"] * u - 0.030 * (1.0 - u * u) + 0.005 * u
    height = -0.245 - 0.03 * face["brow_height"]
    left, right = _pair(face, (0.26, height, 0.42), u, curve, 0.165)
    return jnp.concatenate([left, right[::-1]])


def _nose(face: Face) -> jax.Array:
    """4 points down the bridge to the tip, 5 along the base."""
    length = 0.225 + 0.035 * face["nose_length"]
    half = 0.098 + 0.026 * face["nose_width"]
    tip_x, tip_y = face.pose.project(0.0, length, 0.62)
    root_x, root_y = face.pose.project(0.0, -0.10, 0.46)
    along = jnp.linspace(0.0, 1.0, 4)
    x = root_x + (tip_x - root_x) * along * along
    bridge = jnp.stack([x, root_y + (tip_y - root_y) * along], axis=-1)
    base_x, base_y = face.pose.project(0.0, length + 0.05, 0.50)
    across = half * jnp.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    base = jnp.stack([base_x + across, jnp.full(5, base_y)], axis=-1)
    return jnp.concatenate([bridge, base])


def _eyes(face: Face) -> jax.Array:
    """6 and 6 points around the lids, from the left corner over the upper lid."""
    size = 1.0 + 0.17 * face["eye_size"]
    smiling = jnp.maximum(face["smile"], 0.0)
    u = jnp.array([1.0, 0.4, -0.4, -1.0, -0.4, 0.4])
    upper, lower = -0.082 * size, (0.060 - 0.016 * smiling) * size
    lids = jnp.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0]) * upper
    lids = lids + jnp.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0]) * lower
    dy = lids * (1.0 - u * u) - 0.030 * face["eye_tilt"] * u
    offset = 0.25 + 0.022 * face["eye_spacing"]
    place = (offset, face_geometry.EYES_Y, 0.40)
    left, right = _pair(face, place, u, dy, 0.135 * size)
    # The right eye's left corner is its inner one.
    return jnp.concatenate([left, right[jnp.array([3, 2, 1, 0, 5, 4])]])


def _mouth(face: Face) -> jax.Array:
    """12 points around the lips from the left corner, 8 around the opening."""
    smile, opening = face["smile"], face["mouth_opening"]
    center_x, center_y = face.pose.project(0.0, face_geometry.MOUTH_Y, 0.44)
    width = (0.215 + 0.035 * face["mouth_width"] + 0.03 * smile) * face.pose.cos_yaw
    full = 0.028 + 0.034 * face["lip_fullness"]

    def at(across, above: bool, outer: bool):
        u = across + 0.35 * face.pose.sin_yaw * (1.0 - across * across)
        u2 = u * u
        arch = jnp.maximum(1.0 - u2, 0.0)
        gap = (0.004 + 0.085 * opening) * arch
        cupid = 1.0 - 0.30 * shapes.blob(u, u * 0.0, 0.25, 1.0)
        lip = full * arch * (0.85 * cupid if above else 1.1) * outer
        edge = -(0.75 * gap + lip) if above else 1.25 * gap + lip
        curve = center_y + 0.085 * smile * (0.5 - jnp.minimum(u2, 1.3))
        return jnp.stack([center_x + across * width, curve + edge], axis=-1)

    lips, inner = jnp.linspace(-1.0, 1.0, 7), jnp.linspace(-1.0, 1.0, 5)
    return jnp.concatenate(
        [
            at(lips, True, True),
            at(lips[-2:0:-1], False, True),
            at(inner, True, False),
            at(inner[-2:0:-1], False, False),
        ]
    )
