"""The discriminator against its definition in float64, with a clamp that bites."""

import jax
import numpy as np
import pytest

from jax_encoder.nn import stylegan2_discriminator as discriminators
from tests.experiments import tiny

LINE = np.array([1.0, 3.0, 3.0, 1.0]) / 8
FILTER = np.outer(LINE, LINE)
CLAMP = 0.7


def _correlate(x, kernel, stride=1):
    """`[N, C, H, W]` with `[O, C, k, k]`, without padding."""
    size = kernel.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    return np.einsum("ncyxij,ocij->noyx", windows[:, :, ::stride, ::stride], kernel)


def _pad(x, size):
    return np.pad(x, [(0, 0), (0, 0), (size, size), (size, size)])


def _filter(x, stride=1):
    num, channels, *sides = x.shape
    flat = x.reshape(num * channels, 1, *sides)
    y = _correlate(flat, FILTER[None, None], stride)
    return y.reshape(num, channels, *y.shape[2:])


class Reference:
    """The network out of its arrays `{"b8.conv0.weight": [k, k, I, O]}`."""

    def __init__(self, arrays, config, *, is_skip_clamped=False):
        self.arrays = {k: np.asarray(v, np.float64) for k, v in arrays.items()}
        self.config = config
        self.is_skip_clamped = is_skip_clamped

    def layer(self, x, name, *, down=False, activate=True, clamp=CLAMP, gain=1.0):
        kernel = np.transpose(self.arrays[f"{name}.weight"], (3, 2, 0, 1))
        size = kernel.shape[-1]
        kernel = kernel / np.sqrt(np.prod(kernel.shape[1:]))
        if down and size == 1:
            y = _correlate(_filter(_pad(x, 1), 2), kernel)
        elif down:
            y = _correlate(_filter(_pad(x, 2)), kernel, 2)
        else:
            y = _correlate(_pad(x, size // 2), kernel)
        if activate:
            y = y + self.arrays[f"{name}.bias"][None, :, None, None]
            y = np.where(y >= 0, y, 0.2 * y) * np.sqrt(2)
        y = y * gain
        return y if clamp is None else np.clip(y, -clamp * gain, clamp * gain)

    def block(self, x, image, name):
        if f"{name}.fromrgb.weight" in self.arrays:
            colors = self.layer(image, f"{name}.fromrgb")
            x = colors if x is None else x + colors
        if self.config.architecture == "skip":
            image = _filter(_pad(image, 1), 2)
        gain = 0.5**0.5 if self.config.architecture == "resnet" else 1.0
        y = self.layer(x, f"{name}.conv0")
        y = self.layer(y, f"{name}.conv1", down=True, gain=gain)
        if self.config.architecture == "resnet":
            options = {"down": True, "activate": False, "gain": gain}
            clamp = CLAMP if self.is_skip_clamped else None
            y = y + self.layer(x, f"{name}.skip", clamp=clamp, **options)
        return y, image

    def __call__(self, images):
        x, image = None, np.moveaxis(np.asarray(images, np.float64), -1, 1)
        for side in self.config.resolutions[:0:-1]:
            x, image = self.block(x, image, f"b{side}")
        if self.config.architecture == "skip":
            x = x + self.layer(image, "b4.fromrgb", clamp=None)
        deviation = np.sqrt(np.var(x, axis=0) + 1e-8).mean()  # one group: all of them
        statistic = np.full((len(x), 1, 4, 4), deviation)
        x = self.layer(np.concatenate([x, statistic], axis=1), "b4.conv")
        x = np.moveaxis(x, 1, -1).reshape(len(x), -1)
        x = self.dense(x, "b4.fc")
        return self.dense(np.where(x >= 0, x, 0.2 * x) * np.sqrt(2), "b4.out")

    def dense(self, x, name):
        weight = self.arrays[f"{name}.weight"]
        return x @ weight / np.sqrt(len(weight)) + self.arrays[f"{name}.bias"]


def _make(architecture):
    config = discriminators.StyleGAN2DiscriminatorConfig(
        resolution=16,
        channels=(6, 5, 4),
        architecture=architecture,
        conv_clamp=CLAMP,
        group_size=None,
    )
    network = tiny.make(discriminators.StyleGAN2Discriminator, config, 6)
    leaves = jax.tree_util.tree_leaves_with_path(tiny.pure_state(network))
    arrays = {".".join(str(k.key) for k in path): leaf for path, leaf in leaves}
    return network, arrays


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
def test_equals_its_definition_where_the_clamp_bites(architecture):
    network, arrays = _make(architecture)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    logits = np.asarray(jax.jit(lambda d, x: d(x))(network, images))
    expected = Reference(arrays, network.config)(images)
    scale = np.max(np.abs(expected))
    assert np.max(np.abs(logits - expected)) <= 1e-5 * scale
    other = Reference(arrays, network.config, is_skip_clamped=True)(images)
    if architecture == "resnet":  # the case would notice a clamped connection
        assert np.max(np.abs(other - expected)) > 1e-3 * scale
