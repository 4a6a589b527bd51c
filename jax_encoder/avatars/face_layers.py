"""The large layers of a face: background, hair, body, head, ears and folds.

Every function takes a canvas and returns it painted over; `x` and `y` are the pixels'
`[H, W]` coordinates and `pixel` the size of one.
"""

import jax
import jax.numpy as jnp

from jax_encoder.avatars import face_geometry, shapes

Face = face_geometry.FaceGeometry


def background(face: Face, x: jax.Array, y: jax.Array) -> shapes.Canvas:
    """A gradient from top to bottom, `[H, W]`, with a glow behind the head."""
    lightness = face["background_lightness"]
    color = face_geometry.wheel(face["background_hue"], lightness, 0.42)
    slope = (0.42 * face["background_gradient"]) * (-0.5 * y - 0.15 * face["light"] * x)
    glow = 0.13 * shapes.blob(x, y + 0.15, 1.7, 1.5)
    return shapes.lit(color, 0.94 + slope + glow)


def hair_shape(face: Face, x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns the `[H, W]` signed distance to all of the hair, behind and in front."""
    center_x, center_y = face.center
    volume, curl, length = face["hair_volume"], face["hair_curl"], face["hair_length"]
    present = 1.0 - shapes.ramp(face["balding"], 0.75, 1.0)
    thickness = 0.015 + (0.03 + 0.11 * volume) * present * (0.35 + 0.65 * _long(face))
    dx, dy = x - center_x, y - (center_y - 0.10)
    bumps = curl * (0.015 + 0.03 * volume) * (0.4 + 0.6 * _long(face))
    ripple = bumps * shapes.wave(2.3 * y + 0.15) * shapes.wave(2.1 * dx + 0.25)
    cap_width = face.half_width + 0.02 + thickness
    cap_height = 0.67 + thickness + 0.08 * volume * present
    cap = shapes.ellipse(dx, dy, cap_width, cap_height)
    bottom = center_y + 0.06 + 1.25 * length
    half = 0.5 * (bottom - center_y)
    flare = 0.10 * length * jnp.clip(y - center_y, 0.0, 1.0)
    width = cap_width - 0.01 + flare - 0.05 * curl * shapes.wave(1.6 * y) * length
    fall = shapes.rounded_box(dx, y - center_y - half, width, half, 0.16)
    # Short hair ends at the ears: the fall then lies inside the cap.
    fall = fall + 0.5 * (1.0 - _long(face))
    hairless = shapes.ramp(face["balding"], 0.5, 0.95)
    crown = 0.7 * hairless * shapes.ramp(center_y - y, 0.12, 0.5)
    return shapes.union(cap, fall, 0.08) + ripple + crown


def _long(face):
    """0 for cropped hair, 1 from ear length on."""
    return shapes.ramp(face["hair_length"], 0.05, 0.42)


def _hair_colors(face, x, y, level):
    """Colors of hair under a soft band of light, with a hint of strands."""
    center_x, center_y = face.center
    dx, dy = x - center_x - 0.18 * face["light"], y - center_y
    bend = dy + 0.55 + 0.45 * dx * dx
    band = shapes.ramp(0.20 - jnp.abs(bend), 0.0, 0.20)
    strands = shapes.wave(2.6 * dx + 1.1 * dx * dy)
    depth = level - 0.22 * jnp.clip(dy + 0.15, 0.0, 0.8) + 0.05 * strands
    gloss = (0.34 - 0.16 * face["hair_curl"]) * band
    return shapes.lit(face.hair, depth + gloss, 0.09 * gloss + 0.02)


def back_hair(canvas, face: Face, shape, x, y, pixel: float) -> shapes.Canvas:
    """The mass of hair behind the head."""
    colors = _hair_colors(face, x, y, 0.72)
    return shapes.blend(canvas, colors, shapes.coverage(shape, pixel))


def body(canvas, face: Face, x, y, pixel: float) -> shapes.Canvas:
    """Shoulders in clothes, the neck, and the head's shadow on it."""
    center_x, _ = face.center
    chin_x, chin_y = face.chin
    dx = x - 0.6 * center_x
    build = face["jaw"] + face["face_width"]
    clothes = face_geometry.wheel(face["clothes_hue"], face["clothes_lightness"], 0.50)
    shoulders = shapes.ellipse(dx, y - 1.42, 1.02 + 0.06 * build, 0.56)
    fold = 1.0 - 0.25 * jnp.abs(dx) + 0.12 * face["light"] * dx
    fold = fold - 0.25 * shapes.blob(dx, y - 0.9, 0.5, 0.25)
    colors = shapes.lit(clothes, fold)
    neck_width = 0.25 + 0.025 * build
    neck = shapes.rounded_box(dx, y - 0.70, neck_width, 0.36, 0.05)
    neck = shapes.union(neck, shapes.ellipse(dx, y - 0.94, 0.36, 0.11), 0.10)
    shadow = shapes.blob(x - chin_x, y - chin_y + 0.05, 0.62, 0.36)
    side = 1.0 - 0.10 * jnp.abs(dx) / neck_width + 0.10 * face["light"] * dx
    skin = shapes.shade(face.skin, face.shadow, 0.35 + 0.9 * shadow)
    skin = shapes.lit(skin, side)
    cloth = shapes.coverage(shoulders, pixel)
    canvas = shapes.blend(canvas, colors, cloth)
    collar = shapes.soft(neck - 0.045, 0.05)
    canvas = shapes.shade(canvas, (0.78, 0.78, 0.80), 0.9 * collar * cloth)
    return shapes.blend(canvas, skin, shapes.coverage(neck, pixel))


def outline(face: Face, x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns the `[H, W]` signed distance to the face, an egg turned by the pose."""
    center_x, center_y = face.center
    chin_x, chin_y = face.chin
    height = chin_y - center_y
    low = jnp.clip((y - center_y) / height, 0.0, 1.4)
    bend = low * low * (1.6 - 0.6 * low)
    dx = x - center_x - (chin_x - center_x) * bend
    taper = 0.15 - 0.07 * face["jaw"]
    width = face.half_width * (1.0 - taper * low * low)
    u = dx / width
    v = (y - center_y) / jnp.where(y > center_y, height, 0.70)
    square = (0.16 + 0.22 * face["jaw"]) * shapes.ramp(low, 0.0, 0.7)
    u2, v2 = u * u, v * v
    norm = jnp.sqrt(jnp.maximum(u2 + v2 - square * u2 * v2, 1e-6))
    slope = jnp.sqrt((u2 / (width * width) + v2 / (height * height)) + 1e-6)
    return norm * (norm - 1.0) / slope


def ears(canvas, face: Face, x, y, pixel: float) -> shapes.Canvas:
    """Both ears; the one on the far side of a turned head hides behind it."""
    bare = 1.0 - shapes.ramp(face["hair_length"], 0.24, 0.40)
    for side in (-1.0, 1.0):
        ear_x, ear_y = face.pose.project(side * 0.53, 0.08, -0.04)
        ear_x = ear_x + side * (0.05 * face["face_width"] + 0.02)
        dx, dy = x - ear_x, y - ear_y
        ear = shapes.ellipse(dx - side * 0.15 * -dy, dy, 0.085, 0.145)
        inner = shapes.blob(dx + side * 0.01, dy, 0.06, 0.11)
        tone = 0.90 + 0.10 * side * face["light"]
        colors = shapes.lit(shapes.shade(face.skin, face.shadow, inner), tone)
        canvas = shapes.blend(canvas, colors, shapes.coverage(ear, pixel) * bare)
    return canvas


def head(canvas, face: Face, shape, x, y, pixel: float) -> shapes.Canvas:
    """The face's skin, shaded as an ellipsoid, with blush on the cheeks."""
    center_x, center_y = face.center
    u = (x - center_x) * (1.0 / 0.66)
    v = (y - center_y) * (1.0 / 0.86)
    depth = jnp.sqrt(jnp.maximum(1.0 - u * u - v * v, 0.02))
    front_x, front_y = face.pose.sin_yaw, -face.pose.sin_pitch
    lit = 0.62 * depth + 0.55 * face["light"] * u - 0.30 * v
    lit = lit + 0.25 * (u * front_x + v * front_y)
    dark = shapes.ramp(0.52 - lit, -0.20, 0.62)
    edge = shapes.soft(-shape - 0.02, 0.16)
    dark = jnp.minimum(dark * 0.85 + 0.30 * edge, 1.0)
    glow = 0.07 * shapes.ramp(lit, 0.5, 0.95)
    colors = shapes.lit(shapes.shade(face.skin, face.shadow, dark), 1.0, glow)
    canvas = shapes.blend(canvas, colors, shapes.coverage(shape, pixel))
    for side in (-1.0, 1.0):
        cheek_x, cheek_y = face.pose.project(side * 0.32, 0.24, 0.34)
        blush = shapes.blob(x - cheek_x, y - cheek_y, 0.24, 0.19)
        canvas = shapes.shade(canvas, (1.02, 0.80, 0.80), 0.50 * blush)
    return canvas


def folds(canvas, face: Face, shape, x, y) -> shapes.Canvas:
    """Age: lines on the forehead, crow's feet, eye bags and folds to the mouth."""
    age = shapes.ramp(face["age"], 0.25, 1.0)
    top_x, top_y = face.pose.project(0.0, -0.34, 0.40)
    dx = x - top_x
    arch = y - top_y + 0.10 * dx * dx
    spread = shapes.ramp(0.34 - jnp.abs(dx), 0.0, 0.2)
    lines = _line(arch, 0.022) + _line(arch + 0.085, 0.02)
    marks = 0.55 * lines * spread
    nose_x, nose_y = face.pose.project(0.0, 0.24, 0.46)
    corner_x, _ = face.pose.project(0.0, 0.47, 0.44)
    along = jnp.clip((y - nose_y) * (1.0 / 0.26), 0.0, 1.0)
    middle = nose_x + (corner_x - nose_x) * along
    reach = jnp.abs(x - middle) - (0.135 + 0.16 * along - 0.05 * along * along)
    window = shapes.ramp(y, nose_y - 0.06, nose_y + 0.06)
    window = window * shapes.ramp(-y, -nose_y - 0.30, -nose_y - 0.16)
    marks = marks + 0.55 * _line(reach, 0.036) * window
    for side in (-1.0, 1.0):
        eye_x, eye_y = face.pose.project(side * 0.25, face_geometry.EYES_Y, 0.40)
        ex, ey = (x - eye_x) * side, y - eye_y
        bag = _line(ey - 0.105 + 0.9 * ex * ex, 0.03)
        marks = marks + 0.6 * bag * shapes.ramp(0.13 - jnp.abs(ex), 0.0, 0.06)
        feet = _line(jnp.abs(ey + 0.01) - 0.35 * (ex - 0.13), 0.018)
        reach = shapes.ramp(ex, 0.14, 0.17) * shapes.ramp(0.25 - ex, 0.0, 0.05)
        marks = marks + 0.5 * feet * reach
    marks = jnp.minimum(marks, 1.0) * age * shapes.soft(shape + 0.04, 0.05)
    return shapes.shade(canvas, (0.60, 0.46, 0.45), marks)


def _line(distance, width):
    """A soft line of half-width `width` where `distance` is zero."""
    inside = jnp.maximum(1.0 - jnp.square(distance * (1.0 / width)), 0.0)
    return inside * inside


def front_hair(canvas, face: Face, shape, skin, x, y, pixel: float) -> shapes.Canvas:
    """Hair before the face: hairline, fringe, parting, and sides."""
    fringe = face["fringe"]
    bald = face["balding"]
    brow_x, brow_y = face.pose.project(0.0, -0.20, 0.38)
    middle = 0.5 * (brow_x + face.center[0])
    dx = x - middle
    swept = face["parting"] * (0.30 - 0.16 * fringe) * (1.0 - bald)
    top = 0.30 - 0.20 * fringe + 0.42 * shapes.ramp(bald, 0.2, 1.0)
    length = _long(face)
    width = face.half_width * (0.965 - 0.10 * length * (1.0 - 0.5 * bald))
    wavy = face["hair_curl"] * 0.022 * shapes.wave(3.1 * dx + 0.1)
    base = brow_y + 0.06
    dy = y - base + swept * dx + wavy
    apart = (0.30 + 0.35 * (1.0 - length)) * jnp.square(jnp.maximum(dy, 0.0))
    opening = shapes.ellipse(dx, jnp.minimum(dy, 0.0), width, top) - apart
    lower = face.center[1] + 0.02 + 1.9 * jnp.maximum(face["hair_length"] - 0.12, 0.0)
    ends = y - lower
    hair = shapes.intersection(-opening, ends, 0.06)
    hair = shapes.intersection(hair, shape, 0.02)
    shadow = shapes.soft(hair - 0.03, 0.11) * shapes.coverage(skin, pixel)
    canvas = shapes.shade(canvas, (0.66, 0.52, 0.52), 0.55 * shadow)
    level = 1.0 - 0.30 * shapes.soft(-opening + 0.03, 0.10)
    colors = _hair_colors(face, x, y, level)
    return shapes.blend(canvas, colors, shapes.coverage(hair, pixel))
