"""The peers compute what we compute; a comparison of time is then fair."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarking import networks, workloads
from jax_encoder.nn import stylegan3
from jax_encoder.ops import convolution, filtered_lrelu, modulation

pytestmark = pytest.mark.torch


def _normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


@pytest.mark.parametrize("is_up", [False, True])
@pytest.mark.parametrize("form", ["grouped", "_scaled"])
def test_stylegan2_layer(form, is_up):
    import torch

    from experiments.benchmarking.peers import torch_peers

    x, kernel, style = _normal(2, 8, 8, 3), _normal(3, 3, 3, 5), _normal(2, 3)
    theirs = getattr(torch_peers, form)(
        torch.tensor(x).permute(0, 3, 1, 2),
        torch.tensor(kernel).permute(3, 2, 0, 1),
        torch.tensor(style),
        is_up,
        True,
    )
    for blur in (torch_peers.depthwise, torch_peers._channelwise):
        shown = theirs
        if is_up:
            padded = torch.nn.functional.pad(theirs, (1, 1, 1, 1))
            shown = blur(padded, torch_peers._TAPS * 4)
        convolve = convolution.up_conv2d if is_up else convolution.conv2d
        ours = convolve(jnp.asarray(x * style[:, None, None]), jnp.asarray(kernel))
        scale = modulation.demodulation(jnp.asarray(kernel), jnp.asarray(style))
        ours = ours * scale[:, None, None]
        np.testing.assert_allclose(
            shown.permute(0, 2, 3, 1).numpy(), ours, atol=2e-5, rtol=1e-4
        )


@pytest.mark.parametrize("index", [0, 3, 5])
def test_stylegan3_activation(index):
    import torch

    from experiments.benchmarking.peers import torch_stylegan3

    config = networks.generator("stylegan3", 32, "small").config
    spec = workloads.layer_spec(config, index)
    side = spec.in_size + spec.kernel_size - 1
    x = _normal(1, side, side, 4)
    theirs = torch_stylegan3._Activation(spec)(torch.tensor(x).permute(0, 3, 1, 2))
    filters = [
        jnp.asarray(design(spec)) if taps > 1 else jnp.ones((1,))
        for design, taps in (
            (stylegan3.up_filter, spec.up_taps),
            (stylegan3.down_filter, spec.down_taps),
        )
    ]
    ours = filtered_lrelu.plain(jnp.asarray(x), *filters, spec.resampling)
    np.testing.assert_allclose(
        theirs.permute(0, 2, 3, 1).numpy(), ours, atol=1e-5, rtol=1e-5
    )
