"""Moving averages of weights."""

import numpy as np
import pytest

from jax_encoder.training import ema


def test_an_old_weight_halves_every_half_life():
    factor = float(ema.decay(32, 10_000.0))
    assert factor ** (10_000 / 32) == pytest.approx(0.5, rel=1e-4)
    # The value that rosinality's training hard-codes.
    assert factor == pytest.approx(0.99779, abs=2e-5)


def test_rampup_bounds_the_half_life_early_on():
    early = ema.decay(32, 10_000.0, num_seen=1_000, rampup=0.05)
    assert float(early) == pytest.approx(0.5 ** (32 / 50), rel=1e-5)
    late = ema.decay(32, 10_000.0, num_seen=10**6, rampup=0.05)
    assert float(late) == pytest.approx(float(ema.decay(32, 10_000.0)), rel=1e-6)
    assert float(ema.decay(32, 10_000.0, num_seen=0, rampup=0.05)) == 0.0


def test_update_moves_every_leaf():
    average = {"a": np.asarray([0.0, 4.0]), "b": np.asarray(2.0)}
    new = {"a": np.asarray([1.0, 0.0]), "b": np.asarray(2.0)}
    moved = ema.update(average, new, 0.75)
    np.testing.assert_allclose(moved["a"], [0.25, 3.0])
    np.testing.assert_allclose(moved["b"], 2.0)


def test_impossible_values_are_refused():
    with pytest.raises(ValueError, match="positive"):
        ema.decay(0, 10.0)
    with pytest.raises(ValueError, match="num_seen"):
        ema.decay(1, 10.0, rampup=0.05)
