"""The network that reads attributes: codes, losses, the split head, a few steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import face_attributes
from jax_encoder.nn import vgg

TINY = vgg.VGGConfig(
    channels=((4,), (4,)),
    fc_sizes=(12,),
    num_outputs=attributes.NUM_OUTPUTS,
    pool_size=2,
    input_size=16,
    preprocessing="none",
    embedding_size=8,
)
CONFIG = attributes.AttributeConfig(
    num_people=2, resolution=16, num_steps=10, num_warmup=1, ema_half_life=10.0
)


@pytest.fixture(scope="module")
def people():
    return face_attributes.sample(jax.random.key(3), 32)


@pytest.fixture(scope="module")
def network():
    return vgg.VGG(TINY, rngs=nnx.Rngs(0))


def _logits(targets):
    """What a perfect network would put out."""
    binary = np.zeros(attributes.NUM_OUTPUTS, bool)
    binary[: face_attributes.NUM_ATTRIBUTES] = face_attributes.IS_BINARY
    return jnp.where(binary[None], 40.0 * targets - 20.0, targets)


def test_decode_inverts_encode(people):
    codes = attributes.encode(people)
    assert codes.shape == (32, attributes.NUM_OUTPUTS)
    assert jnp.abs(codes).max() <= 1.0
    decoded = attributes.decode(_logits(codes))
    apart = attributes.differences(decoded, people)
    np.testing.assert_allclose(apart, 0.0, atol=1e-5)


def test_decode_keeps_the_ranges():
    outputs = 100.0 * jax.random.normal(jax.random.key(0), (16, attributes.NUM_OUTPUTS))
    decoded = attributes.decode(outputs)
    assert (decoded >= face_attributes.LOW[None]).all()
    assert (decoded <= face_attributes.HIGH[None]).all()


def test_hues_differ_by_the_shorter_way_round():
    near = face_attributes.named(background_hue=0.95, skin_tone=0.95)
    far = face_attributes.named(background_hue=0.05, skin_tone=0.05)
    apart = attributes.differences(near, far)[0]
    np.testing.assert_allclose(
        apart[face_attributes.index("background_hue")], 0.1, atol=1e-6
    )
    np.testing.assert_allclose(apart[face_attributes.index("skin_tone")], 0.9)


def test_the_loss_is_zero_for_the_truth_and_ignores_what_is_hidden(people):
    truth = _logits(attributes.encode(people))
    np.testing.assert_allclose(attributes.loss(truth, people), 0.0, atol=1e-6)
    plain = people.at[:, face_attributes.index("beard")].set(0.0)
    truth = _logits(attributes.encode(plain))
    hidden = truth.at[:, face_attributes.index("beard_length")].add(3.0)
    np.testing.assert_allclose(attributes.loss(hidden, plain), 0.0, atol=1e-6)
    wrong = truth.at[:, face_attributes.index("skin_tone")].add(3.0)
    assert attributes.loss(wrong, plain) > 0.1


def test_the_loss_of_the_mean_is_about_one(people):
    """Squared errors are in units of the variance."""
    people = face_attributes.sample(jax.random.key(4), 512)
    codes = attributes.encode(people)
    mean = jnp.broadcast_to(codes.mean(axis=0, keepdims=True), codes.shape)
    share = codes[:, : face_attributes.NUM_ATTRIBUTES].mean(axis=0)
    logits = jnp.log(share / (1.0 - share))
    columns = jnp.where(face_attributes.IS_BINARY, logits, mean[0, : share.size])
    outputs = mean.at[:, : share.size].set(columns[None])
    assert 0.9 < attributes.loss(outputs, people) < 1.1


def test_contrast_matches_its_definition():
    embeddings = jax.random.normal(jax.random.key(0), (4, 3))
    embeddings /= jnp.linalg.norm(embeddings, axis=1, keepdims=True)
    similar = np.asarray(embeddings @ embeddings.T) / 0.1
    expected = []
    for i in range(4):
        others = [j for j in range(4) if j != i]
        partner = (i + 2) % 4
        expected.append(
            np.log(np.sum(np.exp(similar[i, others]))) - similar[i, partner]
        )
    np.testing.assert_allclose(
        attributes.contrast(embeddings, 0.1), np.mean(expected), rtol=1e-5
    )


def test_people_on_another_day_are_the_same_people():
    first, second = jnp.split(attributes.draw_people(jax.random.key(0), 8), 2)
    same = np.asarray(first == second).all(axis=0)
    assert same[face_attributes.IS_IDENTITY].all()
    assert not same[face_attributes.index("yaw")]
    assert not same[face_attributes.index("background_hue")]


def test_training_steps(network):
    key = jax.random.key(7)
    state = attributes.init(network, CONFIG)
    weights = [np.asarray(x) for x in jax.tree.leaves(state.params)]
    losses = []
    for _ in range(3):
        state, loss = attributes.step(state, network, key, config=CONFIG)
        losses.append(loss)
    assert int(state.step) == 3
    assert np.isfinite(losses).all()
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(weights, jax.tree.leaves(state.params), strict=True)
    ]
    assert all(moved)
    # Exact resume: the first step again, then on from a copy.
    copy = attributes.init(network, CONFIG)
    for _ in range(3):
        copy, _ = attributes.step(
            jax.tree.map(jnp.array, copy), network, key, config=CONFIG
        )
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(copy), strict=True):
        np.testing.assert_array_equal(a, b)
    _check_head(attributes.averaged(network, state))


def _check_head(network):
    """The embedding predicts the identity only, and nothing else does."""
    weight = np.asarray(network.fc4.weight[...])
    columns = weight[:, : face_attributes.NUM_ATTRIBUTES]
    assert (columns[:8, ~face_attributes.IS_IDENTITY] == 0.0).all()
    assert (columns[8:, face_attributes.IS_IDENTITY] == 0.0).all()
    assert (columns[:8, face_attributes.IS_IDENTITY] != 0.0).any()
    assert (columns[8:, ~face_attributes.IS_IDENTITY] != 0.0).any()


def test_embeddings_have_unit_length(network):
    images = jax.random.uniform(jax.random.key(0), (3, 32, 32, 3), minval=-1.0)
    embeddings = network.embed(images)
    assert embeddings.shape == (3, 8)
    np.testing.assert_allclose(jnp.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)
    hidden = network.feature(images, "relu3")[:, :8]
    expected = hidden / jnp.linalg.norm(hidden, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5)


def test_evaluate_counts_what_shows():
    class Perfect:
        def __call__(self, images):
            return _logits(attributes.encode(images))

    people = face_attributes.sample(jax.random.key(1), 16)
    table = attributes.evaluate(Perfect(), people, people)
    assert set(table) == set(face_attributes.NAMES)
    assert table["beard"]["accuracy"] == 1.0
    assert max(row["error"] for row in table.values()) < 1e-5
    beard = face_attributes.index("beard")
    wrong = people.at[:4, beard].set(1.0 - people[:4, beard])
    table = attributes.evaluate(Perfect(), people, wrong)
    assert table["beard"]["accuracy"] == 0.75
    assert table["glasses"]["accuracy"] == 1.0


def test_evaluate_identity():
    class Embedder:
        def embed(self, images):
            return images

    eye = np.eye(4, dtype=np.float32)
    table = attributes.evaluate_identity(Embedder(), np.concatenate([eye, eye]))
    expected = {"same": 1.0, "different": 0.0, "ranking": 1.0, "retrieval": 1.0}
    assert table == expected
    confused = np.concatenate([eye, np.roll(eye, 1, axis=0)])
    table = attributes.evaluate_identity(Embedder(), confused)
    assert table["same"] == table["retrieval"] == table["ranking"] == 0.0


def test_config_errors():
    with pytest.raises(ValueError, match="num_people=1"):
        attributes.AttributeConfig(num_people=1)
    with pytest.raises(ValueError, match="embedding_size"):
        vgg.VGGConfig(fc_sizes=(4,), num_outputs=2, embedding_size=5)
    with pytest.raises(ValueError, match="hidden dense layer"):
        vgg.VGG(vgg.VGGConfig(channels=((2,),)), rngs=nnx.Rngs(0)).embed(
            jnp.zeros((1, 8, 8, 3))
        )


def test_the_schedule_ends_at_zero():
    optimizer = attributes.optimizer(CONFIG)
    params = jnp.ones(2)
    state = optimizer.init(params)
    steps = []
    for _ in range(11):
        updates, state = optimizer.update(jnp.ones(2), state)
        steps.append(float(jnp.abs(updates).max()))
        params = optax.apply_updates(params, updates)
    assert steps[0] == 0.0
    assert np.argmax(steps) == 1
    assert steps[-1] < 1e-6
