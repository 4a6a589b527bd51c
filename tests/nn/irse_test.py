import jax
import numpy as np
import pytest
from flax import nnx

from jax_encoder.nn import irse
from tests import reference


@jax.jit
def _embed(network, aligned, portraits):
    crops = network.face_crop(portraits)
    stages = dict(network.body.stages(aligned))
    embedding = network.embed(aligned, is_cropped=True)
    return stages, embedding, crops, network.embed(portraits)


def test_arcface_equals_the_reference_layer_by_layer(golden):
    fixture = reference.Reference(golden / "net_irse50")
    network = reference.convert(golden / "net_irse50", kind="arcface")
    aligned = reference.images(fixture["image112_u8"])
    portraits = reference.images(fixture["image256_u8"])
    stages, embedding, crops, of_portraits = _embed(network, aligned, portraits)
    fixture.check_tap("input_layer", stages["input_layer"])
    for index in (0, 2, 3, 6, 20, 23):
        fixture.check_tap(f"body.{index}", stages[f"body_{index}"])
    fixture.check("embedding112", embedding)
    fixture.check("crop_pool112", crops, 1e-6)
    fixture.check("embedding256", of_portraits)
    cosine = np.sum(of_portraits[0] * of_portraits[1])
    np.testing.assert_allclose(1 - cosine, fixture["id_loss"][0], atol=1e-5)


@pytest.fixture(scope="module")
def small():
    config = irse.IRSEConfig(
        widths=(4, 8), depths=(1, 1), reduction=2, input_size=8, embedding_size=6
    )
    return irse.IRSE(config, rngs=nnx.Rngs(0))


def test_embeddings_have_unit_length_at_any_resolution(small):
    images = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3))
    embeddings = small.embed(images.astype(np.float32))
    np.testing.assert_allclose(np.sum(np.square(embeddings), 1), 1.0, rtol=1e-5)


def test_errors(small):
    with pytest.raises(ValueError, match="batch axis"):
        small.embed(np.zeros((64, 64, 3), np.float32))
    with pytest.raises(ValueError, match="must be finite"):
        small.embed(np.full((1, 64, 64, 3), np.nan, np.float32), is_cropped=True)
    with pytest.raises(ValueError, match="equal length"):
        irse.IRSEConfig(depths=(1,))
