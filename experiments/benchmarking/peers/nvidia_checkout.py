"""NVIDIA's own generator out of a checkout of theirs, in the projector's step.

The checkout brings its plugins; nothing of it is part of this project. Both of their
repositories will do: stylegan2-ada-pytorch and stylegan3.
"""

import importlib
import pathlib
import sys
from collections.abc import Mapping
from types import ModuleType

import torch

from experiments.benchmarking.peers import torch_peers

_MODULES = ("training.networks", "training.networks_stylegan2")
_WIDTHS = {"channel_base": 32768, "channel_max": 512}


def reference(checkout: pathlib.Path, device: str):
    """Returns a peer that runs the checkout's code.

    Args:
      checkout: the folder that holds `training/` and `torch_utils/`.
      device: "cpu" or "cuda".

    Raises:
      ImportError: it has no StyleGAN2.
    """
    module = _module(checkout)

    def build(case: Mapping[str, object]):
        if case["family"] != "stylegan2" or case["dtype"] != "float32":
            return None
        return torch_peers.inversion_step(case, _Checkout(module, case["resolution"]))

    return torch_peers.on(device, build)


def _module(checkout: pathlib.Path) -> ModuleType:
    sys.path.insert(0, str(checkout))
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ImportError(f"{checkout} has none of {', '.join(_MODULES)}.")


class _Checkout:
    """Their synthesis network as `torch_peers.inversion_step` takes one."""

    w_dim = 512

    def __init__(self, module, side: int):
        self.side = side
        self.generator = module.Generator(
            z_dim=512,
            c_dim=0,
            w_dim=self.w_dim,
            img_resolution=side,
            img_channels=3,
            **_settings(module),
        ).requires_grad_(False)
        self.layers = [
            layer
            for layer in self.generator.synthesis.modules()
            if hasattr(layer, "noise_const")
        ]

    def noises(self, num: int) -> list[torch.Tensor]:
        """One map per layer, which their code shares between pictures."""
        del num
        return [
            torch.randn_like(layer.noise_const)[None, None].requires_grad_()
            for layer in self.layers
        ]

    def __call__(self, w, noises):
        """Renders w `[N, 512]` in float32, as their projector does: `[N, 3, R, R]`."""
        for layer, noise in zip(self.layers, noises, strict=True):
            layer.noise_const = noise[0, 0]
        ws = w[:, None].expand(-1, self.generator.num_ws, -1)
        return self.generator.synthesis(ws, noise_mode="const", force_fp32=True)


def _settings(module) -> dict[str, object]:
    """The widths of configuration F, where each repository takes them."""
    if module.__name__ == "training.networks":
        return {"synthesis_kwargs": _WIDTHS}
    return _WIDTHS
