"""Runs the networks of `layouts.py` in torch and writes `layouts.npz`.

    python -m tests.golden.make_layouts

The programs' networks are expressed anew, from their definitions, in functions of their
state dicts.
"""

import pathlib

import numpy as np
import torch
from torch.nn import functional

from tests.golden import layouts

SQRT2 = 2**0.5


def inputs():
    """What the networks are run on, by name."""
    random = np.random.default_rng(0)
    return {
        "z": random.normal(size=(2, layouts.W_DIM)).astype(np.float32),
        "images": (random.integers(-32, 33, (2, 64, 64, 3)) / 32).astype(np.float32),
        "small": (random.integers(-32, 33, (2, 32, 32, 3)) / 32).astype(np.float32),
    }


def _tensors(state):
    return {name: torch.from_numpy(np.array(array)) for name, array in state.items()}


def _leaky(x, slope=0.2):
    return functional.leaky_relu(x, slope)


def _pixel_norm(z):
    return z / torch.sqrt(torch.mean(z**2, dim=1, keepdim=True) + 1e-8)


def stylegan1_mapping(state, z, weight, bias):
    x, k = _pixel_norm(z), 0
    while weight.format(k) in state:
        scale = SQRT2 / x.shape[1] ** 0.5 * 0.01
        x = x @ state[weight.format(k)].T * scale + state[bias.format(k)] * 0.01
        x, k = _leaky(x), k + 1
    return x


def stylegan1_synthesis(state, ws, names):
    """`names(k)` gives the entries of layer k; `names.output` those of the colors."""
    x = None
    for k in range(ws.shape[1]):
        entry = names(state, k)
        if k == 0:
            x = entry["const"].repeat(len(ws), 1, 1, 1)
        else:
            x = _stylegan1_convolution(x, entry, k)
        x = x + entry["noise"] * entry["noise_weight"][None, :, None, None]
        x = _leaky(x + entry["bias"][None, :, None, None])
        x = x - x.mean(dim=(2, 3), keepdim=True)
        x = x / torch.sqrt((x**2).mean(dim=(2, 3), keepdim=True) + 1e-8)
        style = ws[:, k] @ entry["style"].T / ws.shape[2] ** 0.5 + entry["style_bias"]
        scale, shift = style[:, :, None, None].chunk(2, dim=1)
        x = x * (scale + 1) + shift
    kernel, bias = names(state, ws.shape[1] // 2 - 1, output=True)
    return functional.conv2d(x, kernel / x.shape[1] ** 0.5, bias)


def _stylegan1_convolution(x, entry, k):
    kernel = entry["weight"]
    kernel = kernel * (SQRT2 / (9 * kernel.shape[1]) ** 0.5)
    if k % 2:
        return functional.conv2d(x, kernel, padding=1)
    if 4 << (k // 2) >= 128:
        wide = functional.pad(kernel, (1, 1, 1, 1))
        wide = (
            wide[..., 1:, 1:]
            + wide[..., :-1, 1:]
            + wide[..., 1:, :-1]
            + (wide[..., :-1, :-1])
        )
        x = functional.conv_transpose2d(x, wide.transpose(0, 1), stride=2, padding=1)
    else:
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = functional.conv2d(x, kernel, padding=1)
    blur = entry["blur"]
    return functional.conv2d(x, blur, padding=1, groups=len(blur))


def _genforce_names(state, k, output=False):
    if output:
        name = f"synthesis.output{k}"
        return state[f"{name}.weight"], state[f"{name}.bias"]
    name = f"synthesis.layer{k}"
    return {
        "const": state.get(f"{name}.const"),
        "weight": state.get(f"{name}.weight"),
        "blur": state.get(f"{name}.blur.kernel"),
        "bias": state[f"{name}.bias"],
        "noise": state[f"{name}.apply_noise.noise"],
        "noise_weight": state[f"{name}.apply_noise.weight"],
        "style": state[f"{name}.style.weight"],
        "style_bias": state[f"{name}.style.bias"],
    }


def _idinvert_names(state, k, output=False):
    if output:
        name = f"synthesis.output{k}"
        return state[f"{name}.conv.weight"], state[f"{name}.bias"]
    name = f"synthesis.layer{k}"
    dense = f"{name}.epilogue.style_mod.dense"
    return {
        "const": state.get(f"{name}.const"),
        "weight": state.get(f"{name}.conv.weight"),
        "blur": state.get(f"{name}.blur.kernel"),
        "bias": state[f"{name}.epilogue.bias"],
        "noise": state[f"{name}.epilogue.apply_noise.noise"],
        "noise_weight": state[f"{name}.epilogue.apply_noise.weight"],
        "style": state[f"{dense}.fc.weight"],
        "style_bias": state[f"{dense}.wscale.bias"],
    }


def genforce_stylegan1(given):
    state = _tensors(layouts.genforce_stylegan1())
    names = "mapping.dense{}.weight", "mapping.dense{}.bias"
    w = stylegan1_mapping(state, torch.from_numpy(given["z"]), *names)
    ws = w[:, None].repeat(1, 12, 1)
    return {"w": w, "pictures": stylegan1_synthesis(state, ws, _genforce_names)}


def idinvert_generator(given):
    state = _tensors(layouts.idinvert_generator())
    names = "mapping.dense{}.fc.weight", "mapping.dense{}.wscale.bias"
    w = stylegan1_mapping(state, torch.from_numpy(given["z"]), *names)
    ws = w.reshape(len(w), 6, layouts.W_DIM)
    pictures = stylegan1_synthesis(state, ws, _idinvert_names)
    return {"w": ws, "pictures": torch.tanh(pictures)}


def genforce_stylegan2(given):
    state = _tensors(layouts.genforce_stylegan2())
    w = _pixel_norm(torch.from_numpy(given["z"]))
    for k in range(3):
        weight, bias = (
            state[f"mapping.dense{k}.{part}"] for part in ("weight", "bias")
        )
        w = _leaky(w @ weight.T * (0.01 / w.shape[1] ** 0.5) + bias * 0.01) * SQRT2
    x = state["synthesis.early_layer.const"].repeat(len(w), 1, 1, 1)
    image = None
    for index in range(5):
        x = _modulated(state, f"synthesis.layer{index}", x, w, up=index % 2 == 1)
        if index % 2 == 0:
            rgb = _modulated(state, f"synthesis.output{index // 2}", x, w)
            image = rgb if image is None else rgb + _upsample(state, image)
    return {"w": w, "pictures": image}


def _modulated(state, name, x, w, up=False):
    is_output = f"{name}.noise" not in state
    kernel = state[f"{name}.weight"]
    style = w @ state[f"{name}.style.weight"].T / w.shape[1] ** 0.5
    style = style + state[f"{name}.style.bias"] + 1
    kernel = kernel / (kernel.shape[1] * kernel.shape[2] ** 2) ** 0.5
    kernels = kernel[None] * style[:, None, :, None, None]
    if not is_output:
        norms = torch.sqrt((kernels**2).sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
        kernels = kernels / norms
    outputs = []
    for sample, own in zip(x, kernels, strict=True):
        if up:
            own = own.transpose(0, 1).flip(2, 3)
            y = functional.conv_transpose2d(sample[None], own, stride=2)
            filters = state[f"{name}.filter.kernel"]
            filters = filters.repeat(y.shape[1], 1, 1, 1)
            y = functional.conv2d(y, filters, padding=1, groups=len(filters))
        else:
            y = functional.conv2d(sample[None], own, padding=own.shape[-1] // 2)
        outputs.append(y)
    y = torch.cat(outputs)
    if is_output:
        return y + state[f"{name}.bias"][None, :, None, None]
    y = y + state[f"{name}.noise"] * state[f"{name}.noise_strength"]
    return _leaky(y + state[f"{name}.bias"][None, :, None, None]) * SQRT2


def _upsample(state, image):
    wide = torch.zeros(*image.shape[:2], 2 * image.shape[2], 2 * image.shape[3])
    wide[:, :, ::2, ::2] = image
    kernel = state["synthesis.upsample.kernel"].repeat(image.shape[1], 1, 1, 1)
    return functional.conv2d(
        functional.pad(wide, (2, 1, 2, 1)), kernel, groups=image.shape[1]
    )


def _norm(state, name, x):
    parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var"))
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return functional.batch_norm(x, *parts, weight, bias, eps=1e-5)


def idinvert_encoder(given):
    state = _tensors(layouts.idinvert_encoder())
    x = torch.from_numpy(given["small"]).permute(0, 3, 1, 2)
    x = functional.conv2d(x, state["block0.conv.weight"], padding=1)
    x = _leaky(_norm(state, "block0.bn.bn", x))
    for index in (1, 2, 3):
        name, x = f"block{index}", functional.avg_pool2d(x, 2)
        y = x
        if f"{name}.conv.weight" in state:
            y = functional.conv2d(x, state[f"{name}.conv.weight"])
            y = _leaky(_norm(state, f"{name}.bn.bn", y))
        for k in (1, 2):
            kernel, bias = (
                state[f"{name}.conv{k}.weight"],
                state[f"{name}.wscale{k}.bias"],
            )
            x = functional.conv2d(x, kernel, bias, padding=1)
            x = _leaky(_norm(state, f"{name}.bn{k}.bn", x))
        x = x + y
    x = x.flatten(1)
    x = x @ state["block4.fc.weight"].T / x.shape[1] ** 0.5
    x = _norm(state, "block4.bn.bn", x[:, :, None, None])
    return {"ws": x.reshape(2, 8, layouts.W_DIM)}


def _shrunk(images, side=256):
    x = torch.from_numpy(images).permute(0, 3, 1, 2)
    return functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)


def w_encoder(given):
    state = _tensors(layouts.w_encoder())
    x = _shrunk(given["images"])
    x = functional.conv2d(x, state["input_layer.0.weight"], padding=1)
    x = functional.prelu(
        _norm(state, "input_layer.1", x), state["input_layer.2.weight"]
    )
    for index in range(len(layouts.WIDTHS)):
        stride = 1 if index == 2 else 2  # the second block of its stage
        x = _gated_block(state, f"body.{index}", x, stride)
    x = x.mean(dim=(2, 3))
    w = x @ state["linear.weight"].T / x.shape[1] ** 0.5 + state["linear.bias"]
    return {"ws": w[:, None].repeat(1, 18, 1)}


def _gated_block(state, name, x, stride):
    shortcut = x[:, :, ::stride, ::stride]
    if f"{name}.shortcut_layer.0.weight" in state:
        kernel = state[f"{name}.shortcut_layer.0.weight"]
        shortcut = functional.conv2d(x, kernel, stride=stride)
        shortcut = _norm(state, f"{name}.shortcut_layer.1", shortcut)
    y = _norm(state, f"{name}.res_layer.0", x)
    y = functional.conv2d(y, state[f"{name}.res_layer.1.weight"], padding=1)
    y = functional.prelu(y, state[f"{name}.res_layer.2.weight"])
    kernel = state[f"{name}.res_layer.3.weight"]
    y = functional.conv2d(y, kernel, stride=stride, padding=1)
    y = _norm(state, f"{name}.res_layer.4", y)
    gate = functional.conv2d(
        y.mean(dim=(2, 3), keepdim=True), state[f"{name}.res_layer.5.fc1.weight"]
    )
    gate = functional.conv2d(gate.relu(), state[f"{name}.res_layer.5.fc2.weight"])
    return y * gate.sigmoid() + shortcut


def resnet_pyramid(given):
    state = _tensors(layouts.resnet_pyramid())
    x = _shrunk(given["images"])
    x = functional.conv2d(x, state["conv1.weight"], stride=2, padding=3)
    x = functional.prelu(_norm(state, "bn1", x), state["relu.weight"])
    ends = []
    for index in range(4):
        name, stride = f"body.{index}", 2 if index else 1
        y = functional.conv2d(
            x, state[f"{name}.conv1.weight"], stride=stride, padding=1
        )
        y = _norm(state, f"{name}.bn1", y).relu()
        y = functional.conv2d(y, state[f"{name}.conv2.weight"], padding=1)
        y = _norm(state, f"{name}.bn2", y)
        if f"{name}.downsample.0.weight" in state:
            kernel = state[f"{name}.downsample.0.weight"]
            x = functional.conv2d(x, kernel, stride=stride)
            x = _norm(state, f"{name}.downsample.1", x)
        x = (x + y).relu()
        ends.append(x)
    second = _join(state, "latlayer1", ends[3], ends[2])
    maps = [ends[3], second, _join(state, "latlayer2", second, ends[1])]
    rows = [_head(state, row, maps) for row in range(layouts.NUM_ROWS)]
    return {"ws": torch.stack(rows, dim=1)}


def _join(state, name, coarse, fine):
    fine = functional.conv2d(fine, state[f"{name}.weight"], state[f"{name}.bias"])
    size = fine.shape[2:]
    return fine + functional.interpolate(
        coarse, size, mode="bilinear", align_corners=True
    )


def _head(state, row, maps):
    level = 0 if row < 3 else 1 if row < 7 else 2
    x = maps[level]
    for k in range(4 + level):
        name = f"styles.{row}.convs.{2 * k}"
        kernel, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        x = _leaky(functional.conv2d(x, kernel, bias, stride=2, padding=1), 0.01)
    name = f"styles.{row}.linear"
    x = x.flatten(1)
    return x @ state[f"{name}.weight"].T / x.shape[1] ** 0.5 + state[f"{name}.bias"]


def vgg_bn(given):
    state = _tensors(layouts.vgg_bn())
    x = torch.from_numpy(given["small"]).permute(0, 3, 1, 2)
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    x, found = ((x + 1) / 2 - mean) / std, {}
    index = 0
    for block, depth in enumerate((2, 2, 3, 3, 3), 1):
        for layer in range(1, depth + 1):
            name = f"features.{index}"
            kernel, bias = state[f"{name}.weight"], state[f"{name}.bias"]
            x = functional.conv2d(x, kernel, bias, padding=1)
            x = _norm(state, f"features.{index + 1}", x).relu()
            found[f"relu{block}_{layer}"] = x
            index += 3
        x, index = functional.max_pool2d(x, 2), index + 1
    return {name: found[name] for name in ("relu1_2", "relu3_3", "relu5_3")}


NETWORKS = (
    genforce_stylegan1,
    genforce_stylegan2,
    idinvert_generator,
    idinvert_encoder,
    w_encoder,
    resnet_pyramid,
    vgg_bn,
)


def outputs():
    """All reference arrays, `{"network/name": array}`, maps in NHWC."""
    given, found = inputs(), {}
    with torch.no_grad():
        for run in NETWORKS:
            for name, tensor in run(given).items():
                if tensor.ndim == 4:
                    tensor = tensor.permute(0, 2, 3, 1)
                found[f"{run.__name__}/{name}"] = tensor.numpy()
    return found


def main():
    path = pathlib.Path(__file__).with_name("layouts.npz")
    np.savez_compressed(path, **outputs())
    print(f"wrote {path}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
