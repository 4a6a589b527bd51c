"""The demo's encoder does what its card says, on renderings that it never saw."""

import jax
import numpy as np

from jax_encoder import demo
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.training import encoder_evaluation


def test_one_pass_gives_25_decibels_and_the_same_person():
    people = face_attributes.sample(jax.random.key(271828), 64)
    pictures = np.asarray(face_rendering.render(people, 64))
    found = encoder_evaluation.measure(
        demo.encoder(),
        demo.generator(),
        pictures,
        networks={"identity": demo.vgg()},
        batch_size=64,
    )
    # The card's median of 200 is above 25; 64 others scatter by some tenths.
    assert found["psnr"] > 24.5
    assert found["identity"] > 0.85
