"""The demo's feature network and distance do what their cards say."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jax_encoder
from jax_encoder import io
from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import distance_lessons as perceptual
from jax_encoder.avatars import face_attributes, face_rendering

ASSETS = pathlib.Path(jax_encoder.__file__).parent / "assets"
NUM = 128


@pytest.fixture(scope="module")
def pairs():
    return perceptual.draw_pairs(jax.random.key(77), NUM)


@pytest.fixture(scope="module")
def pictures(pairs):
    return face_rendering.render(jnp.concatenate(pairs), 64)


def test_attributes_are_read(pairs, pictures):
    network = io.load(ASSETS / "avatar_vgg")
    table = attributes.evaluate(network, pictures, jnp.concatenate(pairs))
    for name in np.array(face_attributes.NAMES)[face_attributes.IS_BINARY]:
        assert table[str(name)]["accuracy"] > 0.98
    relative = [row["relative"] for row in table.values()]
    # Guessing the mean would give about 0.8 each.
    assert np.mean(relative) < 0.5
    assert np.max(relative) < 1.0
    assert table["yaw"]["relative"] < 0.2


def test_embeddings_tell_people_apart():
    network = io.load(ASSETS / "avatar_vgg")
    people = attributes.draw_people(jax.random.key(78), NUM)
    found = attributes.evaluate_identity(network, face_rendering.render(people, 64))
    assert found["ranking"] > 0.99
    assert found["retrieval"] > 0.9


def test_distance_grows_with_attribute_distance(pairs, pictures):
    distance = io.load(ASSETS / "avatar_lpips")
    found = distance(*jnp.split(pictures, 2))
    truth = perceptual.attribute_distance(*pairs)
    assert stats.spearmanr(found, truth).statistic > 0.85
    for index in range(len(distance.config.widths)):
        assert (getattr(distance.heads, f"lin{index}")[...] >= 0.0).all()


@pytest.mark.parametrize("name", ["avatar_vgg", "avatar_lpips"])
def test_bundles_have_cards_with_the_command(name):
    card = (ASSETS / name / "README.md").read_text()
    assert "python -m experiments.train_attributes" in card
    assert "## Limits" in card
