"""Latent statistics and the P and P_N spaces."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from jax_encoder.latents import spaces, statistics
from jax_encoder.nn import stylegan2

CONFIG = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=6, w_dim=5, channels=(4, 4), num_mapping_layers=2
)


@pytest.fixture(scope="module")
def generator():
    return stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def measured(generator):
    return statistics.estimate(generator, num_samples=5000, with_p=True)


def test_p_and_p_n_equal_the_reference(golden):
    with (
        np.load(golden / "algo_ii2s_pn" / "io.npz") as io,
        jax.enable_x64(True),
    ):
        samples = np.asarray(io["w_samples"], np.float64)
        gaussian = statistics.fit(statistics.w_to_p(jnp.asarray(samples)))
        np.testing.assert_allclose(gaussian.mean, io["p_samples_mean"], rtol=1e-9)
        np.testing.assert_allclose(gaussian.std, io["std"], rtol=1e-9)
        np.testing.assert_allclose(gaussian.components, io["components"], atol=1e-9)
        p = statistics.w_to_p(jnp.asarray(io["w"]))
        np.testing.assert_allclose(p, io["p"], rtol=1e-12)
        p_n = statistics.whiten(p, gaussian)
        np.testing.assert_allclose(p_n, io["p_n"], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(
            np.sum(np.square(p_n), axis=-1), io["p_n_sqnorm"], rtol=1e-9
        )
        plus = statistics.whiten(statistics.w_to_p(jnp.asarray(io["w_plus"])), gaussian)
        np.testing.assert_allclose(plus, io["p_n_plus"], rtol=1e-8, atol=1e-9)
        back = statistics.p_to_w(statistics.unwhiten(plus, gaussian))
        np.testing.assert_allclose(back, io["back_to_w"], rtol=1e-9, atol=1e-12)


def test_estimate_equals_a_plain_computation(generator):
    measured = statistics.estimate(generator, num_samples=5000, with_p=True)
    z = np.random.RandomState(123).randn(5000, CONFIG.z_dim).astype(np.float32)
    w = np.asarray(generator.mapping(jnp.asarray(z)), np.float64)
    np.testing.assert_allclose(measured.w_avg, w.mean(0), atol=1e-5)
    spread = np.sqrt(np.sum(np.square(w - w.mean(0))) / len(w))
    np.testing.assert_allclose(measured.w_std, spread, rtol=1e-5)
    direct = statistics.fit(statistics.w_to_p(jnp.asarray(w)))
    assert measured.p is not None
    np.testing.assert_allclose(measured.p.std, direct.std, rtol=1e-4)


@pytest.mark.parametrize("name", ["w", "w+", "p", "p+", "p_n", "p_n+", "w_n", "w_n+"])
def test_round_trips(name, generator, measured):
    space = spaces.get(name)
    ws = jax.random.normal(jax.random.key(1), (3, CONFIG.num_ws, CONFIG.w_dim))
    if not name.endswith("+"):
        ws = jnp.broadcast_to(ws[:, :1], ws.shape)
    values = space.from_ws(ws, measured)
    assert values.shape == (3, *space.shape(CONFIG))
    back = space.to_ws(values, generator, measured)
    np.testing.assert_allclose(back, ws, atol=2e-5)


def test_whitened_samples_have_unit_spread(generator, measured):
    z = jax.random.normal(jax.random.key(5), (4000, CONFIG.z_dim))
    p_n = statistics.whiten(statistics.w_to_p(generator.mapping(z)), measured.p)
    np.testing.assert_allclose(np.std(p_n, axis=0), 1.0, atol=0.08)


def test_w_is_whitened_down_to_the_floor(generator, measured):
    z = jax.random.normal(jax.random.key(5), (4000, CONFIG.z_dim))
    values = spaces.WN(floor=0.5).from_w(generator.mapping(z), measured)
    std = measured.w.std
    expected = jnp.minimum(std / (0.5 * std[0]), 1.0)
    assert expected.min() < 0.9
    np.testing.assert_allclose(np.std(values, axis=0), expected, atol=0.05)
    spread = spaces.WN(floor=0.5).spread(measured, generator)
    np.testing.assert_allclose(spread, np.sqrt(np.sum(expected**2)), rtol=1e-5)


@given(st.integers(0, 2**31 - 1), st.floats(0.1, 50.0))
def test_sphere_ignores_scale(seed, scale):
    z = jax.random.normal(jax.random.key(seed), (2, 16))
    np.testing.assert_allclose(
        spaces.on_sphere(z), spaces.on_sphere(z * scale), rtol=1e-4, atol=1e-5
    )
    norms = np.linalg.norm(spaces.on_sphere(z), axis=1)
    np.testing.assert_allclose(norms, 4.0, rtol=1e-5)


def test_saves_and_loads(measured, tmp_path):
    statistics.save(measured, tmp_path / "s.npz")
    loaded = statistics.load(tmp_path / "s.npz")
    jax.tree.map(np.testing.assert_array_equal, measured, loaded)
    assert list(tmp_path.iterdir()) == [tmp_path / "s.npz"]


def test_reads_the_files_of_ii2s(measured, tmp_path):
    path = tmp_path / "ffhq_PCA.npz"
    np.savez(
        path,
        X_mean=measured.p.mean,
        X_comp=np.asarray(measured.p.components, np.float64),
        X_stdev=np.asarray(measured.p.std, np.float64),
        X_var_ratio=np.zeros(5),
    )
    loaded = statistics.load(path)
    assert loaded.p is not None
    np.testing.assert_allclose(loaded.p.std, measured.p.std, rtol=1e-6)
    np.testing.assert_allclose(loaded.w_std, measured.w_std, rtol=0.1)


def test_components_of_w_follow_from_those_of_p(measured, tmp_path):
    """Of files that were saved before there were any."""
    path = tmp_path / "old.npz"
    statistics.save(dataclasses.replace(measured, w=None), path)
    loaded = statistics.load(path)
    assert loaded.w is not None
    np.testing.assert_allclose(loaded.w.std[0], measured.w.std[0], rtol=0.2)
    w = jax.random.normal(jax.random.key(2), (3, CONFIG.w_dim))
    space = spaces.get("w_n")
    back = space.to_w(space.from_w(w, loaded), loaded)
    np.testing.assert_allclose(back, w, atol=2e-5)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(ValueError, match="neither latent statistics"):
        statistics.load(tmp_path / "other.npz")


def test_p_n_without_components_says_what_to_run(generator):
    bare = statistics.estimate(generator, num_samples=100)
    for name in ("p_n", "w_n"):
        with pytest.raises(ValueError, match=r"experiments\.latent_statistics"):
            spaces.get(name).to_ws(jnp.zeros((1, 5)), generator, bare)


def test_w_does_not_lead_back_to_z(measured):
    with pytest.raises(ValueError, match="start an inversion in Z"):
        spaces.get("z").from_ws(jnp.zeros((1, 4, 5)), measured)
