"""The calibration of the perceptual distance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import distance_lessons as perceptual
from jax_encoder.avatars import face_attributes
from jax_encoder.nn import lpips, vgg

TINY = vgg.VGGConfig(channels=((4,), (6,)), preprocessing="none")


@pytest.fixture(scope="module")
def plain():
    return lpips.from_vgg(vgg.VGG(TINY, rngs=nnx.Rngs(0)))


@pytest.fixture(scope="module")
def pairs():
    return perceptual.draw_pairs(jax.random.key(0), 256)


def test_pairs_are_faces(pairs):
    for rows in pairs:
        assert (rows >= face_attributes.LOW[None]).all()
        assert (rows <= face_attributes.HIGH[None]).all()
        assert np.isin(rows[:, face_attributes.IS_BINARY], (0.0, 1.0)).all()


def test_pairs_differ_in_little_to_everything(pairs):
    share = np.mean(np.asarray(pairs[0] != pairs[1]), axis=1)
    assert np.quantile(share, 0.1) < 0.2
    assert np.quantile(share, 0.9) > 0.6
    distances = np.asarray(perceptual.attribute_distance(*pairs))
    assert distances.min() < 0.1
    assert distances.max() > 1.0


def test_attribute_distance_is_in_standard_deviations():
    deviation = attributes.deviations()[face_attributes.index("yaw")]
    first = face_attributes.named(beard_length=0.1)
    second = face_attributes.named(yaw=0.6, beard_length=0.9)  # No beard: hidden.
    expected = (0.6 / deviation) / np.sqrt(face_attributes.NUM_ATTRIBUTES)
    for a, b in ((first, second), (second, first)):
        distance = perceptual.attribute_distance(a, b)
        np.testing.assert_allclose(distance, [expected], rtol=1e-5)
    assert perceptual.attribute_distance(first, first)[0] == 0.0


def test_channels_add_up_to_the_distance(plain):
    images = jax.random.uniform(jax.random.key(0), (2, 3, 16, 16, 3), minval=-1.0)
    channels = perceptual.channel_distances(plain, *images)
    assert channels.shape == (3, 10)
    np.testing.assert_allclose(channels.sum(axis=1), plain(*images), rtol=1e-5)
    weights = jax.random.uniform(jax.random.key(1), (10,))
    calibrated = perceptual.with_weights(plain, weights)
    np.testing.assert_allclose(calibrated(*images), channels @ weights, rtol=1e-5)
    assert not plain.config.is_calibrated


def test_the_wrong_number_of_weights_is_refused(plain):
    with pytest.raises(ValueError, match=r"must be \[10\]"):
        perceptual.with_weights(plain, jnp.ones(9))


def test_fit_recovers_weights():
    true = np.array([0.0, 0.5, 2.0, 0.0, 1.0, 0.1])
    channels = np.random.default_rng(0).gamma(1.0, size=(512, 6)).astype(np.float32)
    distances = np.sqrt(channels @ true).astype(np.float32)
    config = perceptual.CalibrationConfig(num_steps=1500, learning_rate=0.05)
    weights, losses = perceptual.fit(channels, distances, config)
    assert (weights >= 0.0).all()
    np.testing.assert_allclose(weights, true, atol=0.05)
    assert losses[-1] < 1e-3 < losses[0]


def test_batches_must_fit():
    with pytest.raises(ValueError, match="multiple"):
        perceptual.CalibrationConfig(num_pairs=10, batch_size=4)
