import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.inversion import regularizers as regularizers


def _ws(seed=0, shape=(2, 5, 4)):
    return np.random.default_rng(seed).standard_normal(shape)


W_AVG = _ws(1, (4,))
PRIORS = {
    "pn_prior": regularizers.pn_prior,
    "mean_w_prior": lambda ws: regularizers.mean_w_prior(ws, jnp.asarray(W_AVG)),
    "w_norm": lambda ws: regularizers.w_norm(ws, jnp.asarray(W_AVG)),
    "delta": regularizers.delta,
    "noise": lambda ws: regularizers.noise_regularizer([ws, ws[:, :4]]),
    "normalize": lambda ws: jnp.sum(regularizers.normalize_noise(ws), axis=(1, 2)),
}


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_the_gradient_is_finite_on_constants(name):
    gradient = jax.jit(jax.grad(lambda ws: jnp.sum(PRIORS[name](ws))))
    mean = np.tile(W_AVG.astype(np.float32), (2, 5, 1))
    for ws in (np.zeros((2, 5, 4), np.float32), np.ones((2, 5, 4), np.float32), mean):
        assert PRIORS[name](ws).shape == (2,)
        assert np.isfinite(gradient(ws)).all()


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_the_gradient_equals_finite_differences(name):
    with jax.enable_x64(True):
        function = jax.jit(lambda ws: jnp.sum(PRIORS[name](ws)))
        gradient = np.asarray(jax.grad(function)(_ws()))
        for seed in (2, 3):
            direction = _ws(seed)
            plus, minus = (function(_ws() + s * 1e-6 * direction) for s in (1, -1))
            slope = (float(plus) - float(minus)) / 2e-6
            np.testing.assert_allclose(
                np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-8
            )


def test_encoder_losses_of_the_reference(golden):
    with np.load(golden / "algo_e4e_losses" / "io.npz") as io:
        value = regularizers.w_norm(io["latent"], io["latent_avg"])
        np.testing.assert_allclose(value.mean(), io["w_norm"], rtol=1e-5)
        value = regularizers.w_norm(io["latent"])
        np.testing.assert_allclose(value.mean(), io["w_norm_noavg"], rtol=1e-5)
        for stage in (0, 1, 4, 9):
            value = regularizers.delta(io["latent"], stage)
            expected = io[f"stage{stage}/delta"]
            np.testing.assert_allclose(value.mean(), expected, rtol=1e-5)
        whole = regularizers.delta(io["latent"])
        np.testing.assert_allclose(whole.mean(), io["stage9/delta"], rtol=1e-5)


@functools.partial(jax.jit, static_argnames="unbiased")
def _noise_report(noises, *, unbiased):
    """Everything that the projectors compute of noise maps `[H, W]`, in one program."""
    regularize = regularizers.noise_regularizer
    value, gradients = jax.value_and_grad(regularize)(noises)
    singles = [regularize([noise]) for noise in noises]
    normal = [regularizers.normalize_noise(n, unbiased=unbiased) for n in noises]
    return value, gradients, singles, normal


def _check_report(report, value, gradients, singles, normal):
    np.testing.assert_allclose(report[0], value, rtol=1e-5)
    for k in range(8):
        scale = 1e-5 * np.abs(gradients[k]).max()
        np.testing.assert_allclose(report[1][k], gradients[k], rtol=1e-5, atol=scale)
        np.testing.assert_allclose(report[2][k], singles[k], rtol=1e-5)
        np.testing.assert_allclose(report[3][k], normal[k], rtol=1e-5, atol=1e-6)


def test_noise_of_the_nvidia_projector(golden):
    with np.load(golden / "algo_nv_noise_and_schedules" / "io.npz") as io:
        each = {
            name: [io[f"{name}noise_{k}"] for k in range(8)]
            for name in ("", "grad/", "single/", "normalized/")
        }
        report = _noise_report(each[""], unbiased=False)
        expected = each["grad/"], each["single/"], each["normalized/"]
        _check_report(report, io["reg"], *expected)


def test_noise_of_the_rosinality_projector(golden):
    with np.load(golden / "algo_rosinality_projector_parts" / "io.npz") as io:
        each = {
            name: [io[f"{name}_{k}"].squeeze() for k in range(8)]
            for name in ("noise", "grad_noise", "single", "normalized")
        }
        report = _noise_report(each["noise"], unbiased=True)
        expected = each["grad_noise"], each["single"], each["normalized"]
        _check_report(report, io["noise_regularize"], *expected)


def test_pictures_do_not_share_their_noise_term():
    noises = [np.float32(_ws(k, (3, 16, 16))) for k in range(2)]
    regularize = jax.jit(regularizers.noise_regularizer)
    together = regularize(noises)
    alone = [regularize([n[i] for n in noises]) for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    normalize = jax.jit(regularizers.normalize_noise)
    one = normalize(noises[0][1])
    np.testing.assert_allclose(normalize(noises[0])[1], one, rtol=1e-5, atol=1e-6)


def test_priors_are_means_and_norms():
    v = np.float32([[[3.0, 4.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    np.testing.assert_allclose(regularizers.pn_prior(v), [6.25, 1.0])
    np.testing.assert_allclose(regularizers.w_norm(v), [5.0, 2.0])
    np.testing.assert_allclose(regularizers.delta(v), [5.0, 0.0])
    w_avg = np.float32([1.0, 1.0])
    np.testing.assert_allclose(regularizers.mean_w_prior(v, w_avg), [1.75, 0.0])


def test_wrong_shapes_are_refused():
    ws = np.zeros((2, 5, 4))
    with pytest.raises(ValueError, match="last axes"):
        regularizers.mean_w_prior(ws, np.zeros(5))
    with pytest.raises(ValueError, match="row of `ws`"):
        regularizers.delta(ws, 5)
    with pytest.raises(ValueError, match="at least one map"):
        regularizers.noise_regularizer([])
    with pytest.raises(ValueError, match="halved"):
        regularizers.noise_regularizer([np.zeros((18, 18))])
