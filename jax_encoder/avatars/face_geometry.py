"""From attributes to what the layers of a face draw: pose, sizes and colors.

Coordinates: half the picture is 1, x right, y down, z towards the viewer. As in FFHQ
(Karras et al. 2019, arXiv:1812.04948, Appendix C) the picture is aligned on the eyes
and the mouth: the eyes' center lies at (0, -0.05) and a frontal mouth at (0, 0.47),
so when a head turns its silhouette moves and its face stays.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jax_encoder.avatars import face_attributes, shapes

EYES_Y = -0.05
MOUTH_Y = 0.47
_PIVOT_Y = 0.12
_DARK = (0.09, 0.07, 0.08)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Pose:
    """A rotation about the neck, followed by the alignment on eyes and mouth.

    Attributes:
      cos_yaw, sin_yaw, cos_pitch, sin_pitch: of the head's angles.
      shift_x, shift_y: the alignment.
    """

    cos_yaw: jax.Array
    sin_yaw: jax.Array
    cos_pitch: jax.Array
    sin_pitch: jax.Array
    shift_x: jax.Array | float = 0.0
    shift_y: jax.Array | float = 0.0

    def project(self, x, y, z):
        """Returns the picture coordinates of a point of the head."""
        turned_x = x * self.cos_yaw + z * self.sin_yaw
        turned_z = z * self.cos_yaw - x * self.sin_yaw
        turned_y = (y - _PIVOT_Y) * self.cos_pitch - turned_z * self.sin_pitch
        return turned_x + self.shift_x, turned_y + _PIVOT_Y + self.shift_y


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceGeometry:
    """One face, ready to be drawn: every field is made of scalars.

    Attributes:
      values: the attributes by name.
      pose: where points of the head lie in the picture.
      center: of the skull, in the picture.
      chin: the point of the chin.
      half_width, half_height: of the front of the face around `center`.
      skin, shadow, hair, lips, frame: colors; `shadow` multiplies the skin's.
    """

    values: dict[str, jax.Array]
    pose: Pose
    center: tuple[jax.Array, jax.Array]
    chin: tuple[jax.Array, jax.Array]
    half_width: jax.Array
    half_height: jax.Array
    skin: shapes.Color
    shadow: shapes.Color
    hair: shapes.Color
    lips: shapes.Color
    frame: shapes.Color

    def __getitem__(self, name: str) -> jax.Array:
        """Returns the attribute `name`."""
        return self.values[name]


def make(attributes: jax.Array) -> FaceGeometry:
    """Computes pose, sizes and colors of one face from `[K]` attributes."""
    names = face_attributes.NAMES
    values = dict(zip(names, attributes, strict=True))
    pose = _pose(values["yaw"], values["pitch"])
    half_width = 0.545 + 0.05 * values["face_width"]
    # A head is longer than wide: a turned one shows some of its length.
    half_width = half_width * (1.0 + 0.12 * jnp.square(pose.sin_yaw))
    skin = _skin(values["skin_tone"], values["skin_warmth"])
    hair = _hair(values)
    rosy = shapes.mix(shapes.scale(skin, (0.86, 0.62, 0.60)), (0.72, 0.36, 0.34), 0.25)
    return FaceGeometry(
        values=values,
        pose=pose,
        center=pose.project(0.0, 0.06, 0.0),
        chin=pose.project(0.0, 0.80 - 0.02 * values["face_width"], 0.30),
        half_width=half_width,
        half_height=jnp.float32(0.74),
        skin=skin,
        shadow=(0.80, 0.67, 0.66),
        hair=hair,
        lips=shapes.mix(rosy, (0.76, 0.14, 0.22), 0.85 * values["lip_color"]),
        frame=_frame(values["glasses_color"]),
    )


def _pose(yaw, pitch):
    pose = Pose(
        cos_yaw=jnp.cos(yaw),
        sin_yaw=jnp.sin(yaw),
        cos_pitch=jnp.cos(pitch),
        sin_pitch=jnp.sin(pitch),
    )
    eyes_x, eyes_y = pose.project(0.0, EYES_Y, 0.42)
    mouth_x, _ = pose.project(0.0, MOUTH_Y, 0.44)
    shift_x, shift_y = -0.5 * (eyes_x + mouth_x), EYES_Y - eyes_y
    return dataclasses.replace(pose, shift_x=shift_x, shift_y=shift_y)


def _between(stops, position):
    """Interpolates evenly spaced color stops at `position` in [0, 1]."""
    color, scaled = stops[0], position * (len(stops) - 1)
    for i, stop in enumerate(stops[1:]):
        color = shapes.mix(color, stop, jnp.clip(scaled - i, 0.0, 1.0))
    return color


def _skin(tone, warmth):
    stops = ((1.0, 0.88, 0.79), (0.93, 0.74, 0.59), (0.72, 0.50, 0.36))
    color = _between((*stops, (0.42, 0.27, 0.20)), tone)
    warm = (1.0 + 0.03 * warmth, 1.0, 1.0 - 0.09 * warmth)
    return shapes.scale(color, warm)


def _hair(values):
    stops = (_DARK, (0.30, 0.18, 0.11), (0.55, 0.36, 0.19), (0.93, 0.77, 0.45))
    color = _between(stops, values["hair_lightness"])
    color = shapes.mix(color, (0.70, 0.27, 0.11), 0.85 * values["hair_redness"])
    return shapes.mix(color, (0.80, 0.80, 0.82), 0.92 * values["graying"])


def _frame(position):
    bright = wheel(0.9 * position, jnp.float32(0.5), 0.75)
    amount = jnp.square(jnp.clip((position - 0.35) * 4.0, 0.0, 1.0))
    return shapes.mix((0.10, 0.09, 0.11), bright, amount)


def wheel(hue: jax.Array, lightness: jax.Array, chroma: float) -> shapes.Color:
    """Returns an unsaturated color of a hue in [0, 1) and a lightness, of any shape."""

    def channel(offset):
        return 0.5 + 0.5 * jnp.cos(2.0 * jnp.pi * (hue - offset))

    level = 0.22 + 0.66 * lightness
    room = chroma * (0.35 + 0.65 * (1.0 - jnp.abs(2.0 * lightness - 1.0)))
    red, green, blue = (
        jnp.clip(level + room * (channel(offset) - 0.5), 0.0, 1.0)
        for offset in (0.0, 1.0 / 3.0, 2.0 / 3.0)
    )
    return red, green, blue
