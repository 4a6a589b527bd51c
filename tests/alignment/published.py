"""The published FFHQ recipe, written out once more from its description.

One straight function over PIL, PyTorch-free and without this project's code, so that
`jax_encoder.alignment` has something to be compared with.
"""

import numpy as np
from PIL import Image
from scipy import ndimage


def crop(photograph, landmarks, output_size, transform_size=4096, enable_padding=True):
    """`[68, 2]` landmarks of a `[H, W, 3]` uint8 photograph -> the aligned picture."""
    eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    eye = (eyes[0] + eyes[1]) * 0.5
    apart = eyes[1] - eyes[0]
    mouth = (landmarks[48] + landmarks[54]) * 0.5
    drop = mouth - eye
    x = apart - np.flipud(drop) * [-1, 1]
    x = x / np.hypot(*x) * max(np.hypot(*apart) * 2.0, np.hypot(*drop) * 1.8)
    y = np.flipud(x) * [-1, 1]
    c = eye + drop * 0.1
    quad = np.array([c - x - y, c - x + y, c + x + y, c + x - y])
    qsize = np.hypot(*x) * 2
    image = Image.fromarray(photograph)
    shrink = int(np.floor(qsize / output_size * 0.5))
    if shrink > 1:
        size = [int(np.rint(side / shrink)) for side in image.size]
        image = image.resize(size, Image.Resampling.LANCZOS)
        quad, qsize = quad / shrink, qsize / shrink
    border = max(int(np.rint(qsize * 0.1)), 3)
    low, high = np.floor(quad.min(0)).astype(int), np.ceil(quad.max(0)).astype(int)
    low, high = np.maximum(low - border, 0), np.minimum(high + border, image.size)
    image, quad = image.crop((*low, *high)), quad - low
    low, high = np.floor(quad.min(0)).astype(int), np.ceil(quad.max(0)).astype(int)
    before = np.maximum(-low + border, 0)
    after = np.maximum(high - image.size + border, 0)
    if enable_padding and max(*before, *after) > border - 4:
        least = int(np.rint(qsize * 0.3))
        before, after = np.maximum(before, least), np.maximum(after, least)
        widths = [(before[1], after[1]), (before[0], after[0]), (0, 0)]
        data = np.pad(np.float32(image), widths, "reflect")
        h, w, _ = data.shape
        row, column, _ = np.ogrid[:h, :w, :1]
        mask = np.maximum(
            1
            - np.minimum(
                np.float32(column) / before[0], np.float32(w - 1 - column) / after[0]
            ),
            1
            - np.minimum(
                np.float32(row) / before[1], np.float32(h - 1 - row) / after[1]
            ),
        )
        blurred = ndimage.gaussian_filter(data, [qsize * 0.02, qsize * 0.02, 0])
        data = data + (blurred - data) * np.clip(mask * 3 + 1, 0, 1)
        data = data + (np.median(data, axis=(0, 1)) - data) * np.clip(mask, 0, 1)
        image = Image.fromarray(np.uint8(np.clip(np.rint(data), 0, 255)))
        quad = quad + before
    image = image.transform(
        (transform_size, transform_size),
        Image.Transform.QUAD,
        (quad + 0.5).flatten(),
        Image.Resampling.BILINEAR,
    )
    if output_size < transform_size:
        image = image.resize((output_size, output_size), Image.Resampling.LANCZOS)
    return np.asarray(image)
