"""Broadcast, truncation and style mixing."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder import latents


def _ws(seed=0):
    return jax.random.normal(jax.random.key(seed), (2, 4, 3))


def test_broadcast_repeats_rows():
    w = _ws()[:, 0]
    ws = latents.broadcast(w, 5)
    assert ws.shape == (2, 5, 3)
    np.testing.assert_array_equal(ws, np.repeat(np.asarray(w)[:, None], 5, axis=1))


@given(st.floats(-2, 2), st.integers(0, 4))
def test_truncation_scales_the_distance_of_coarse_rows(psi, cutoff):
    ws, w_avg = _ws(), _ws(1)[0, 0]
    result = latents.truncate(ws, w_avg, psi, cutoff)
    np.testing.assert_array_equal(result[:, cutoff:], ws[:, cutoff:])
    expected = np.asarray(w_avg) + psi * (np.asarray(ws) - np.asarray(w_avg))
    np.testing.assert_allclose(result[:, :cutoff], expected[:, :cutoff], atol=1e-5)


def test_truncation_without_cutoff_reaches_all_rows():
    ws, w_avg = _ws(), _ws(1)[0, 0]
    np.testing.assert_allclose(
        latents.truncate(ws, w_avg, 0.0), np.broadcast_to(w_avg, ws.shape), atol=1e-7
    )


@pytest.mark.parametrize("crossover", [0, 2, 4])
def test_mix_takes_coarse_rows_first(crossover):
    a, b = _ws(0), _ws(1)
    mixed = latents.mix(a, b, crossover)
    np.testing.assert_array_equal(mixed[:, :crossover], a[:, :crossover])
    np.testing.assert_array_equal(mixed[:, crossover:], b[:, crossover:])


def test_errors_name_the_shapes():
    with pytest.raises(ValueError, match=r"`w` must be \[N, w_dim\], got \(2, 4, 3\)"):
        latents.broadcast(_ws(), 4)
    with pytest.raises(ValueError, match="`cutoff` counts rows"):
        latents.truncate(_ws()[:, 0], _ws()[0, 0], 0.5, 2)
    with pytest.raises(ValueError, match="`crossover` must lie in"):
        latents.mix(_ws(), _ws(), 5)
