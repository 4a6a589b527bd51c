import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.training import latent_adversary


def _empty(size, w_dim=2):
    return latent_adversary.LatentPool(
        w=jnp.zeros((size, w_dim)), count=jnp.zeros((), jnp.int32)
    )


def test_a_pool_hands_back_what_it_remembers_until_it_is_full():
    w = jnp.arange(6.0).reshape(3, 2)
    pool, given = latent_adversary.query(_empty(3), w, jax.random.key(0))
    np.testing.assert_array_equal(given, w)
    np.testing.assert_array_equal(pool.w, w)
    assert pool.count == 3


def test_a_full_pool_loses_and_doubles_nothing():
    query = jax.jit(latent_adversary.query)
    pool, seen = _empty(4), []
    for step in range(20):
        w = 100.0 * step + jnp.arange(6.0).reshape(3, 2)
        pool, given = query(pool, w, jax.random.key(step))
        seen.append(given)
    put_in = np.concatenate([100 * s + np.arange(6).reshape(3, 2) for s in range(20)])
    # What was handed back, with repeats of the time when the pool filled, and what is
    # still remembered, is everything that was put in.
    come_out = np.concatenate([*seen, pool.w])
    assert {tuple(x) for x in come_out} == {tuple(x) for x in put_in}
    late = np.concatenate(seen[2:])
    assert len({tuple(x) for x in late}) == len(late)
    old = late // 100 < np.repeat(np.arange(2, 20), 3)[:, None]
    assert 0.3 < old.mean() < 0.7


def test_no_pool_hands_back_the_new():
    w = jnp.ones((3, 2))
    _, given = latent_adversary.query(_empty(0), w, jax.random.key(0))
    assert given is w


def test_rows_are_picked_among_the_unlocked():
    ws = jnp.broadcast_to(jnp.arange(5.0)[None, :, None], (200, 5, 2))
    rows = latent_adversary.pick_rows(ws, 2, jax.random.key(0))
    assert rows.shape == (200, 2)
    assert set(np.unique(rows)) == {0.0, 1.0, 2.0}
