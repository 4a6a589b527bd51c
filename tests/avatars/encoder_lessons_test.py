import jax
import numpy as np
import pytest

from jax_encoder import demo
from jax_encoder.avatars import encoder_lessons
from tests.training import tiny_encoder as tiny


def test_renderings_are_what_the_generator_imitates():
    generator = demo.generator()
    batch = encoder_lessons.named(generator, jax.random.key(0))(3, 16)
    rendered = jax.jit(lambda g, ws: g.synthesis(ws))(generator, batch.ws)
    apart = np.mean(np.square(rendered - batch.images), axis=(1, 2, 3))
    others = np.mean(np.square(rendered - batch.images[::-1]), axis=(1, 2, 3))
    assert (apart < 0.3 * others).all()
    assert batch.is_known.all()


def test_z_must_be_long_enough_to_name_a_face():
    with pytest.raises(ValueError, match="z needs 45 numbers, this generator's has 8"):
        encoder_lessons.named(tiny.generator(), jax.random.key(0))
