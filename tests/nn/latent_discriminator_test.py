import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import reference


def test_equals_the_reference_with_its_gradient(golden):
    fixture = reference.Reference(golden / "net_latent_discriminator")
    network = reference.convert(golden / "net_latent_discriminator")
    fixture.check("logits", network(fixture["w"]))
    fixture.check("logits_fake", network(fixture["w_fake"]))
    gradient = jax.grad(lambda w: jnp.sum(network(w)))(fixture["w"])
    fixture.check("r1_grad", gradient)
    penalty = jnp.mean(jnp.sum(jnp.square(gradient), axis=1))
    np.testing.assert_allclose(penalty, fixture["r1"], rtol=1e-4)
    with pytest.raises(ValueError, match=r"`w` must be \[N, 512\]"):
        network(fixture["w"][0])
