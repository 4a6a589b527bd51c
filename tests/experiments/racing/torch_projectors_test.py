"""The PyTorch peers see the same pictures and distances as we do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.inversion import state
from jax_encoder.latents import statistics
from jax_encoder.nn import lpips
from tests.experiments import tiny

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def models():
    generator = tiny.make_generator()
    return state.Models(
        generator=generator,
        networks={"lpips": tiny.make(lpips.LPIPS, tiny.LPIPS, 1)},
        statistics=statistics.estimate(generator, num_samples=500),
    )


def test_pictures_and_distances_agree(models):
    import torch

    from experiments.racing import torch_projectors

    generator = models.generator
    ws = jax.random.normal(jax.random.key(0), (2, 4, 8))
    noises = [
        jax.random.normal(jax.random.key(k), (s, s))
        for k, s in ((1, 4), (2, 8), (3, 8))
    ]
    ours = generator.synthesis(ws, noises)
    network = torch_projectors.TorchStyleGAN2(generator)
    maps = [torch.from_numpy(np.array(n))[None, None] for n in noises]
    theirs = network(torch.from_numpy(np.array(ws)), maps).permute(0, 2, 3, 1)
    scale = float(np.abs(ours).max())
    np.testing.assert_allclose(theirs.numpy() / scale, ours / scale, atol=2e-5)
    shown = jnp.tanh(ours / scale)
    distance = torch_projectors.TorchLPIPS(models.networks["lpips"])
    pair = distance.features(torch.from_numpy(np.array(shown)).permute(0, 3, 1, 2))
    found = float((pair[0] - pair[1]).square().sum())
    expected = models.networks["lpips"](shown[:1], shown[1:])[0]
    assert found == pytest.approx(float(expected), rel=1e-4)


def test_projectors_come_nearer(models):
    from experiments.racing import torch_projectors

    target = np.asarray(jnp.tanh(models.generator.synthesis(jnp.ones((1, 4, 8)))))
    for name, project in torch_projectors.PROJECTORS.items():
        attempt = project(models, target, 40)
        assert attempt.name == name
        assert attempt.objective.shape == (40, 1)
        assert attempt.objective[-1, 0] < attempt.objective[0, 0]
        is_one_row = (attempt.ws == attempt.ws[:, :1]).all()
        assert is_one_row == (name == "torch-nvidia")
        assert (np.diff(attempt.seconds) >= 0).all()


def test_rates_rise_and_fall():
    from experiments.racing import torch_projectors

    recipe = torch_projectors.Recipe(name="x", is_layered=False, mse=0.0)
    rates = [torch_projectors.rate(recipe, share) for share in (0, 0.05, 0.5, 0.875, 1)]
    np.testing.assert_allclose(rates, [0, 0.1, 0.1, 0.05, 0], atol=1e-9)
