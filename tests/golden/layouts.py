"""Small random networks in the native layouts of other programs, as state dicts.

NumPy only. `make_layouts.py` runs them in torch and writes `layouts.npz`.
"""

import numpy as np

CHANNELS = {4: 6, 8: 5, 16: 4, 32: 4, 64: 3, 128: 3}
W_DIM = 8
WIDTHS = (16, 32, 32, 48)
NUM_ROWS = 8


class Filler:
    """Draws arrays, every one from its own name."""

    def __init__(self, seed):
        self.seed = seed
        self.state = {}

    def normal(self, name, *shape, std=1.0, mean=0.0):
        random = np.random.default_rng([self.seed, *name.encode()])
        self.state[name] = (mean + std * random.normal(size=shape)).astype(np.float32)

    def norm(self, name, width):
        """A batch normalization."""
        self.normal(f"{name}.weight", width, std=0.1, mean=1)
        self.normal(f"{name}.bias", width, std=0.1)
        self.normal(f"{name}.running_mean", width, std=0.1)
        self.state[f"{name}.running_var"] = np.linspace(0.5, 1.5, width).astype("f4")
        self.state[f"{name}.num_batches_tracked"] = np.array(3)


def _sides(resolution):
    return [4 << k for k in range(resolution.bit_length() - 2)]


def genforce_stylegan1(resolution=128):
    """genforce/genforce, models/stylegan_generator.py; fused from 128 pixels on."""
    fill = Filler(1)
    for k in range(3):
        fill.normal(f"mapping.dense{k}.weight", W_DIM, W_DIM, std=100)
        fill.normal(f"mapping.dense{k}.bias", W_DIM, std=30)
    fill.normal("truncation.w_avg", W_DIM)
    fill.state["synthesis.lod"] = np.zeros((), np.float32)
    for block, side in enumerate(_sides(resolution)):
        width, before = CHANNELS[side], CHANNELS[max(side // 2, 4)]
        for index in (2 * block, 2 * block + 1):
            name = f"synthesis.layer{index}"
            if index == 0:
                fill.normal(f"{name}.const", 1, width, 4, 4)
            else:
                num_in = width if index % 2 else before
                fill.normal(f"{name}.weight", width, num_in, 3, 3)
            if index and index % 2 == 0:
                fill.state[f"{name}.blur.kernel"] = _blur(width)
            fill.normal(f"{name}.bias", width, std=0.3)
            fill.normal(f"{name}.apply_noise.noise", 1, 1, side, side)
            fill.normal(f"{name}.apply_noise.weight", width, std=0.2)
            fill.normal(f"{name}.style.weight", 2 * width, W_DIM)
            fill.normal(f"{name}.style.bias", 2 * width, std=0.3)
        fill.normal(f"synthesis.output{block}.weight", 3, width, 1, 1)
        fill.normal(f"synthesis.output{block}.bias", 3, std=0.1)
    return fill.state


def genforce_stylegan2(resolution=16):
    """genforce/genforce, models/stylegan2_generator.py."""
    fill = Filler(2)
    for k in range(3):
        fill.normal(f"mapping.dense{k}.weight", W_DIM, W_DIM, std=100)
        fill.normal(f"mapping.dense{k}.bias", W_DIM, std=30)
    fill.normal("truncation.w_avg", W_DIM)
    fill.normal("synthesis.early_layer.const", 1, CHANNELS[4], 4, 4)
    line = np.array([1, 3, 3, 1], np.float32) / 8
    kernel = 4 * np.outer(line, line)[None, None]
    for block, side in enumerate(_sides(resolution)):
        width, before = CHANNELS[side], CHANNELS[max(side // 2, 4)]
        for index in (2 * block - 1, 2 * block):
            if index < 0:
                continue
            name = f"synthesis.layer{index}"
            num_in = before if index % 2 else width
            fill.normal(f"{name}.weight", width, num_in, 3, 3)
            fill.normal(f"{name}.bias", width, std=0.3)
            fill.normal(f"{name}.style.weight", num_in, W_DIM)
            fill.normal(f"{name}.style.bias", num_in, std=0.3)
            fill.normal(f"{name}.noise", 1, 1, side, side)
            fill.normal(f"{name}.noise_strength", std=0.2)
            if index % 2:
                fill.state[f"{name}.filter.kernel"] = kernel
        name = f"synthesis.output{block}"
        fill.normal(f"{name}.weight", 3, width, 1, 1)
        fill.normal(f"{name}.bias", 3, std=0.1)
        fill.normal(f"{name}.style.weight", width, W_DIM)
        fill.normal(f"{name}.style.bias", width, std=0.3)
    fill.state["synthesis.upsample.kernel"] = kernel
    return fill.state


def idinvert_generator(resolution=16):
    """genforce/idinvert_pytorch: a row of w for every layer out of the mapping."""
    fill = Filler(3)
    num_rows = 2 * len(_sides(resolution))
    for k, (num_in, num_out) in enumerate([(8, 10), (10, 10), (10, num_rows * W_DIM)]):
        fill.normal(f"mapping.dense{k}.fc.weight", num_out, num_in, std=100)
        fill.normal(f"mapping.dense{k}.wscale.bias", num_out, std=30)
    fill.normal("truncation.w_avg", W_DIM)
    fill.state["truncation.truncation"] = np.ones((1, num_rows, 1), np.float32)
    fill.state["synthesis.lod"] = np.zeros((), np.float32)
    for block, side in enumerate(_sides(resolution)):
        width, before = CHANNELS[side], CHANNELS[max(side // 2, 4)]
        for index in (2 * block, 2 * block + 1):
            name = f"synthesis.layer{index}"
            if index == 0:
                fill.normal(f"{name}.const", 1, width, 4, 4)
            else:
                num_in = width if index % 2 else before
                fill.normal(f"{name}.conv.weight", width, num_in, 3, 3)
            if index and index % 2 == 0:
                fill.state[f"{name}.blur.kernel"] = _blur(width)
            fill.normal(f"{name}.epilogue.bias", width, std=0.3)
            fill.normal(f"{name}.epilogue.apply_noise.noise", 1, 1, side, side)
            fill.normal(f"{name}.epilogue.apply_noise.weight", width, std=0.2)
            dense = f"{name}.epilogue.style_mod.dense"
            fill.normal(f"{dense}.fc.weight", 2 * width, W_DIM)
            fill.normal(f"{dense}.wscale.bias", 2 * width, std=0.3)
        fill.normal(f"synthesis.output{block}.conv.weight", 3, width, 1, 1)
        fill.normal(f"synthesis.output{block}.bias", 3, std=0.1)
    return fill.state


def _blur(width):
    line = np.array([1, 2, 1], np.float32) / 4
    return np.tile(np.outer(line, line)[None, None], (width, 1, 1, 1))


def idinvert_encoder(channels=(6, 8, 8, 10), has_norm=True):
    """genforce/idinvert_pytorch, models/stylegan_encoder_network.py."""
    fill = Filler(4)
    last = len(channels)

    def norm(name, width):
        if has_norm:
            fill.norm(f"{name}.bn", width)

    fill.normal("block0.conv.weight", channels[0], 3, 3, 3, std=0.3)
    norm("block0.bn", channels[0])
    for index in range(1, last):
        num_in, num_out = channels[index - 1 : index + 1]
        hidden = min(num_in, num_out)
        name = f"block{index}"
        if num_in != num_out:
            fill.normal(f"{name}.conv.weight", num_out, num_in, 1, 1, std=0.3)
            norm(f"{name}.bn", num_out)
        for k, (i, o) in enumerate([(num_in, hidden), (hidden, num_out)], 1):
            fill.normal(f"{name}.conv{k}.weight", o, i, 3, 3, std=0.2)
            fill.normal(f"{name}.wscale{k}.bias", o, std=0.3)
            norm(f"{name}.bn{k}", o)
    num_outputs = 2 * last * W_DIM
    fill.normal(f"block{last}.fc.weight", num_outputs, channels[-1] * 16)
    norm(f"block{last}.bn", num_outputs)
    return fill.state


def w_encoder():
    """e4e and HyperStyle: BackboneEncoderUsingLastLayerIntoW."""
    fill = Filler(5)
    fill.normal("input_layer.0.weight", WIDTHS[0], 3, 3, 3, std=0.2)
    fill.norm("input_layer.1", WIDTHS[0])
    fill.normal("input_layer.2.weight", WIDTHS[0], std=0.1, mean=0.25)
    before = WIDTHS[0]
    # Stages are told by their widths: the third one here has that of the second, two
    # blocks of one stage, so that a body of three stages of 1, 2 and 1 blocks results.
    for index, width in enumerate(WIDTHS):
        name = f"body.{index}"
        fill.norm(f"{name}.res_layer.0", before)
        fill.normal(f"{name}.res_layer.1.weight", width, before, 3, 3, std=0.08)
        fill.normal(f"{name}.res_layer.2.weight", width, std=0.1, mean=0.25)
        fill.normal(f"{name}.res_layer.3.weight", width, width, 3, 3, std=0.06)
        fill.norm(f"{name}.res_layer.4", width)
        fill.normal(f"{name}.res_layer.5.fc1.weight", width // 16, width, 1, 1, std=0.2)
        fill.normal(f"{name}.res_layer.5.fc2.weight", width, width // 16, 1, 1)
        if width != before:
            fill.normal(f"{name}.shortcut_layer.0.weight", width, before, 1, 1, std=0.2)
            fill.norm(f"{name}.shortcut_layer.1", width)
        before = width
    fill.normal("linear.weight", W_DIM, before)
    fill.normal("linear.bias", W_DIM, std=0.3)
    return fill.state


def resnet_pyramid():
    """ReStyle's ResNetGradualStyleEncoder: ResNet-34 body with a pyramid."""
    fill = Filler(6)
    fill.normal("conv1.weight", 8, 3, 7, 7, std=0.1)
    fill.norm("bn1", 8)
    fill.normal("relu.weight", 8, std=0.1, mean=0.25)
    before = 8
    for index, width in enumerate((8, 16, 32, 64)):
        name = f"body.{index}"
        fill.normal(f"{name}.conv1.weight", width, before, 3, 3, std=0.1)
        fill.norm(f"{name}.bn1", width)
        fill.normal(f"{name}.conv2.weight", width, width, 3, 3, std=0.1)
        fill.norm(f"{name}.bn2", width)
        if width != before:
            fill.normal(f"{name}.downsample.0.weight", width, before, 1, 1, std=0.3)
            fill.norm(f"{name}.downsample.1", width)
        before = width
    fill.normal("latlayer1.weight", 64, 32, 1, 1, std=0.2)
    fill.normal("latlayer1.bias", 64, std=0.1)
    fill.normal("latlayer2.weight", 64, 16, 1, 1, std=0.2)
    fill.normal("latlayer2.bias", 64, std=0.1)
    for row in range(NUM_ROWS):
        name = f"styles.{row}"
        number = 4 + (0 if row < 3 else 1 if row < 7 else 2)
        for k in range(number):
            num_in = W_DIM if k else 64
            fill.normal(f"{name}.convs.{2 * k}.weight", W_DIM, num_in, 3, 3, std=0.1)
            fill.normal(f"{name}.convs.{2 * k}.bias", W_DIM, std=0.1)
        fill.normal(f"{name}.linear.weight", W_DIM, W_DIM)
        fill.normal(f"{name}.linear.bias", W_DIM, std=0.3)
    return fill.state


def vgg_bn(widths=(4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8, 8)):
    """torchvision's vgg16_bn, narrow."""
    fill = Filler(7)
    before, index = 3, 0
    for position, width in enumerate(widths):
        fill.normal(f"features.{index}.weight", width, before, 3, 3, std=0.3)
        fill.normal(f"features.{index}.bias", width, std=0.1)
        fill.norm(f"features.{index + 1}", width)
        before, index = width, index + 3
        index += position in (1, 3, 6, 9, 12)
    return fill.state
