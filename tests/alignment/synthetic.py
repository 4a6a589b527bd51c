"""Faces at known places, for the tests of alignment."""

import numpy as np

from jax_encoder.alignment import crops, frames, methods, quads

# Eyes and corners of the mouth of a frontal face in a picture of one pixel.
FOUR = np.array([[0.36, 0.47], [0.64, 0.47], [0.41, 0.74], [0.59, 0.74]])


def place(angle=0.0, scale=200.0, x=256.0, y=256.0):
    """A similarity that puts the unit picture, centered, somewhere: `[3, 3]`."""
    c, s = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))
    to_center = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    return np.array([[c, -s, x], [s, c, y], [0, 0, 1]]) @ to_center


def frame(matrix, size, photograph_size, **options):
    """The frame of the whole unit picture at a place."""
    corners = frames.apply(matrix, [[0, 0], [0, 1], [1, 1], [1, 0]])
    fields = {"method": "ffhq"} | options
    return frames.Frame(
        quad=frames.as_quad(corners),
        output_size=size,
        photograph_size=photograph_size,
        **fields,
    )


def smooth_picture(height, width, seed=0):
    """A colorful picture without fine detail: `[H, W, 3]` uint8."""
    key = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [
        sum(
            np.sin(2 * np.pi * (a * x + b * y + c))
            for a, b, c in key.uniform(-2, 2, (4, 3))
        )
        for _ in range(3)
    ]
    planes = np.stack(waves, axis=-1)
    return np.uint8(np.rint(127.5 + 127.5 * planes / np.abs(planes).max()))


def _quick(photograph, points, output_size):
    options = crops.FfhqOptions(output_size=output_size, transform_size=512)
    return crops.ffhq(photograph, quads.ffhq(points), options)


# As "ffhq", at an eighth of the published `transform_size`: less to compute.
methods.register(methods.Method(name="quick", cut=_quick, output_size=64))
