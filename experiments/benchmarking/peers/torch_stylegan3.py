"""StyleGAN3's synthesis and its filtered leaky ReLU in PyTorch, for comparison.

    python -m experiments.benchmark --threads=1 --families=stylegan3 \
      --workloads=filtered_lrelu,inversion \
      --reference=experiments.benchmarking.peers.torch_stylegan3:nvidia

Written anew after the description of the method: zeros are inserted, the map is
filtered at the high rate, activated, filtered and decimated, one channel at a time, as
the reference operation of stylegan3 does without its CUDA extension; the weights of
every picture are modulated and convolved in groups. Sizes and filters are those of our
own configuration; weights are random.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch.nn import functional

from experiments.benchmarking import networks, workloads
from experiments.benchmarking.peers import torch_peers
from jax_encoder.nn import stylegan3, stylegan3_config


def nvidia(case: Mapping[str, object]) -> Callable[[], object] | None:
    """The step of an inversion in w, or the filtered leaky ReLU alone."""
    if case["family"] != "stylegan3" or case["dtype"] != "float32":
        return None
    config = networks.generator("stylegan3", case["resolution"], case["size"]).config
    if case["workload"].startswith("filtered_lrelu"):
        return _activation_step(config, case)
    if case["workload"] == "inversion":
        return torch_peers.inversion_step(case, Synthesis(config))
    return None


def _activation_step(config, case):
    spec = workloads.layer_spec(config, case["layer"])
    layer = _Activation(spec)
    side = spec.in_size + spec.kernel_size - 1
    x = torch.randn(case["batch"], spec.out_channels, side, side)

    def forward():
        with torch.no_grad():
            return layer(x)

    def both():
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.backward(y.detach())

    return forward if case["workload"] == "filtered_lrelu" else both


class _Activation:
    """Upsample, activate, downsample."""

    def __init__(self, spec: stylegan3_config.LayerSpec):
        self.options = spec.resampling
        self.up_filter = self.down_filter = None
        if spec.up_taps > 1:
            self.up_filter = torch.from_numpy(stylegan3.up_filter(spec))
        if spec.down_taps > 1:
            self.down_filter = torch.from_numpy(stylegan3.down_filter(spec))

    def __call__(self, x):
        options = self.options
        x = torch_peers.insert_zeros(x, options.up)
        low, high = options.padding
        x = functional.pad(x, (low, high, low, high))
        if self.up_filter is not None:
            x = _filter(x, self.up_filter * options.up)
        x = functional.leaky_relu(x, options.slope) * options.gain
        if options.clamp is not None:
            x = x.clamp(-options.clamp, options.clamp)
        if self.down_filter is not None:
            x = _filter(x, self.down_filter)
        return x[:, :, :: options.down, :: options.down]


def _filter(x, taps):
    """Filters every channel by itself, rows and columns in turn where possible."""
    if taps.ndim == 2:
        return torch_peers.depthwise(x, taps)
    channels = x.shape[1]
    row = taps[None, None, None].repeat(channels, 1, 1, 1)
    x = functional.conv2d(x, row, groups=channels)
    return functional.conv2d(x, row.transpose(2, 3), groups=channels)


class Synthesis:
    """The synthesis network with random weights."""

    def __init__(self, config: stylegan3_config.StyleGAN3Config):
        self.side, self.w_dim = config.resolution, config.w_dim
        channels, size = config.input_channels, config.input_size
        self.frequencies = torch.randn(channels, 2)
        self.steps = (torch.arange(size) + 0.5 - size / 2) / config.input_sampling_rate
        self.mixing = torch.randn(channels, channels) / math.sqrt(channels)
        self.place = torch.randn(config.w_dim, 4) / config.w_dim
        self.layers = [_layer(spec, config.w_dim) for spec in config.layers]

    def noises(self, num: int) -> list[torch.Tensor]:
        """The family has none."""
        del num
        return []

    def __call__(self, w, noises):
        """Renders w `[N, w_dim]` as `[N, 3, R, R]`."""
        del noises
        turn = (w @ self.place)[:, None, None, :2]
        across = (self.steps[None, :, None] + turn[..., 0]) * self.frequencies[:, 0]
        down = (self.steps[None, :, None] + turn[..., 1]) * self.frequencies[:, 1]
        waves = torch.sin(2 * np.pi * (down[:, :, None] + across[:, None]))
        x = (waves @ self.mixing).permute(0, 3, 1, 2).contiguous()
        for layer in self.layers:
            x = _convolve(x, w, layer)
            x = layer["activation"](x + layer["bias"])
        return x * 0.25


def _layer(spec, w_dim):
    size = spec.kernel_size
    return {
        "weight": torch.randn(spec.out_channels, spec.in_channels, size, size),
        "affine": torch.randn(w_dim, spec.in_channels) / math.sqrt(w_dim),
        "bias": torch.zeros(1, spec.out_channels, 1, 1),
        "activation": _Activation(spec),
        "demodulates": not spec.is_torgb,
    }


def _convolve(x, w, layer):
    """One convolution with as many groups as pictures; padded by K - 1."""
    num, channels, height, width = x.shape
    style, weight = w @ layer["affine"] + 1.0, layer["weight"]
    if layer["demodulates"]:
        weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        style = style * style.square().mean().rsqrt()
    kernels = weight[None] * style[:, None, :, None, None]
    if layer["demodulates"]:
        length = kernels.square().sum((2, 3, 4), keepdim=True)
        kernels = kernels * (length + 1e-8).rsqrt()
    else:
        kernels = kernels / math.sqrt(channels)
    x = functional.conv2d(
        x.reshape(1, num * channels, height, width),
        kernels.flatten(0, 1),
        padding=weight.shape[2] - 1,
        groups=num,
    )
    return x.reshape(num, -1, *x.shape[2:])
