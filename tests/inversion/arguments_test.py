"""What a person gives to an inversion: the documented rule, or an error that helps."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jax_encoder as je
from jax_encoder.errors import InputError
from jax_encoder.inversion import arguments, inverter, presets
from jax_encoder.io import images
from jax_encoder.nn import lpips, stylegan2
from tests.experiments import tiny

BYTES = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3), np.uint8)
FLOATS = images.from_uint8(BYTES)
PILLOW = [Image.fromarray(pixels) for pixels in BYTES]


def _fit(pictures, channels=3):
    return arguments.fit_pictures(pictures, 8, channels=channels)


@pytest.fixture(scope="module")
def generator():
    return tiny.make_generator()


@pytest.mark.parametrize(
    "given",
    [
        *(BYTES, FLOATS, [*BYTES], tuple(FLOATS), PILLOW, FLOATS.astype(np.float64)),
        *(jnp.asarray(FLOATS), [BYTES[0], FLOATS[1]], FLOATS.tolist(), iter(BYTES)),
        [PILLOW[0].convert("RGBA"), PILLOW[1].convert("CMYK").convert("RGB")],
    ],
    ids=lambda given: type(given).__name__,
)
def test_one_picture_looks_the_same_however_it_is_given(given):
    expected = np.stack([images.fit(x, 8) for x in BYTES])
    fitted = _fit(given)
    assert fitted.dtype == np.float32
    np.testing.assert_allclose(fitted, expected, atol=2 / 255)


def test_half_precision_is_precise_enough():
    for dtype in (np.float16, jnp.bfloat16):
        np.testing.assert_allclose(_fit(FLOATS.astype(dtype)), _fit(FLOATS), atol=0.04)


def test_a_single_picture_needs_no_list():
    expected = _fit(BYTES[:1])
    for given in (BYTES[0], FLOATS[0], PILLOW[0], jnp.asarray(BYTES[0])):
        np.testing.assert_array_equal(_fit(given), expected)


def test_gray_pictures_may_lack_their_last_axis():
    gray = BYTES[..., 0]
    expected = _fit(np.repeat(gray[..., None], 3, axis=-1))
    for given in (gray[..., None], [*gray], [Image.fromarray(x) for x in gray]):
        np.testing.assert_array_equal(_fit(given), expected)
    np.testing.assert_array_equal(_fit(gray[0]), expected[:1])
    assert _fit(gray[0], channels=1).shape == (1, 8, 8, 1)


def test_pictures_of_different_sizes_are_cropped_and_resized():
    wide = np.concatenate([BYTES[0], BYTES[0]], axis=1)
    np.testing.assert_array_equal(_fit([wide, BYTES[1]])[0], images.fit(wide, 8))


_NAN = FLOATS.copy()
_NAN[1, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "is empty: give one picture"),
        (BYTES[:0], "is empty: give one picture"),
        (_NAN, r"`images\[1\]` holds 3 values that are NaN or infinite"),
        (BYTES.astype(np.float32), "divide values from 0 to 255 by 127.5"),
        (BYTES.astype(int), r"int64 values: give uint8"),
        (BYTES > 100, "no picture but an array of bool"),
        (FLOATS + 0j, "no picture but an array of complex64"),
        (BYTES.transpose(0, 3, 1, 2), r"transpose\(0, 2, 3, 1\)"),
        (BYTES[0].transpose(2, 0, 1), r"transpose\(1, 2, 0\)"),
        (BYTES[..., 0], r"several gray pictures are `images\[..., None\]`"),
        (BYTES[..., :2], r"1, 3 or 4 channels, got \[2, 12, 12, 2\]"),
        (BYTES[:, :0], r"`images\[0\]` must be \[H, W, C\]"),
        (BYTES[None], "one picture alone is"),
        ([[[1.0, 0.0], [1.0]]], "rows of different lengths"),
        ("a.png", "read files with `jax_encoder.io.images.read`"),
        (pathlib.Path("a.png"), "read files with"),
        (
            [pathlib.Path("a.png")],
            r"`images\[0\]` is no picture .* read file",
        ),
        ({"a": BYTES[0]}, "no picture but a dict of 1: give arrays"),
        (None, "no picture but None"),
        ([BYTES[0], None], r"`images\[1\]` is no picture but None"),
        (3, "no picture but 3"),
    ],
)
def test_what_is_no_picture_is_told_with_a_remedy(given, message):
    with pytest.raises(InputError, match=message):
        _fit(given)


def test_labels():
    assert arguments.check_labels(None, 3, 0) is None
    one = arguments.check_labels([[0, 1]], 3, 2)
    assert one is not None
    assert one.shape == (3, 2)
    with pytest.raises(InputError, match="the generator has no classes: leave them"):
        arguments.check_labels(jnp.ones((1, 2)), 3, 0)
    for wrong in ([1, 0, 1], jnp.ones((2, 2)), jnp.ones((1, 3))):
        with pytest.raises(InputError, match=r"must be \[1, 2\] or \[3, 2\]"):
            arguments.check_labels(wrong, 3, 2)


def test_keys():
    ours = jax.random.key(7)
    assert arguments.check_key(None) == jax.random.key(0)
    for key in (ours, jax.random.PRNGKey(7), np.asarray([0, 7], np.uint32)):
        assert arguments.check_key(key) == ours
    with pytest.raises(InputError, match=r"`jax.random.key\(7\)`: got 7"):
        arguments.check_key(7)
    with pytest.raises(InputError, match="one key of JAX"):
        arguments.check_key(jax.random.split(ours))


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (["lpips"], "must be a table by name"),
        ({"lpips": "lpips_vgg"}, "read it with `jax_encoder.load`"),
        ({"lpips": tiny.make_generator()}, "is a StyleGAN2Generator, but must be"),
        ({"lpips": tiny.make(lpips.Heads, tiny.LPIPS, 0)}, "the heads of LPIPS alone"),
        ({"identity": tiny.make(lpips.LPIPS, tiny.LPIPS, 0)}, "embeds faces"),
        ({"vgg": tiny.make(lpips.LPIPS, tiny.LPIPS, 0)}, "named features"),
    ],
)
def test_networks_of_the_wrong_role(generator, networks, message):
    with pytest.raises(InputError, match=message):
        inverter.Inverter(generator, "default", networks)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda g: je.invert(BYTES, "ffhq"),
            "read it with `jax_encoder.lo",
        ),
        (lambda g: je.invert(g, BYTES), "which has no `config`"),
        (lambda g: je.Inverter(stylegan2), "is a module, which has no"),
        (
            lambda g: je.invert(BYTES, g, "defualt"),
            "no preset 'defualt'; th",
        ),
        (lambda g: je.invert(BYTES, g, None), "the name of one .*got None"),
        (lambda g: je.invert(BYTES, g, steps=3), r"no \['steps'\]; it has"),
        (lambda g: je.save("a", "b"), "no network that can be saved"),
    ],
)
def test_what_the_front_door_refuses(generator, call, message):
    with pytest.raises(InputError, match=message):
        call(generator)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_steps": "3"}, "`num_steps` must be a whole number, got '3'"),
        ({"num_steps": 2.5}, "`num_steps` must be a whole number, got 2.5"),
        ({"learning_rate": "fast"}, "`learning_rate` must be a positive number"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a positive number"),
        ({"learning_rate": -1}, "`learning_rate` must be a positive number, got -1"),
        ({"patience": "x"}, "`patience` must be a whole number"),
        ({"stop_below": "x"}, "`stop_below` must be a number"),
        ({"terms": 3}, "`terms` must be a list, got 3"),
        ({"stages": 3}, "`stages` must be a list, got 3"),
    ],
)
def test_changes_of_the_wrong_kind(changes, message):
    for name in ("default", "nvidia-projector"):
        with pytest.raises(InputError, match=message):
            presets.get(name).changed(**changes)
