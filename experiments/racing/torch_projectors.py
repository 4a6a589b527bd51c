"""Peers of the race in PyTorch: the projectors of NVIDIA and rosinality, written anew.

They work on the same StyleGAN2, the same perceptual distance and the same pictures as
ours, one picture after the other, in one thread, with convolutions in groups as their
originals have them. Constants are the originals'; rosinality's runs with `--w_plus
--mse 10`. PyTorch is no dependency of this project: `pip install torch`.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from torch.nn import functional

from experiments.benchmarking.peers import torch_peers
from experiments.racing import contest
from jax_encoder.errors import InputError
from jax_encoder.inversion.state import Models
from jax_encoder.nn import base, lpips, preprocessing, stylegan2

_LPIPS_SIDE = 256
_NUM_STEPS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """The options of a projector.

    Attributes:
      name: of the peer.
      is_layered: one row per layer (W+) instead of one for all (W).
      mse: the weight of the squared difference of the pixels.
      learning_rate: at its height.
      exploration: standard deviation of the noise on the code, in `w_std`.
      noise_weight: of the noise maps' regularizer.
    """

    name: str
    is_layered: bool
    mse: float
    learning_rate: float = 0.1
    exploration: float = 0.05
    noise_weight: float = 1e5


class TorchStyleGAN2:
    """A StyleGAN2 with output skips, with the weights of one of ours."""

    def __init__(self, generator: stylegan2.StyleGAN2Generator):
        config, synthesis = generator.config, generator.synthesis
        if config.architecture != "skip" or config.conv_clamp is not None:
            raise InputError("The peers have StyleGAN2 with output skips, unclamped.")
        blocks: Any = synthesis
        self.const = _tensor(blocks.b4.const[...]).permute(2, 0, 1)[None]
        self.blocks = []
        for side in config.resolutions:
            block = getattr(synthesis, f"b{side}")
            names = ("conv1",) if side == 4 else ("conv0", "conv1")
            layers = [_layer(getattr(block, name)) for name in names]
            self.blocks.append((layers, _layer(block.torgb)))
        taps = torch.tensor(config.taps)
        self.taps = torch.outer(taps, taps) / taps.sum() ** 2

    def noises(self) -> list[torch.Tensor]:
        """Random maps `[1, 1, H, W]` that want a gradient."""
        sides = [layer["side"] for layers, _ in self.blocks for layer in layers]
        return [torch.randn(1, 1, side, side).requires_grad_() for side in sides]

    def __call__(self, ws: torch.Tensor, noises: list[torch.Tensor]) -> torch.Tensor:
        """Renders ws `[N, num_ws, w_dim]` as `[N, C, R, R]`."""
        x, picture, row = self.const.expand(len(ws), -1, -1, -1), None, 0
        maps = iter(noises)
        for layers, color in self.blocks:
            for layer in layers:
                x = self._convolve(x, ws[:, row], layer, next(maps))
                row += 1
            style = _style(color, ws[:, row]) / math.sqrt(x.shape[1])
            new = torch_peers.grouped(x, color["weight"], style, False, False)
            new = new + color["bias"]
            if picture is not None:
                wide = functional.pad(
                    torch_peers.insert_zeros(picture, 2), (2, 1, 2, 1)
                )
                new = new + torch_peers.depthwise(wide, self.taps * 4)
            picture = new
        assert picture is not None
        return picture

    def _convolve(self, x, w, layer, noise):
        is_up = layer["is_up"]
        x = torch_peers.grouped(x, layer["weight"], _style(layer, w), is_up, True)
        if is_up:
            x = torch_peers.depthwise(functional.pad(x, (1, 1, 1, 1)), self.taps * 4)
        x = x + noise * layer["strength"] + layer["bias"]
        return functional.leaky_relu(x, 0.2) * math.sqrt(2)


class TorchLPIPS:
    """LPIPS on a VGG, with the weights of one of ours."""

    def __init__(self, distance: lpips.LPIPS):
        if distance.config.trunk != "vgg":
            raise InputError("The peers have LPIPS on VGG.")
        scale, offset, mean, deviation = preprocessing.PREPROCESSINGS[
            distance.config.preprocessing
        ]
        self.scale, self.offset = scale, offset
        self.mean = torch.tensor(mean)[None, :, None, None]
        self.deviation = torch.tensor(deviation)[None, :, None, None]
        self.stages, self.heads = [], []
        for block, widths in enumerate(distance.config.channels, 1):
            names = [f"conv{block}_{k}" for k in range(1, len(widths) + 1)]
            convolutions = [getattr(distance.trunk, name) for name in names]
            self.stages.append(
                [(_kernel(c.weight[...]), _tensor(c.bias[...])) for c in convolutions]
            )
            head = distance._weight(block - 1)
            self.heads.append(_tensor(jnp.reshape(head, (1, -1, 1, 1))))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What `[N, 3, H, W]` in [-1, 1] are compared by, one vector each."""
        if images.shape[2] > _LPIPS_SIDE:
            sides = (_LPIPS_SIDE, _LPIPS_SIDE)
            images = functional.interpolate(images, size=sides, mode="area")
        x = (images * self.scale + self.offset - self.mean) / self.deviation
        rows = []
        for index, (stage, head) in enumerate(
            zip(self.stages, self.heads, strict=True)
        ):
            x = functional.max_pool2d(x, 2) if index else x
            for weight, bias in stage:
                x = functional.relu(functional.conv2d(x, weight, bias, padding=1))
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
            cells = x.shape[2] * x.shape[3]
            rows.append((unit * (head / cells).sqrt()).flatten(1))
        return torch.cat(rows, dim=1)


def _tensor(array: object) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))


def _kernel(array: object) -> torch.Tensor:
    """`[KH, KW, I, O]` to `[O, I, KH, KW]`."""
    return _tensor(array).permute(3, 2, 0, 1).contiguous()


def _layer(layer: base.Network) -> dict[str, object]:
    affine = layer.affine
    gain = affine.lr_multiplier / math.sqrt(affine.weight.shape[0])
    is_up = getattr(layer, "up", False)
    weight = _kernel(layer.weight[...])
    found = {
        "weight": weight,
        "affine": _tensor(affine.weight[...]) * gain,
        "affine_bias": _tensor(affine.bias[...]) * affine.lr_multiplier,
        "bias": _tensor(layer.bias[...])[None, :, None, None],
        "is_up": is_up,
    }
    if hasattr(layer, "noise_const"):
        found["side"] = layer.noise_const.shape[0]
        found["strength"] = float(layer.noise_strength[...])
    return found


def _style(layer: dict[str, torch.Tensor], w: torch.Tensor) -> torch.Tensor:
    return w @ layer["affine"] + layer["affine_bias"]


def rate(recipe: Recipe, share: float) -> float:
    """The learning rate at a share of the steps (Karras et al. 2020, Appendix D)."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1.0 - share) / 0.25))
    return recipe.learning_rate * down * min(1.0, share / 0.05)


def project(
    recipe: Recipe, models: Models, targets: np.ndarray, num_steps: int | None
) -> contest.Attempt:
    """Inverts targets one by one.

    Args:
      recipe: whose projector.
      models: the generator, a StyleGAN2 with skips, its statistics, and "lpips".
      targets: `[N, R, R, 3]` in [-1, 1].
      num_steps: the original's 1000 where none are given.

    Returns:
      The attempt; the objective is measured on the pictures that a step sees.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(303)
    generator: Any = models.generator
    networks = models.networks
    synthesis, distance = TorchStyleGAN2(generator), TorchLPIPS(networks["lpips"])
    parts = [
        _project_one(recipe, models, synthesis, distance, target, num_steps)
        for target in targets
    ]
    torch.set_num_threads(threads)
    ws, images, losses, seconds = (np.stack(part) for part in zip(*parts, strict=True))
    return contest.Attempt(
        name=recipe.name,
        ws=ws,
        images=images,
        objective=contest.least_so_far(losses.T),
        seconds=seconds.sum(axis=0),
    )


def _project_one(recipe, models, synthesis, distance, target, num_steps):
    num_steps = num_steps or _NUM_STEPS
    config = models.generator.config
    wanted = _tensor(target).permute(2, 0, 1)[None]
    w_std = float(models.statistics.w_std)
    rows = config.num_ws if recipe.is_layered else 1
    w = _tensor(models.statistics.w_avg)[None, None].repeat(1, rows, 1)
    w = w.requires_grad_()
    noises = synthesis.noises()
    adam = torch.optim.Adam([w, *noises], lr=recipe.learning_rate, betas=(0.9, 0.999))
    with torch.no_grad():
        features = distance.features(wanted)
    losses, seconds, begin = [], [], time.process_time()
    for step in range(num_steps):
        share = step / num_steps
        adam.param_groups[0]["lr"] = rate(recipe, share)
        strength = recipe.exploration * w_std * max(0.0, 1 - share / 0.75) ** 2
        moved = (w + torch.randn_like(w) * strength).expand(-1, config.num_ws, -1)
        picture = synthesis(moved, noises)
        perceptual = (distance.features(picture) - features).square().sum()
        pixels = (picture - wanted).square().mean()
        loss = perceptual + recipe.noise_weight * torch_peers.regularizer(noises)
        loss = loss + recipe.mse * pixels if recipe.mse else loss
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        _normalize(noises)
        losses.append((perceptual + contest.PIXEL_WEIGHT * pixels).item())
        seconds.append(time.process_time() - begin)
    with torch.no_grad():
        ws = w.detach().expand(-1, config.num_ws, -1)
        picture = synthesis(ws, noises)[0].permute(1, 2, 0)
    return ws[0].numpy(), picture.numpy(), np.asarray(losses), np.asarray(seconds)


def _normalize(noises: list[torch.Tensor]) -> None:
    with torch.no_grad():
        for noise in noises:
            noise -= noise.mean()
            noise *= noise.square().mean().rsqrt()


_RECIPES = (
    Recipe(name="torch-nvidia", is_layered=False, mse=0.0),
    Recipe(name="torch-rosinality", is_layered=True, mse=10.0),
)
PROJECTORS: dict[str, Callable[..., contest.Attempt]] = {
    recipe.name: functools.partial(project, recipe) for recipe in _RECIPES
}
