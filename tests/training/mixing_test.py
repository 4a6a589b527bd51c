"""Style mixing: where the second parent takes over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.training import mixing


def test_rows_come_from_the_first_parent_up_to_the_cutoff():
    first, second = jnp.zeros((3, 2)), jnp.ones((3, 2))
    ws = mixing.mix(first, second, jnp.asarray([1, 3, 4]), 4)
    np.testing.assert_array_equal(
        ws[..., 0], [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    )


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.9, 1.0])
def test_cutoffs_are_uniform_and_as_frequent_as_asked(probability):
    num_ws = 6
    cutoffs = np.asarray(
        mixing.draw_cutoffs(jax.random.key(0), 20_000, num_ws, probability)
    )
    shares = np.bincount(cutoffs, minlength=num_ws + 1) / cutoffs.size
    assert shares[0] == 0.0
    np.testing.assert_allclose(shares[1:num_ws], probability / 5, atol=0.01)
    assert shares[num_ws] == pytest.approx(1.0 - probability, abs=0.012)
