"""Augmentation of what the discriminator sees.

Adaptive discriminator augmentation (Karras et al. 2020, arXiv:2006.06676, Appendix B:
pixel blitting, geometry and color, the "bgc" pipeline) and, for very small sets,
DiffAugment (Zhao et al. 2020, arXiv:2006.10738). Both are differentiable in the images.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.ops import upfirdn

# The sym6 wavelet's low-pass filter: resampling around the geometric transformation.
_SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
# How far the filter's center lies from the middle of its taps, in pixels.
_DELAY = 0.5
_LUMA = np.full(3, 3.0**-0.5, np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Which transformations there are, and how strong they are.

    Attributes:
      flip, rotate90, shift: pixel blitting; 0 or 1 switches it off or on.
      shift_max: whole-pixel translation, as a share of the side.
      scale, rotate, stretch, fractional: general geometry; 0 or 1.
      scale_std: of the binary logarithm of the isotropic and anisotropic scale.
      rotate_max: as a share of a full turn.
      fractional_std: of the sub-pixel translation, as a share of the side.
      brightness, contrast, luma_flip, hue, saturation: color; 0 or 1.
      brightness_std, contrast_std, hue_max, saturation_std: strengths; contrast and
        saturation are in octaves, the hue in half turns.
    """

    flip: float = 1.0
    rotate90: float = 1.0
    shift: float = 1.0
    shift_max: float = 0.125
    scale: float = 1.0
    rotate: float = 1.0
    stretch: float = 1.0
    fractional: float = 1.0
    scale_std: float = 0.2
    rotate_max: float = 1.0
    fractional_std: float = 0.125
    brightness: float = 1.0
    contrast: float = 1.0
    luma_flip: float = 1.0
    hue: float = 1.0
    saturation: float = 1.0
    brightness_std: float = 0.2
    contrast_std: float = 0.5
    hue_max: float = 1.0
    saturation_std: float = 1.0


def ada(
    key: jax.Array,
    images: jax.Array,
    probability: jax.Array | float,
    config: AugmentConfig = AugmentConfig(),  # noqa: B008
) -> jax.Array:
    """Transforms every picture by its own draw.

    Args:
      key: PRNG key.
      images: `[N, H, W, 3]` in [-1, 1], H equal to W.
      probability: of each transformation, in [0, 1].
      config: which transformations.

    Returns:
      `[N, H, W, 3]`; the images themselves where no transformation is drawn.
    """
    geometry_key, color_key = jax.random.split(key)
    num, side = images.shape[:2]
    matrices = draw_geometry(geometry_key, num, side, probability, config)
    images = warp(images, matrices)
    return recolor(images, draw_color(color_key, num, probability, config))


def draw_geometry(
    key: jax.Array,
    num: int,
    side: int,
    probability: jax.Array | float,
    config: AugmentConfig,
) -> jax.Array:
    """Draws the maps from output to input positions.

    Args:
      key: PRNG key.
      num: number of pictures.
      side: of the pictures, in pixels.
      probability: of each transformation, a scalar.
      config: which transformations.

    Returns:
      `[num, 3, 3]` homogeneous matrices; positions are in pixels from the center.
    """
    keys = iter(jax.random.split(key, 20))
    p = jnp.asarray(probability, jnp.float32)

    def chosen(strength, value, neutral, chance=p):
        """`value` with the chance of this transformation, else `neutral`."""
        is_on = jax.random.uniform(next(keys), value.shape[:1]) < chance * strength
        is_on = is_on.reshape(num, *[1] * (value.ndim - 1))
        return jnp.where(is_on, value, neutral)

    flips = jax.random.randint(next(keys), (num,), 0, 2).astype(jnp.float32)
    matrix = _scaling(1.0 - 2.0 * chosen(config.flip, flips, 0.0), jnp.ones(num))
    turns = jax.random.randint(next(keys), (num,), 0, 4) * (jnp.pi / 2)
    matrix = matrix @ _rotation(-chosen(config.rotate90, turns, 0.0))
    limit = config.shift_max
    shift = jax.random.uniform(next(keys), (num, 2), minval=-limit, maxval=limit)
    shift = jnp.round(chosen(config.shift, shift, 0.0) * side)
    matrix = matrix @ _translation(-shift)
    scale = jnp.exp2(config.scale_std * jax.random.normal(next(keys), (num,)))
    scale = chosen(config.scale, scale, 1.0)
    matrix = matrix @ _scaling(1 / scale, 1 / scale)
    # Two rotations around the stretch; together they happen with probability p.
    chance = 1.0 - jnp.sqrt(jnp.clip(1.0 - p, 0.0, 1.0))
    limit = jnp.pi * config.rotate_max
    angles = jax.random.uniform(next(keys), (num, 2), minval=-limit, maxval=limit)
    matrix = matrix @ _rotation(-chosen(config.rotate, angles[:, 0], 0.0, chance))
    stretch = jnp.exp2(config.scale_std * jax.random.normal(next(keys), (num,)))
    stretch = chosen(config.stretch, stretch, 1.0)
    matrix = matrix @ _scaling(1 / stretch, stretch)
    matrix = matrix @ _rotation(-chosen(config.rotate, angles[:, 1], 0.0, chance))
    shift = config.fractional_std * jax.random.normal(next(keys), (num, 2))
    return matrix @ _translation(-chosen(config.fractional, shift, 0.0) * side)


def warp(images: jax.Array, matrices: jax.Array) -> jax.Array:
    """Resamples images at transformed positions, reflected at the borders.

    The images are doubled and halved again around a bilinear look-up, with a wavelet's
    filter, so that the transformation neither blurs nor leaves jagged edges.

    Args:
      images: `[N, H, W, 3]`, H equal to W.
      matrices: `[N, 3, 3]`, output to input positions in pixels from the center.

    Returns:
      `[N, H, W, 3]`.
    """
    is_identity = jnp.all(matrices == jnp.eye(3)[None], axis=(1, 2))
    side, margin = images.shape[1], len(_SYM6) // 4 + 1
    if images.shape[2] != side or side <= margin:
        raise InputError(
            f"Images must be square and larger than {margin} pixels: {images.shape=}."
        )
    wide = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    double = upfirdn.upsample2d(jnp.pad(images, wide, mode="reflect"), _SYM6)
    double = double[:, 2 * margin : -2 * margin, 2 * margin : -2 * margin]
    # In pixels from the center, of a picture with room for the filter.
    axis = (jnp.arange(2 * (side + 2 * margin)) - (side + 2 * margin)) / 2.0 + _DELAY
    x, y = jnp.meshgrid(axis, axis)
    points = jnp.stack([x, y, jnp.ones_like(x)], axis=-1)
    points = jnp.einsum("nij,hwj->nhwi", matrices, points)
    columns, rows = ((points[..., k] - _DELAY) * 2.0 + side for k in (0, 1))
    looked_up = jax.vmap(_bilinear)(double, rows, columns)
    halved = upfirdn.downsample2d(looked_up, _SYM6[::-1])[:, margin:-margin]
    return jnp.where(
        is_identity[:, None, None, None], images, halved[:, :, margin:-margin]
    )


def _bilinear(image: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Looks an `[H, W, 3]` image up at `[R, C]` positions, reflected at the borders."""
    height, width, _ = image.shape
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    r0, r1 = (_reflect(top.astype(jnp.int32) + k, height) for k in (0, 1))
    c0, c1 = (_reflect(left.astype(jnp.int32) + k, width) for k in (0, 1))
    upper = image[r0, c0] * (1 - right) + image[r0, c1] * right
    lower = image[r1, c0] * (1 - right) + image[r1, c1] * right
    return upper * (1 - down) + lower * down


def _reflect(index: jax.Array, length: int) -> jax.Array:
    """Folds indices into 0 ... length - 1; the mirror lies on the picture's edge."""
    index = jnp.mod(index, 2 * length)
    return jnp.minimum(index, 2 * length - 1 - index)


def draw_color(
    key: jax.Array, num: int, probability: jax.Array | float, config: AugmentConfig
) -> jax.Array:
    """Draws the color transformations.

    Args:
      key: PRNG key.
      num: number of pictures.
      probability: of each transformation, a scalar.
      config: which transformations.

    Returns:
      `[num, 4, 4]` homogeneous matrices of RGB.
    """
    keys = iter(jax.random.split(key, 10))
    p = jnp.asarray(probability, jnp.float32)

    def chosen(strength, value, neutral):
        is_on = jax.random.uniform(next(keys), (num,)) < p * strength
        return jnp.where(is_on, value, neutral)

    normal = lambda: jax.random.normal(next(keys), (num,))  # noqa: E731
    eye3 = jnp.eye(3)[None]
    luma = jnp.asarray(np.outer(_LUMA, _LUMA))[None]
    brightness = chosen(config.brightness, config.brightness_std * normal(), 0.0)
    matrix = jnp.tile(jnp.eye(4)[None], (num, 1, 1))
    matrix = matrix.at[:, :3, 3].set(brightness[:, None])
    contrast = jnp.exp2(config.contrast_std * normal())
    contrast = chosen(config.contrast, contrast, 1.0)[:, None, None]
    matrix = _linear(eye3 * contrast) @ matrix
    flip = jax.random.randint(next(keys), (num,), 0, 2).astype(jnp.float32)
    flip = chosen(config.luma_flip, flip, 0.0)[:, None, None]
    matrix = _linear(eye3 - 2.0 * flip * luma) @ matrix
    angle = jax.random.uniform(next(keys), (num,), minval=-jnp.pi, maxval=jnp.pi)
    angle = chosen(config.hue, config.hue_max * angle, 0.0)
    matrix = _linear(_around_luma(angle)) @ matrix
    saturation = jnp.exp2(config.saturation_std * normal())
    saturation = chosen(config.saturation, saturation, 1.0)[:, None, None]
    return _linear(luma + (eye3 - luma) * saturation) @ matrix


def recolor(images: jax.Array, matrices: jax.Array) -> jax.Array:
    """Applies color matrices to pictures.

    Args:
      images: `[N, H, W, 3]`; gray ones `[N, H, W, 1]` take the mean of what happens to
        the three colors, as in the official code; of RGBA, opacity stays.
      matrices: `[N, 4, 4]`.

    Returns:
      An array like `images`.
    """
    linear, offset = matrices[:, :3, :3], matrices[:, None, None, :3, 3]
    if images.shape[-1] == 1:
        gain = jnp.mean(jnp.sum(linear, axis=2), axis=1)[:, None, None, None]
        return images * gain + jnp.mean(offset, axis=-1, keepdims=True)
    colors = jnp.einsum("nij,nhwj->nhwi", linear, images[..., :3]) + offset
    if images.shape[-1] == 4:
        return jnp.concatenate([colors, images[..., 3:]], axis=-1)
    return colors


def adapt(
    probability: jax.Array,
    mean_sign: jax.Array,
    num_pictures: int,
    *,
    target: float = 0.6,
    speed: float = 500_000.0,
) -> jax.Array:
    """Moves the probability towards where D overfits as much as it should (Eq. 1).

    Args:
      probability: so far, a scalar.
      mean_sign: of D's logits of real pictures since the last time, a scalar.
      num_pictures: how many pictures passed since then.
      target: what the mean sign should be.
      speed: pictures over which the probability may move by one.

    Returns:
      the new probability, in [0, 1].
    """
    change = jnp.sign(mean_sign - target) * (num_pictures / speed)
    return jnp.clip(probability + change, 0.0, 1.0)


def diff_augment(key: jax.Array, images: jax.Array) -> jax.Array:
    """DiffAugment: always color, translation and cutout.

    Args:
      key: PRNG key.
      images: `[N, H, W, 3]` in [-1, 1].

    Returns:
      `[N, H, W, 3]`.
    """
    num, height, width, _ = images.shape
    keys = jax.random.split(key, 5)
    uniform = jax.random.uniform(keys[0], (3, num, 1, 1, 1))
    images = images + (uniform[0] - 0.5)
    gray = jnp.mean(images, axis=3, keepdims=True)
    images = gray + (images - gray) * (uniform[1] * 2.0)
    mean = jnp.mean(images, axis=(1, 2, 3), keepdims=True)
    images = mean + (images - mean) * (uniform[2] + 0.5)
    images = _translate(keys[1], images, max(1, round(height / 8)))
    size = (height // 2, width // 2)
    top = jax.random.randint(keys[2], (num,), 0, height + 1 - size[0] % 2)
    left = jax.random.randint(keys[3], (num,), 0, width + 1 - size[1] % 2)
    in_rows = jnp.abs(jnp.arange(height)[None] - top[:, None] + 0.5) < size[0] / 2
    in_columns = jnp.abs(jnp.arange(width)[None] - left[:, None] + 0.5) < size[1] / 2
    hole = in_rows[:, :, None] & in_columns[:, None, :]
    return jnp.where(hole[..., None], 0.0, images)


def _translate(key: jax.Array, images: jax.Array, limit: int) -> jax.Array:
    """Shifts every picture by up to `limit` whole pixels, filling with zeros."""
    num, height, width, channels = images.shape
    offsets = jax.random.randint(key, (num, 2), 0, 2 * limit + 1)
    padded = jnp.pad(images, ((0, 0), (limit, limit), (limit, limit), (0, 0)))

    def cut(image, offset):
        start = (offset[0], offset[1], 0)
        return jax.lax.dynamic_slice(image, start, (height, width, channels))

    return jax.vmap(cut)(padded, offsets)


def _homogeneous(rows: list[list[jax.Array]]) -> jax.Array:
    """Stacks scalars `[N]` into matrices `[N, R, C]`."""
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def _rotation(angle: jax.Array) -> jax.Array:
    zero, one = jnp.zeros_like(angle), jnp.ones_like(angle)
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    return _homogeneous([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])


def _scaling(x: jax.Array, y: jax.Array) -> jax.Array:
    zero, one = jnp.zeros_like(x), jnp.ones_like(x)
    return _homogeneous([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def _translation(shift: jax.Array) -> jax.Array:
    zero, one = jnp.zeros_like(shift[:, 0]), jnp.ones_like(shift[:, 0])
    return _homogeneous(
        [[one, zero, shift[:, 0]], [zero, one, shift[:, 1]], [zero, zero, one]]
    )


def _linear(matrix: jax.Array) -> jax.Array:
    """`[N, 3, 3] -> [N, 4, 4]`."""
    wide = jnp.pad(matrix, ((0, 0), (0, 1), (0, 1)))
    return wide.at[:, 3, 3].set(1.0)


def _around_luma(angle: jax.Array) -> jax.Array:
    """Rotations `[N, 3, 3]` of RGB around the gray axis (Rodrigues' formula)."""
    x, y, z = _LUMA
    cross = jnp.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], jnp.float32)[None]
    cos, sin = jnp.cos(angle)[:, None, None], jnp.sin(angle)[:, None, None]
    axis = jnp.asarray(np.outer(_LUMA, _LUMA))[None]
    return cos * jnp.eye(3)[None] + sin * cross + (1.0 - cos) * axis
