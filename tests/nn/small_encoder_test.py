import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder import io
from jax_encoder.nn import small_encoder

CONFIG = small_encoder.SmallEncoderConfig(
    num_ws=4, w_dim=5, widths=(4, 6), depths=(0, 1), hidden_size=7, input_size=(8, 8)
)


def _make(**changes):
    config = {**CONFIG.__dict__, **changes}
    config = small_encoder.SmallEncoderConfig(**config)
    return small_encoder.SmallEncoder(config, rngs=nnx.Rngs(0))


def _images(side=8):
    return jax.random.uniform(jax.random.key(0), (3, side, side, 3), minval=-1.0)


def test_it_starts_in_w_around_the_mean():
    encoder = _make()
    mean = jax.random.normal(jax.random.key(1), (4, 5))
    encoder.latent_avg.set_value(mean)
    ws = encoder(_images())
    assert ws.shape == (3, 4, 5)
    offsets = ws - mean[None]
    for row in range(1, 4):
        np.testing.assert_allclose(offsets[:, row], offsets[:, 0], atol=1e-5)
    assert float(jnp.std(offsets[:, 0], axis=0).min()) > 0


def test_rows_are_independent_where_it_is_not_progressive():
    encoder = _make(is_progressive=False)
    ws = encoder(_images())
    np.testing.assert_array_equal(ws[:, 1:], 0.0)
    assert float(jnp.abs(ws[:, 0]).max()) > 0


def test_other_sizes_are_resized_and_the_code_is_each_picture_s_own():
    encoder = _make()
    images = jnp.repeat(jnp.repeat(_images(), 2, axis=1), 2, axis=2)
    assert encoder(images).shape == (3, 4, 5)
    alone = encoder(_images()[1:2])
    np.testing.assert_allclose(encoder(_images())[1:2], alone, atol=1e-5)


def test_six_channels_see_the_reconstruction():
    encoder = _make(in_channels=6)
    found = encoder(_images(), _images())
    other = encoder(_images(), -_images())
    assert found.shape == (3, 4, 5)
    assert float(jnp.abs(found - other).max()) > 1e-3
    with pytest.raises(ValueError, match="takes 6 channels"):
        encoder(_images())


def test_a_bundle_brings_it_back(tmp_path):
    encoder = _make()
    io.save(encoder, tmp_path / "encoder")
    loaded = io.load(tmp_path / "encoder")
    assert loaded.config == encoder.config
    np.testing.assert_array_equal(loaded(_images()), encoder(_images()))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"multiple of 4.*got \(8, 10\)"):
        _make(input_size=(8, 10))
    with pytest.raises(ValueError, match="one entry for every stage"):
        _make(depths=(1,))
