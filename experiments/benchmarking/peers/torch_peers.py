"""What the peers do in a step, written anew in PyTorch to be timed beside ours.

    python -m experiments.benchmark --threads=1 --workloads=inversion \
      --reference=experiments.benchmarking.peers.torch_peers:nvidia

The functions take the fields of a case and return a callable that makes one step, or
None for cases they have nothing for. Weights are random; only time and memory are of
interest. `nvidia` modulates the weights of every picture and convolves in groups, as
that projector does; `nvidia_unfused` scales the maps around a shared convolution, the
hand-tuned variant that nobody ships; `rosinality` is `nvidia` with filters that run
over every channel as a picture of its own. PyTorch is no dependency of this project:
`pip install torch`.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional

_W_DIM = 512
TAPS = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
_VGG_STAGES = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
_LPIPS_SIDE = 256

Step = Callable[[], object]


def nvidia(case: Mapping[str, object]) -> Step | None:
    """The projector of stylegan2-ada-pytorch, as shipped."""
    return _stylegan2_step(case, _Synthesis(case, grouped, depthwise))


def nvidia_unfused(case: Mapping[str, object]) -> Step | None:
    """The same with `fused_modconv=False`."""
    return _stylegan2_step(case, _Synthesis(case, _scaled, depthwise))


def rosinality(case: Mapping[str, object]) -> Step | None:
    """The projector of stylegan2-pytorch on its CPU path."""
    return _stylegan2_step(case, _Synthesis(case, grouped, _channelwise))


def vgg16(case: Mapping[str, object]) -> Step | None:
    """VGG16 to relu5_3, forward and backward to the picture, channels first."""
    return _vgg_step(case, torch.contiguous_format)


def vgg16_channels_last(case: Mapping[str, object]) -> Step | None:
    """`vgg16` with the channels last in memory."""
    return _vgg_step(case, torch.channels_last)


def on(device: str, peer: Callable[[Mapping[str, object]], Step | None]):
    """A peer whose arrays lie on a device, and whose steps wait for it.

    Args:
      device: "cpu" or "cuda".
      peer: one of the functions above.
    """

    def build(case):
        with torch.device(device):
            step = peer(case)
        if step is None or device == "cpu":
            return step

        def waiting():
            step()
            torch.cuda.synchronize()

        return waiting

    return build


def insert_zeros(x: torch.Tensor, up: int) -> torch.Tensor:
    """Zeros after every value of `[N, C, H, W]`: `[N, C, up * H, up * W]`."""
    if up == 1:
        return x
    num, channels, height, width = x.shape
    x = x.reshape(num, channels, height, 1, width, 1)
    x = functional.pad(x, (0, up - 1, 0, 0, 0, up - 1))
    return x.reshape(num, channels, height * up, width * up)


def depthwise(x: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Filters every channel of `[N, C, H, W]` by `[K, K]`, as many groups."""
    channels = x.shape[1]
    kernel = taps.to(x.device)[None, None].repeat(channels, 1, 1, 1)
    return functional.conv2d(x, kernel, groups=channels)


def _channelwise(x, taps):
    """Every channel as a picture of its own."""
    num, channels, height, width = x.shape
    alone = x.reshape(num * channels, 1, height, width)
    blurred = functional.conv2d(alone, taps.to(x.device)[None, None])
    return blurred.reshape(num, channels, *blurred.shape[2:])


def grouped(x, weight, style, is_up, demodulates):
    """One convolution with as many groups as pictures."""
    num, num_in, height, width = x.shape
    kernels = weight[None] * style[:, None, :, None, None]
    if demodulates:
        kernels = (
            kernels * (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8) ** -0.5
        )
    x = x.reshape(1, num * num_in, height, width)
    if is_up:
        kernels = kernels.transpose(1, 2)
        kernels = kernels.reshape(num * num_in, *kernels.shape[2:])
        x = functional.conv_transpose2d(x, kernels, stride=2, groups=num)
    else:
        kernels = kernels.reshape(-1, *kernels.shape[2:])
        x = functional.conv2d(x, kernels, padding=weight.shape[2] // 2, groups=num)
    return x.reshape(num, -1, *x.shape[2:])


def _scaled(x, weight, style, is_up, demodulates):
    """Maps scaled before and after a convolution that all pictures share."""
    scale = None
    if demodulates:
        kernels = weight[None] * style[:, None, :, None, None]
        scale = (kernels.square().sum((2, 3, 4)) + 1e-8) ** -0.5
    x = x * style[:, :, None, None]
    if is_up:
        x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    else:
        x = functional.conv2d(x, weight, padding=weight.shape[2] // 2)
    return x if scale is None else x * scale[:, :, None, None]


class _Synthesis:
    """Configuration F with skip connections and random weights."""

    w_dim = _W_DIM

    def __init__(self, case, convolve, blur):
        self.side, self.convolve, self.blur = case["resolution"], convolve, blur
        sides = [2**k for k in range(2, self.side.bit_length())]
        widths = [min(32768 // side, 512) for side in sides]
        if case["size"] == "small":
            widths = [min(width, 16) for width in widths]
        self.constant = torch.randn(1, widths[0], 4, 4)
        self.blocks, previous = [], None
        for side, width in zip(sides, widths, strict=True):
            layers = [_layer(width, width, side, is_up=False)]
            if previous is not None:
                layers.insert(0, _layer(previous, width, side, is_up=True))
            color = _layer(width, 3, side, is_up=False, size=1)
            self.blocks.append((layers, color))
            previous = width

    def noises(self, num: int) -> list[torch.Tensor]:
        """Random maps that want a gradient, `[N, 1, H, W]` for every layer."""
        return [
            torch.randn(num, 1, layer["side"], layer["side"]).requires_grad_()
            for layers, _ in self.blocks
            for layer in layers
        ]

    def __call__(self, w, noises):
        """Renders w `[N, 512]` as `[N, 3, R, R]`."""
        x = self.constant.expand(len(w), -1, -1, -1)
        picture, maps = None, iter(noises)
        for layers, color in self.blocks:
            for layer in layers:
                x = self._convolve(x, w, layer, next(maps))
            style = (w @ color["affine"] + 1.0) / math.sqrt(x.shape[1])
            new = self.convolve(x, color["weight"], style, False, False)
            if picture is not None:
                padded = functional.pad(insert_zeros(picture, 2), (2, 1, 2, 1))
                new = new + self.blur(padded, TAPS * 4)
            picture = new
        return picture

    def _convolve(self, x, w, layer, noise):
        style = w @ layer["affine"] + 1.0
        x = self.convolve(x, layer["weight"], style, layer["is_up"], True)
        if layer["is_up"]:
            x = self.blur(functional.pad(x, (1, 1, 1, 1)), TAPS * 4)
        x = x + noise * 0.1 + layer["bias"]
        return functional.leaky_relu(x, 0.2) * math.sqrt(2)


def _layer(num_in, num_out, side, *, is_up, size=3):
    return {
        "weight": torch.randn(num_out, num_in, size, size),
        "affine": torch.randn(_W_DIM, num_in) / math.sqrt(_W_DIM),
        "bias": torch.zeros(1, num_out, 1, 1),
        "side": side,
        "is_up": is_up,
    }


class _VGG:
    """VGG16's convolutions with random weights; the last map of every stage."""

    def __init__(self, memory_format=torch.contiguous_format):
        self.stages, num_in = [], 3
        for widths in _VGG_STAGES:
            stage = []
            for width in widths:
                weight = torch.randn(width, num_in, 3, 3) * math.sqrt(2 / (9 * num_in))
                weight = weight.to(memory_format=memory_format)
                stage.append((weight, torch.zeros(width)))
                num_in = width
            self.stages.append(stage)

    def __call__(self, x):
        found = []
        for index, stage in enumerate(self.stages):
            if index:
                x = functional.max_pool2d(x, 2)
            for weight, bias in stage:
                x = functional.relu_(functional.conv2d(x, weight, bias, padding=1))
            found.append(x)
        return found


def _distances(features):
    """What LPIPS compares: maps of unit length, as one vector per picture."""
    rows = []
    for x in features:
        x = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
        rows.append((x / math.sqrt(x.shape[2] * x.shape[3])).flatten(1))
    return torch.cat(rows, dim=1)


def regularizer(noises):
    """The noise maps' correlations with themselves, over all scales."""
    total = torch.zeros(())
    for noise in noises:
        while True:
            for axis in (2, 3):
                product = (noise * noise.roll(1, axis)).mean((1, 2, 3))
                total = total + product.square().sum()
            if noise.shape[2] <= 8:
                break
            noise = functional.avg_pool2d(noise, 2)
    return total


def _stylegan2_step(case, synthesis) -> Step | None:
    is_ours = case["family"] == "stylegan2" and case["workload"] == "inversion"
    if not is_ours or case["dtype"] != "float32" or case["stages"]:
        return None
    return inversion_step(case, synthesis)


def inversion_step(case: Mapping[str, object], synthesis: object) -> Step:
    """A step of the projector: render, compare, go back, Adam, renormalize noise.

    Args:
      case: the fields of the case.
      synthesis: with `side`, `w_dim`, `noises(num)` and a call from w and noises to
        `[N, 3, R, R]`.
    """
    network, num = _VGG(), case["batch"]
    w = torch.randn(num, synthesis.w_dim).requires_grad_()
    noises = synthesis.noises(num)
    adam = torch.optim.Adam([w, *noises], lr=0.1, betas=(0.9, 0.999))
    target = torch.tanh(torch.randn(num, 3, synthesis.side, synthesis.side))
    with torch.no_grad():
        wanted = _distances(network(_shrink(target)))

    def step():
        picture = synthesis(w + 0.01 * torch.randn_like(w), noises)
        found = _distances(network(_shrink(picture)))
        loss = (found - wanted).square().sum() + 1e5 * regularizer(noises)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        with torch.no_grad():
            for noise in noises:
                noise -= noise.mean((1, 2, 3), keepdim=True)
                noise *= noise.square().mean((1, 2, 3), keepdim=True).rsqrt()

    return step


def _shrink(picture):
    if picture.shape[2] <= _LPIPS_SIDE:
        return picture
    sides = (_LPIPS_SIDE, _LPIPS_SIDE)
    return functional.interpolate(picture, size=sides, mode="area")


def _vgg_step(case, memory_format) -> Step | None:
    if case["workload"] != "vgg_gradient" or case["dtype"] != "float32":
        return None
    network, side = _VGG(memory_format), case["resolution"]
    picture = torch.tanh(torch.randn(case["batch"], 3, side, side))
    picture = picture.to(memory_format=memory_format)

    def step():
        leaf = picture.clone(memory_format=torch.preserve_format).requires_grad_()
        network(leaf)[-1].square().sum().backward()

    return step
