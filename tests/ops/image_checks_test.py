import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.ops import image_checks as images_lib

GOOD = np.zeros((2, 4, 5, 3), np.float32)


def test_good_pictures_pass_unchanged():
    assert images_lib.check_images(GOOD).shape == GOOD.shape
    images_lib.check_images(GOOD + 1.001)  # a rounding
    images_lib.check_images(GOOD[..., :1], channels=1)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GOOD[0], r"Add a batch axis"),
        (GOOD.transpose(0, 3, 1, 2), r"Move the channels last"),
        (np.zeros((1, 4, 4, 4), np.float32), r"Drop the alpha channel"),
        (GOOD[..., :1], r"Repeat the gray channel"),
        (GOOD[:0], r"must not be empty"),
        (GOOD.astype(np.uint8), r"images / 127.5 - 1"),
        (GOOD + np.nan, r"must be finite"),
        (GOOD + np.inf, r"must be finite"),
        (GOOD + 200, r"0..255"),
        (GOOD - 1.2, r"jnp.clip"),
    ],
)
def test_bad_pictures_are_refused_with_a_remedy(images, message):
    with pytest.raises(ValueError, match=message):
        images_lib.check_images(images, name="targets")


def test_traced_values_are_not_looked_at():
    program = jax.make_jaxpr(images_lib.check_images)(jnp.asarray(GOOD) + 200)
    assert not program.jaxpr.eqns
    with pytest.raises(ValueError, match="batch axis"):
        jax.jit(images_lib.check_images)(GOOD[0])
