import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.training import encoder_losses, latent_adversary, losses
from tests import reference

STAGES = (0, 1, 4, 9)


@pytest.fixture(scope="module")
def case(golden_path):
    return reference.Reference(golden_path / "algo_e4e_losses")


def _images(case, name):
    return jnp.moveaxis(jnp.asarray(case[name]), 1, -1)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_equals_the_reference(case, stage):
    ws = jnp.asarray(case["latent"])
    logits = (ws @ case["disc_w"])[..., 0]
    weights = encoder_losses.LossWeights(
        l2=1.0, lpips=0.0, identity=0.0, delta=2e-4, adversarial=0.1
    )

    @jax.jit
    def compute(stage):
        terms = {
            "l2": encoder_losses.l2(_images(case, "y_hat"), _images(case, "y")),
            "delta": encoder_losses.delta(ws, stage),
            "adversarial": encoder_losses.adversarial(logits, stage),
        }
        return terms, encoder_losses.total(terms, weights)

    terms, total = compute(jnp.asarray(stage))
    wanted = {"l2": "l2", "delta": "delta", "adversarial": "adv"}
    for ours, theirs in wanted.items():
        np.testing.assert_allclose(terms[ours], case[f"stage{stage}/{theirs}"], 1e-5)
    np.testing.assert_allclose(total, case[f"stage{stage}/loss"], rtol=1e-5)


def test_w_norm_equals_the_reference(case):
    found = encoder_losses.w_norm(case["latent"], jnp.asarray(case["latent_avg"]))
    np.testing.assert_allclose(found, case["w_norm"], rtol=1e-5)
    found = encoder_losses.w_norm(jnp.asarray(case["latent"]))
    np.testing.assert_allclose(found, case["w_norm_noavg"], rtol=1e-5)


def test_the_judge_s_losses_equal_the_reference(golden):
    fixture = reference.Reference(golden / "net_latent_discriminator")
    network = reference.convert(golden / "net_latent_discriminator")
    real, fake = network(fixture["w"]), network(fixture["w_fake"])
    found = losses.discriminator_loss(real, fake)
    np.testing.assert_allclose(found, fixture["loss_d"], rtol=1e-5)
    found = encoder_losses.adversarial(fake)
    np.testing.assert_allclose(found, fixture["loss_g"], rtol=1e-5)
    found = latent_adversary.r1_penalty(network, jnp.asarray(fixture["w"]))
    np.testing.assert_allclose(found, fixture["r1"], rtol=1e-4)


def test_rows_beyond_the_stage_are_the_first_row():
    ws = jax.random.normal(jax.random.key(0), (2, 4, 3))
    found = encoder_losses.progressive(ws, 1)
    np.testing.assert_array_equal(found[:, :2], ws[:, :2])
    np.testing.assert_array_equal(found[:, 2:], np.repeat(ws[:, :1], 2, axis=1))
    np.testing.assert_array_equal(encoder_losses.progressive(ws, 3), ws)


def test_equal_rows_have_no_length_and_no_gradient():
    ws = jnp.ones((2, 4, 3))
    value, gradient = jax.value_and_grad(encoder_losses.delta)(ws)
    assert value == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


def test_the_loss_of_codes_counts_known_ones_only():
    ws, targets = jax.random.normal(jax.random.key(0), (2, 3, 4, 5))
    is_known = jnp.array([1.0, 0.0, 1.0])
    found = encoder_losses.code(ws, targets, is_known)
    wanted = jnp.mean(jnp.square(ws - targets)[jnp.array([0, 2])])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert encoder_losses.code(ws, targets, jnp.zeros(3)) == 0.0
    same = encoder_losses.code(ws, targets, is_known, jnp.eye(5) / 5)
    np.testing.assert_allclose(same, wanted, rtol=1e-6)


def test_identity_is_one_minus_the_cosine():
    a = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    assert encoder_losses.identity(a, a) == 0.0
    assert encoder_losses.identity(a, a[::-1]) == 1.0


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match="must not be negative: got {'lpips': -1.0}"):
        encoder_losses.LossWeights(lpips=-1.0)
