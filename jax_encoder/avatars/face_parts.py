"""The small parts of a face: beard, mouth, nose, eyes, brows and glasses.

Same conventions as `face_layers`. Pairs (eyes, brows, lenses) are drawn in one pass:
each pixel belongs to the side of the face's midline on which it lies.
"""

import jax.numpy as jnp

from jax_encoder.avatars import face_geometry, shapes

Face = face_geometry.FaceGeometry
# Centers of the lenses: sideways, down, forwards.
_GLASSES = (0.262, face_geometry.EYES_Y + 0.015, 0.52)


def _sides(face, x, y, offset, height, depth):
    """Mirrored coordinates (outwards, down) from the nearer of two points.

    Also returns the side (-1 or 1) of each pixel, and how wide things appear there.
    """
    left_x, left_y = face.pose.project(-offset, height, depth)
    right_x, right_y = face.pose.project(offset, height, depth)
    right = x > 0.5 * (left_x + right_x)
    # The face curves away: what turns from the viewer gets narrower.
    turn = 0.5 * face.pose.sin_yaw
    narrow = jnp.where(right, 1.0 / (1.0 - turn), 1.0 / (1.0 + turn))
    dx = jnp.where(right, x - right_x, left_x - x) * narrow
    dy = y - jnp.where(right, right_y, left_y)
    side = jnp.where(right, 1.0, -1.0)
    return dx, dy, side, narrow


def beard(canvas, face: Face, shape, x, y, pixel: float) -> shapes.Canvas:
    """From stubble to a full beard with a moustache."""
    length = face["beard_length"]
    mouth_x, mouth_y = face.pose.project(0.0, face_geometry.MOUTH_Y, 0.44)
    dx = x - mouth_x
    across = x - 0.6 * mouth_x - 0.4 * face.center[0]
    reach = 10.0 * jnp.square(jnp.square(across))
    cheeks = mouth_y + 0.0 - jnp.minimum(reach, 0.46) - y
    moustache = shapes.ellipse(dx, y - mouth_y + 0.075, 0.25, 0.062)
    region = shapes.union(cheeks, moustache, 0.06)
    growth = 0.13 * length * shapes.ramp(y, mouth_y - 0.1, mouth_y + 0.25)
    inside = shapes.coverage(shape - growth, pixel)
    edge = shapes.soft(region, 0.09)
    strength = 0.45 + 0.55 * shapes.ramp(length, 0.05, 0.5)
    level = 0.86 + 0.10 * shapes.wave(3.0 * dx) - 0.25 * shapes.soft(-shape, 0.2)
    colors = shapes.lit(face.hair, level, 0.02)
    return shapes.blend(canvas, colors, inside * edge * strength * face["beard"])


def mouth(canvas, face: Face, x, y, pixel: float) -> shapes.Canvas:
    """Lips along a curve, teeth and tongue between them, a shadow beneath."""
    smile, opening = face["smile"], face["mouth_opening"]
    center_x, center_y = face.pose.project(0.0, face_geometry.MOUTH_Y, 0.44)
    width = (0.215 + 0.035 * face["mouth_width"] + 0.03 * smile) * face.pose.cos_yaw
    u = jnp.clip((x - center_x) * (1.0 / width), -2.0, 2.0)
    u = u + 0.35 * face.pose.sin_yaw * (1.0 - u * u)
    u2 = u * u
    arch = jnp.maximum(1.0 - u2, 0.0)
    curve = center_y + 0.085 * smile * (0.5 - jnp.minimum(u2, 1.3))
    dy = y - curve
    gap = (0.004 + 0.085 * opening) * arch
    full = 0.028 + 0.034 * face["lip_fullness"]
    cupid = 1.0 - 0.30 * shapes.blob(u, u * 0.0, 0.25, 1.0)
    upper = (gap * 0.75 + full * 0.85 * arch * cupid) + dy
    lower = dy - (gap * 1.25 + full * 1.1 * arch)
    ends = (jnp.abs(u) - 1.0) * width
    lips = jnp.maximum(jnp.maximum(-upper, lower), ends)
    under = shapes.blob(u, dy - gap - full - 0.055, 0.75, 0.05)
    canvas = shapes.shade(canvas, (0.78, 0.66, 0.64), 0.6 * under)
    light = 1.0 - 0.16 * shapes.soft(dy, 0.02)
    shine = 0.13 * shapes.blob(u + 0.1, dy - gap - 0.5 * full, 0.5, 0.022)
    colors = shapes.lit(face.lips, light, shine)
    canvas = shapes.blend(canvas, colors, shapes.coverage(lips, pixel))
    inner = jnp.maximum(-dy - gap * 0.75, dy - gap * 1.25)
    inner = jnp.maximum(inner, ends)
    teeth = shapes.soft(dy - 0.25 * gap, 0.03) * shapes.ramp(opening, 0.05, 0.3)
    tongue = shapes.blob(u, dy - 0.085 * opening, 0.55, 0.05)
    dark = (0.30, 0.09, 0.10)
    inside = shapes.mix(dark, (0.74, 0.33, 0.34), 0.8 * tongue)
    inside = shapes.mix(inside, (0.96, 0.95, 0.93), teeth)
    canvas = shapes.blend(canvas, inside, shapes.coverage(inner, pixel))
    corner = shapes.blob(jnp.abs(u) - 1.0, dy, 0.16, 0.035)
    return shapes.shade(canvas, (0.62, 0.46, 0.45), 0.7 * corner)


def nose(canvas, face: Face, x, y) -> shapes.Canvas:
    """A shaded bridge, a round tip with a highlight, wings and nostrils."""
    length = 0.225 + 0.035 * face["nose_length"]
    half = 0.098 + 0.026 * face["nose_width"]
    tip_x, tip_y = face.pose.project(0.0, length, 0.62)
    base_x, base_y = face.pose.project(0.0, length + 0.05, 0.50)
    root_x, root_y = face.pose.project(0.0, -0.10, 0.46)
    along = jnp.clip((y - root_y) / (tip_y - root_y), 0.0, 1.0)
    ridge = x - (root_x + (tip_x - root_x) * along * along)
    # The side turned from the light and from the viewer is in the shade.
    away = jnp.clip(face["light"] + 1.5 * face.pose.sin_yaw, -1.0, 1.0)
    flank = 0.035 + 0.055 * along
    span = shapes.ramp(y, root_y - 0.08, root_y + 0.12) * shapes.ramp(
        tip_y + 0.06 - y, 0.0, 0.08
    )
    left = shapes.blob(ridge + flank, y * 0.0, 0.07, 1.0)
    right = shapes.blob(ridge - flank, y * 0.0, 0.07, 1.0)
    dark = span * (left * (0.5 + 0.5 * away) + right * (0.5 - 0.5 * away))
    canvas = shapes.shade(canvas, (0.76, 0.62, 0.60), 0.75 * dark)
    under = shapes.blob(x - base_x, y - base_y - 0.015, half * 1.5, 0.062)
    canvas = shapes.shade(canvas, (0.70, 0.52, 0.50), 0.75 * under)
    ball = shapes.blob(x - tip_x, y - tip_y, half * 1.15, 0.10)
    canvas = shapes.blend(
        canvas, shapes.scale(face.skin, (1.0, 0.90, 0.87)), 0.7 * ball
    )
    off = jnp.abs(x - base_x) - half * 0.50
    nostrils = shapes.blob(off, y - base_y - 0.008, half * 0.36, 0.030)
    canvas = shapes.shade(canvas, (0.42, 0.26, 0.25), 0.8 * nostrils)
    shine = shapes.blob(x - tip_x + 0.02, y - tip_y + 0.025, 0.05, 0.045)
    gleam = shapes.blob(ridge, y - 0.5 * (root_y + tip_y), 0.035, 0.16)
    return shapes.blend(canvas, (1.0, 0.97, 0.93), 0.38 * shine + 0.14 * gleam)


def eyes(canvas, face: Face, x, y, pixel: float) -> shapes.Canvas:
    """Almond eyes with lids, lashes, iris, pupil and two highlights."""
    offset = 0.25 + 0.022 * face["eye_spacing"]
    dx, dy, side, narrow = _sides(face, x, y, offset, face_geometry.EYES_Y, 0.40)
    size = 1.0 + 0.17 * face["eye_size"]
    u = dx * (1.0 / (0.135 * size))
    v = dy + 0.030 * face["eye_tilt"] * u
    smiling = jnp.maximum(face["smile"], 0.0)
    arch = 1.0 - u * u
    upper, lower = 0.082 * size * arch, (0.060 - 0.016 * smiling) * size * arch
    socket = shapes.blob(u * 0.135, v + 0.03, 0.21, 0.16)
    canvas = shapes.shade(canvas, (0.74, 0.60, 0.60), 0.55 * socket)
    lid = jnp.maximum(-v - upper - 0.028, v + upper)
    crease = shapes.soft(jnp.maximum(lid, (jnp.abs(u) - 1.1) * 0.13), 0.025)
    canvas = shapes.blend(canvas, shapes.scale(face.skin, (0.90, 0.78, 0.76)), crease)
    shape = jnp.maximum(-v - upper, v - lower)
    shape = jnp.maximum(shape, (jnp.abs(u) - 1.0) * 0.13)
    inside = shapes.coverage(shape, pixel)
    white = 0.97 - 0.30 * shapes.ramp(-v - upper, -0.055, 0.01)
    canvas = shapes.blend(canvas, (white, white * 0.98, white * 0.97), inside)
    # Undo the mirroring: both eyes look, and catch the light, the same way.
    look_x = dx * side / narrow - 0.030 * face.pose.sin_yaw
    look_y = v + 0.012 + 0.03 * face.pose.sin_pitch
    iris = shapes.ellipse(look_x, look_y, 0.068 * size, 0.068 * size)
    colors = _iris(face["eye_color"])
    radial = shapes.ramp(look_y, -0.05, 0.06)
    inner = shapes.mix(shapes.scale(colors, 0.62), shapes.scale(colors, 1.25), radial)
    rim = shapes.soft(-iris - 0.008, 0.02)
    inner = shapes.mix(inner, shapes.scale(colors, 0.35), rim)
    canvas = shapes.blend(canvas, inner, inside * shapes.coverage(iris, pixel))
    pupil = shapes.ellipse(look_x, look_y, 0.031, 0.031)
    canvas = shapes.blend(
        canvas, (0.05, 0.04, 0.05), inside * shapes.coverage(pupil, pixel)
    )
    glint = shapes.ellipse(
        look_x - 0.024 - 0.006 * face["light"], look_y + 0.026, 0.02, 0.02
    )
    low = shapes.blob(look_x + 0.025, look_y - 0.03, 0.03, 0.025)
    alpha = inside * jnp.minimum(0.95 * shapes.soft(glint, 0.02) + 0.3 * low, 1.0)
    canvas = shapes.blend(canvas, (1.0, 1.0, 1.0), alpha)
    return _lashes(canvas, face, u, v, size)


def _lashes(canvas, face: Face, u, v, size) -> shapes.Canvas:
    """The line of the upper lashes, with its wing."""
    lash = face["lashes"]
    thick = 0.009 + 0.013 * lash
    wing = jnp.clip(u, 0.0, 1.3) * 0.02 * lash
    line = jnp.abs(v + 0.082 * size * (1.0 - u * u * 0.96) + wing) - thick
    ends = jnp.abs(u) * 0.135 - 0.135 * (1.02 + 0.14 * lash * (u > 0.0))
    line = shapes.intersection(line, ends, 0.02)
    ink = shapes.mix(
        shapes.scale(face.skin, (0.42, 0.30, 0.28)), (0.07, 0.05, 0.06), lash
    )
    return shapes.blend(canvas, ink, 0.92 * shapes.soft(line, 0.018))


def _iris(position):
    brown, green, blue = (0.40, 0.23, 0.12), (0.36, 0.52, 0.26), (0.30, 0.55, 0.82)
    color = shapes.mix(brown, green, jnp.clip(2.0 * position, 0.0, 1.0))
    return shapes.mix(color, blue, jnp.clip(2.0 * position - 1.0, 0.0, 1.0))


def brows(canvas, face: Face, x, y, pixel: float) -> shapes.Canvas:
    """Arched brows, thick at the nose and thin at the temples."""
    height = -0.245 - 0.03 * face["brow_height"]
    dx, dy, _, _ = _sides(face, x, y, 0.26, height, 0.42)
    u = dx * (1.0 / 0.165)
    tilt = 0.028 * face["brow_tilt"]
    curve = dy + tilt * u + 0.030 * (1.0 - u * u) - 0.005 * u
    thick = (0.026 + 0.012 * face["brow_thickness"]) * (0.92 - 0.36 * u)
    shape = shapes.intersection(jnp.abs(curve) - thick, jnp.abs(dx) - 0.17, 0.03)
    color = shapes.scale(shapes.mix(face.hair, (0.16, 0.10, 0.08), 0.35), 0.85)
    return shapes.blend(canvas, color, 0.92 * shapes.soft(shape, 0.8 * pixel + 0.012))


def glasses(canvas, face: Face, x, y, pixel: float) -> shapes.Canvas:
    """Frames from round to rectangular, temples, and a reflection on the lenses."""
    present, square = face["glasses"], face["glasses_shape"]
    dx, dy, side, narrow = _sides(face, x, y, *_GLASSES)
    width, height = 0.198 + 0.012 * square, 0.185 - 0.05 * square
    radius = 0.175 - 0.105 * square
    lens = shapes.rounded_box(dx, dy, width, height, jnp.minimum(radius, height))
    rim = jnp.abs(lens) - 0.0165
    bridge_y = dy + 0.045 - 0.8 * jnp.square(jnp.minimum(dx + 0.262, 0.1))
    bridge = jnp.maximum(jnp.abs(bridge_y) - 0.013, dx + width)
    frame = jnp.minimum(rim, bridge)
    inside = shapes.coverage(lens, pixel)
    streak = (dx * side / narrow) + 0.8 * dy + 0.06
    sheen = shapes.ramp(0.05 - jnp.abs(streak), 0.0, 0.03) * 0.16 + 0.07
    canvas = shapes.blend(canvas, (0.93, 0.97, 1.0), inside * sheen * present)
    cast = shapes.soft(jnp.abs(lens + dy * 0.0 - 0.02) - 0.03, 0.05)
    canvas = shapes.shade(
        canvas, (0.72, 0.60, 0.60), 0.35 * present * cast * (dy > 0.0)
    )
    return shapes.blend(canvas, face.frame, shapes.coverage(frame, pixel) * present)


def temples(canvas, face: Face, shape, x, y, pixel: float) -> shapes.Canvas:
    """The arms of the glasses, from the lenses to the ears, under the hair."""
    dx, dy, _, _ = _sides(face, x, y, *_GLASSES)
    arm = jnp.maximum(jnp.abs(dy + 0.05 - 0.05 * dx) - 0.014, 0.20 - dx)
    arm = jnp.maximum(arm, shape - 0.01)
    alpha = shapes.coverage(arm, pixel) * face["glasses"]
    return shapes.blend(canvas, face.frame, alpha)
